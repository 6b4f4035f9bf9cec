"""A burst of 100."""

from e2e.bench import pairs

SCENARIO = pairs.scenario(count=100, pairs=5, minutes=4, sweep=False, quick=False)
