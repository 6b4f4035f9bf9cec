"""A burst of 3000."""

from e2e.bench import pairs

SCENARIO = pairs.scenario(count=3000, pairs=1, minutes=10, sweep=False, quick=False)
