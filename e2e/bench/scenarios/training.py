"""The loop of the recipes beside a plain one of torch, in the trainer's image."""

import asyncio
import json
import shutil
from collections import defaultdict

from e2e.bench.figure import Figure
from e2e.bench.scenario import Scenario
from e2e.bench.trial import Skipped, Trial
from e2e.images import inside, leftovers, places
from e2e.images.buildah import Buildah
from e2e.images.recipes import IMAGES

RECIPES = ("cnn", "binary", "rnn", "mlp")
FIGURES = (
    *(
        Figure(f"ratio_{name}", f"`{name}`: our loop's rate ÷ the plain one's", at_least=0.95)
        for name in RECIPES
    ),
    *(Figure(f"rate_{name}", f"`{name}`: our loop's rate", unit="samples/s") for name in RECIPES),
)


async def run(trial: Trial) -> None:
    """Pairs of trainings; who is first changes from pair to pair."""
    await asyncio.to_thread(_run, trial)


def _run(trial: Trial) -> None:
    here = places.default()
    if shutil.which("buildah") is None or not here.storage.exists():
        raise Skipped("no image was built on this machine: make images")
    buildah = Buildah(here)
    reference = IMAGES["trainer"].reference()
    if not buildah.has(reference):
        raise Skipped("the trainer's image was not built on this machine: make images")
    pairs = trial.choose(7, 1, name="pairs")
    with leftovers.alone(here):
        text = inside.output(reference, ("-m", "e2e.bench.loops", str(pairs)), buildah=buildah)
    found: dict[tuple[str, int], dict[str, float]] = defaultdict(dict)
    for line in text.splitlines():
        row = json.loads(line)
        trial.row("trainings", **row)
        found[row["recipe"], row["pair"]][row["side"]] = row["rate"]
    for (recipe, _), rates in found.items():
        trial.measure(f"ratio_{recipe}", rates["ours"] / rates["plain"])
        trial.measure(f"rate_{recipe}", rates["ours"])


SCENARIO = Scenario(
    "training",
    "Recipes are trained by our loop, with its metrics and progress, and by a plain loop of torch "
    "on the same network and data, in turns.",
    FIGURES,
    run,
    minutes=2,
    order=43,
)
