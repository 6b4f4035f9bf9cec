"""A burst of 1000."""

from e2e.bench import pairs

SCENARIO = pairs.scenario(count=1000, pairs=2, minutes=6, sweep=False, quick=False)
