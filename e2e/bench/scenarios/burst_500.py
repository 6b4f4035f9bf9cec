"""The main figure: a burst of 500, five times, each beside a run of the bare client."""

from e2e.bench import pairs

SCENARIO = pairs.scenario(count=500, pairs=5, minutes=12, sweep=True, quick=True)
