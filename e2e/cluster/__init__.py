"""The embedded development cluster: a real one-node Kubernetes on a bare Linux machine.

`python -m e2e.cluster up` boots it, `down` removes it; docs/development.md tells how it works.
The layers, lowest first: `problem`, `places`, `report` → `processes`, `certificates`, `client`,
`tools` → `components` (one file a program: its flags and when it is ready) → `network`,
`leftovers`, `preflight` → `cluster` (up and down) → `__main__`.
`controlplane` uses the lower layers alone: etcd and an API server for integration tests.
"""
