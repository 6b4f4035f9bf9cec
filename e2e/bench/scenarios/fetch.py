"""A model is fetched: downloaded, decrypted, unpacked, verified, placed; beside a bare download."""

import asyncio
from pathlib import Path

from e2e.bench.fetching import artifact, runs
from e2e.bench.fetching.artifact import Artifact
from e2e.bench.fetching.runs import Run, Server
from e2e.bench.figure import Figure
from e2e.bench.scenario import Scenario
from e2e.bench.trial import Trial

EACH, WHOLE = 200e6, 1.6e9
SLOWER = 4
GIB, MIB = 2**30, 2**20

FIGURES = (
    Figure("ratio", "our rate ÷ the bare client's: signed, zstd", at_least=0.9),
    Figure("ratio_encrypted", "the same, encrypted too", at_least=0.9),
    Figure("ratio_slower", "the same, encrypted, from a server of a quarter of the speed"),
    Figure("rate", "our rate: signed, zstd", unit="MB/s"),
    Figure("rate_encrypted", "our rate, encrypted too", unit="MB/s"),
    Figure("rate_bare", "the bare client's rate", unit="MB/s"),
    Figure("cpu", "CPU of the fetch a GiB: signed, zstd", unit="s"),
    Figure("cpu_encrypted", "CPU of the fetch a GiB, encrypted too", unit="s"),
    Figure("cpu_bare", "CPU of the bare client a GiB", unit="s"),
    Figure("cpu_server", "CPU of the server a GiB, for the fetch", unit="s"),
    Figure("cpu_server_bare", "CPU of the server a GiB, for the bare client", unit="s"),
    Figure("peak", "peak memory of the fetch, encrypted", unit="MiB", at_most=256.0),
    Figure("start", "start and end of the fetch's process, not in its rate", unit="s"),
)


async def run(trial: Trial) -> None:
    """Pairs, one form of the artifact after the other."""
    await asyncio.to_thread(_run, trial)


def _run(trial: Trial) -> None:
    mebibytes = trial.choose(1107, 138, name="MiB of the model")  # 1024 and 128 once compressed
    pairs = trial.choose(7, 1, name="pairs")
    plain, encrypted = artifact.sealed(trial.directory, mebibytes=mebibytes)
    trial.parameters["MiB of the artifact"] = round(plain.size / MIB)
    stored = plain.path.parent
    with runs.serving(stored, each=EACH, whole=WHOLE) as server:
        for number in range(pairs):
            for found, suffix in ((plain, ""), (encrypted, "_encrypted")):
                ours, bare = _pair(trial, found, server=server, number=number, kind=suffix)
                gib = found.size / GIB
                trial.measure(f"ratio{suffix}", bare.seconds / ours.seconds)
                trial.measure(f"rate{suffix}", found.size / ours.seconds / 1e6)
                trial.measure(f"cpu{suffix}", ours.cpu / gib)
                trial.measure("rate_bare", found.size / bare.seconds / 1e6)
                trial.measure("cpu_bare", bare.cpu / gib)
                trial.measure("cpu_server", ours.server_cpu / gib)
                trial.measure("cpu_server_bare", bare.server_cpu / gib)
                trial.measure("start", ours.whole - ours.seconds)
                if suffix:
                    trial.measure("peak", ours.peak / MIB)
    with runs.serving(stored, each=EACH / SLOWER, whole=WHOLE / SLOWER) as server:
        for number in range(trial.choose(3, 1)):
            ours, bare = _pair(trial, encrypted, server=server, number=number, kind="_slower")
            trial.measure("ratio_slower", bare.seconds / ours.seconds)


def _pair(
    trial: Trial, found: Artifact, *, server: Server, number: int, kind: str
) -> tuple[Run, Run]:
    """A fetch and a bare download; who is first changes from pair to pair."""
    sides = {"ours": runs.ours, "bare": runs.bare}
    taken: dict[str, Run] = {}
    folder = Path(trial.directory)
    for side in sorted(sides, reverse=number % 2 == 0):
        taken[side] = one = sides[side](found, server=server, folder=folder)
        trial.row(
            "fetches",
            pair=number,
            kind=kind.removeprefix("_") or "plain",
            side=side,
            bytes=found.size,
            seconds=one.seconds,
            whole_s=one.whole,
            cpu_s=one.cpu,
            server_cpu_s=one.server_cpu,
            peak_bytes=one.peak,
        )
    return taken["ours"], taken["bare"]


SCENARIO = Scenario(
    "fetch",
    "1 GiB of a signed artifact is fetched from a server that gives 200 MB/s a connection and "
    "1.6 GB/s in all, and downloaded by a bare client with as many connections. Client, server "
    "and the pods' program share the cores.",
    FIGURES,
    run,
    minutes=3,
    order=39,
)
