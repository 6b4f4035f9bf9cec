"""A burst of new services, by the operator and by the bare client, on the whole control plane.

Each run has a fresh control plane, on which the same writer has made a few services before, so that
nothing measured is anybody's first. A run of ours and one of the bare client are a pair: both are
made right after one another, and their ratio counts.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from e2e.bench import bare, load
from e2e.bench.audit import Entry
from e2e.bench.bed import OPERATOR, Bed
from e2e.bench.follow import Follower, every, following
from e2e.bench.objects import CHILDREN_EACH, Name, Template, batch, service_of
from e2e.bench.processes import Usage
from e2e.bench.trial import Trial
from modelservice_operator.kube.kinds import DEPLOYMENT, MODEL_SERVICE, POD

WARM = 20
SETUP = 120.0
# The slowest that a service may be made before a run is given up.
SLOWEST = 2.0  # seconds a service
SWEEP = (2, 4, 8, 16, 32)


@dataclass(frozen=True)
class Lags:
    """Seconds from the moment at which pods were available until Ready said so, a service each.

    `available`: since their Deployment said so; `pods`: since the pod itself was ready.
    """

    available: Sequence[float] = ()
    pods: Sequence[float] = ()


@dataclass(frozen=True)
class Burst:
    """One run. Times are seconds since the first service was sent."""

    side: str
    count: int
    concurrency: int
    written: float  # until the last child and the last service's first status
    available: float  # ours: until all were Ready; bare: until all Deployments were available
    cpu: Mapping[str, float]  # CPU seconds by process, until `available`
    operator_cpu: float = 0.0  # the same of the operator, until it had nothing more to write
    requests: Mapping[str, int] = field(default_factory=dict)
    lags: Lags = field(default_factory=Lags)
    flaps: int = 0

    @property
    def rate(self) -> float:
        """Services a second, whose children and status were written."""
        return self.count / self.written

    def each(self, kind: str) -> float:
        """Requests of the operator a service: `children`, `status`, `events`, `reads`."""
        return self.requests.get(kind, 0) / self.count


def nodes(count: int) -> int:
    """Nodes for so many pods, with room for twice of them and more."""
    return max(4, count // 50)


async def by_operator(trial: Trial, count: int) -> Burst:
    """Users create `count` services; the operator does the rest."""
    async with (
        trial.bed(nodes=nodes(count)) as bed,
        following(bed.user, MODEL_SERVICE, DEPLOYMENT, POD) as follower,
    ):
        operator = bed.operator(fresh=True)
        operator.wait_ready()
        warm, names = batch(WARM, prefix="warm"), batch(count)
        ready = follower.ready[1]
        await create(bed, warm)
        await follower.until(every((name.name for name in warm), ready), seconds=SETUP)
        await bed.settled()
        pids = bed.pids(operator)
        before, began = Usage.of(pids), time.time()
        await create(bed, names)
        done = await follower.until(
            every((name.name for name in names), ready), seconds=SETUP + SLOWEST * count
        )
        used = Usage.of(pids).since(before)
        ours = [entry for entry in await bed.settled() if entry.user == OPERATOR]
        return Burst(
            "ours",
            count,
            0,
            written=written(ours, names=names) - began,
            available=done - began,
            cpu=used,
            operator_cpu=Usage.of(pids).since(before)["operator"],
            requests=requests(ours),
            lags=_lags(names, follower),
            flaps=follower.flaps,
        )


async def by_client(
    trial: Trial, count: int, *, template: Template, concurrency: int, check: bool = False
) -> Burst:
    """Users create `count` services; the bare client writes what the operator would.

    With `check`, an operator is started over its objects at the end; what it writes then is in
    `requests`, and should be nothing.
    """
    async with trial.bed(nodes=nodes(count)) as bed:
        names = batch(count)
        seconds = SETUP + SLOWEST * count
        async with following(bed.user, MODEL_SERVICE, DEPLOYMENT, POD) as follower:
            await write(bed, batch(WARM, prefix="warm"), template=template, concurrency=concurrency)
            await follower.until(lambda: len(follower.available) >= WARM, seconds=SETUP)
            pids = bed.pids(None)
            before, began = Usage.of(pids), time.time()
            await write(bed, names, template=template, concurrency=concurrency)
            ended = time.time()
            done = await follower.until(
                lambda: len(follower.available) >= WARM + count, seconds=seconds
            )
            used = Usage.of(pids).since(before)
        found = await _started_over(bed) if check else Counter[str]()
        return Burst(
            "bare",
            count,
            concurrency,
            written=ended - began,
            available=done - began,
            cpu=used,
            requests=found,
        )


async def _started_over(bed: Bed) -> Counter[str]:
    """What an operator writes that is started now."""
    bed.audit.skip()
    bed.operator().wait_ready()
    return requests([entry for entry in await bed.settled() if entry.user == OPERATOR])


async def create(bed: Bed, names: Sequence[Name]) -> None:
    """Users create services, as fast as a few hands can."""

    async def one(name: Name) -> None:
        await bare.create(bed.user, name)

    await load.together(names, one, concurrency=bare.USERS)


async def write(bed: Bed, names: Sequence[Name], *, template: Template, concurrency: int) -> None:
    """The same, and the bare client writes their children and status."""
    await bare.burst(
        names, user=bed.user, writer=bed.writer, template=template, concurrency=concurrency
    )


async def best(trial: Trial, count: int, *, template: Template, sweep: Sequence[int]) -> int:
    """At how many services at a time the bare client is fastest, with the rows of the sweep."""
    rates: dict[int, float] = {}
    for concurrency in sweep:
        run = await by_client(trial, count, template=template, concurrency=concurrency)
        rates[concurrency] = run.rate
        trial.row("sweep", concurrency=concurrency, count=count, rate=run.rate)
        trial.tell(f"bare client, {concurrency} at a time: {run.rate:.1f} services/s")
    return max(rates, key=lambda concurrency: rates[concurrency])


def written(ours: Collection[Entry], *, names: Sequence[Name]) -> float:
    """When the last service had all of its children and a status. Raises ValueError if one never
    had."""
    children, told = progress(ours)
    missing = [n.name for n in names if n.name not in told or n.name not in children]
    if missing:
        raise ValueError(f"{len(missing)} services were not written, {missing[0]} among them")
    return max(max(children[name.name], told[name.name]) for name in names)


def progress(ours: Collection[Entry]) -> tuple[dict[str, float], dict[str, float]]:
    """By service: when all of its children were written first, and when its status was."""
    seen: dict[str, set[tuple[str, str]]] = {}
    children: dict[str, float] = {}
    told: dict[str, float] = {}
    for entry in sorted(ours, key=lambda entry: entry.answered):
        if not entry.writes or entry.code >= 300 or entry.resource in {"events", "leases"}:
            continue
        service = service_of(entry.name)
        if entry.resource == "modelservices":
            told.setdefault(service, entry.answered)
            continue
        # the name of an object that is POSTed is not in the path, but the audit log has it
        made = seen.setdefault(service, set())
        made.add((entry.resource, entry.name))
        if len(made) == CHILDREN_EACH:
            children.setdefault(service, entry.answered)
    return children, told


def requests(ours: Collection[Entry]) -> Counter[str]:
    """Requests by what they are for. A write that was refused counts too."""
    return Counter(map(purpose, ours))


def purpose(entry: Entry) -> str:
    """What a request of the operator is for."""
    if entry.resource in {"events", "leases"}:
        return entry.resource
    if entry.reads:
        return "reads"
    if not entry.writes:
        return "watches"
    return "status" if entry.subresource == "status" else "children"


def _lags(names: Sequence[Name], follower: Follower) -> Lags:
    available = {service_of(name): at for name, at in follower.available.items()}
    ready = follower.ready[1]
    lag: Callable[[Mapping[str, float]], list[float]] = lambda since: [  # noqa: E731
        max(0.0, ready[name.name] - since[name.name]) for name in names if name.name in since
    ]
    return Lags(lag(available), lag(follower.pods_ready))


def keep(trial: Trial, pair: int, run: Burst) -> None:
    """Keep the raw rows of a run."""
    trial.row(
        "runs",
        pair=pair,
        side=run.side,
        count=run.count,
        concurrency=run.concurrency,
        written_s=run.written,
        available_s=run.available,
        rate=run.rate,
        operator_cpu_s=run.operator_cpu,
        flaps=run.flaps,
        **{name: run.requests.get(name, 0) for name in ("children", "status", "events", "reads")},
    )
    for process, seconds in run.cpu.items():
        trial.row("cpu", pair=pair, side=run.side, process=process, seconds=seconds)
    for available, pods in zip(run.lags.available, run.lags.pods, strict=False):
        trial.row("lags", pair=pair, available=round(available, 3), pods=round(pods, 3))
