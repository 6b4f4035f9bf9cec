"""A burst of 300."""

from e2e.bench import pairs

SCENARIO = pairs.scenario(count=300, pairs=3, minutes=4, sweep=False, quick=False)
