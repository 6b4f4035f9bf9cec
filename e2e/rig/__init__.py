"""Whole control planes and operators as plain processes, for benchmarks and fault tests.

`plane` runs etcd, the API server and, if wanted, the built-in controllers, the scheduler and kwok
nodes; `operators` starts, pauses and kills operators against it. No root, no kubelet, no container.
"""
