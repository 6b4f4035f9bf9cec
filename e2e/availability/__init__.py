"""What happens to services when an operator goes away: tests on the rig, without root.

Two operators run as processes against a real API server, controllers and kwok nodes; each has a
user of its own, so that the audit log says who wrote what, and a way to the API server of its own,
so that one of them can be cut off. `python -m pytest e2e/availability` runs them.
"""
