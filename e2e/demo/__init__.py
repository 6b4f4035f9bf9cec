"""The main job once through, on a real cluster: `python -m e2e.demo` (`make demo`).

    cluster → images → chart → data → examples → follow their status → predictions → verdict

Every step can be done again: a run that was interrupted is gone on with by the next one.
"""
