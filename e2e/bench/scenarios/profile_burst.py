"""Where the operator's time goes in a burst."""

import asyncio
import contextlib
import shutil
import sys
from pathlib import Path

from e2e.bench import burst
from e2e.bench.figure import Figure
from e2e.bench.follow import following
from e2e.bench.objects import batch
from e2e.bench.profile import Profile
from e2e.bench.scenario import Scenario
from e2e.bench.trial import Trial
from e2e.cluster.problem import Problem
from modelservice_operator.kube.kinds import MODEL_SERVICE

FIGURES = (
    Figure("kopf", "the watch engine's share of the operator's time", unit="%"),
    Figure("samples", "samples"),
)
HERTZ = 200
START = 2.0  # seconds until the sampler has attached


async def run(trial: Trial) -> None:
    """Sample one operator while it makes a burst."""
    count = trial.choose(300, 40, name="services")
    program = shutil.which("py-spy", path=str(Path(sys.executable).parent))
    if program is None:
        raise Problem("py-spy is not installed", advice="install requirements/dev.txt")
    raw = trial.directory / "stacks"
    async with (
        trial.bed(nodes=burst.nodes(count)) as bed,
        following(bed.user, MODEL_SERVICE) as follower,
    ):
        operator = bed.operator(fresh=True)
        operator.wait_ready()
        sampler = await asyncio.create_subprocess_exec(
            *(program, "record", "--pid", str(operator.pid), "--rate", str(HERTZ)),
            *("--format", "raw", "--output", str(raw), "--nonblocking", "--duration", "3600"),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        with contextlib.suppress(TimeoutError):
            _, error = await asyncio.wait_for(sampler.communicate(), START)
            raise Problem("py-spy cannot attach", advice="allow ptrace", details=error.decode())
        await burst.create(bed, batch(count))
        await follower.until(lambda: len(follower.ready[1]) >= count, seconds=600)
        operator.terminate()  # which ends the sampler too
        operator.wait()
        await asyncio.wait_for(sampler.wait(), 30)
    profile = Profile.read(raw.read_text().splitlines())
    trial.text = f"{count} services, {profile.samples} samples at {HERTZ} Hz\n\n{profile.text()}"
    for part, samples in profile.parts.most_common():
        trial.row("parts", part=part, percent=round(100 * samples / profile.samples, 1))
    trial.measure("samples", profile.samples)
    trial.measure("kopf", 100 * profile.parts["kopf"] / profile.samples)


SCENARIO = Scenario(
    "profile-burst",
    "The operator is sampled while 300 services are created.",
    FIGURES,
    run,
    minutes=2,
    order=42,
)
