"""Faults between the operator and its API server: plans that break things, oracles that judge.

    workload ─▶ reference run (no fault) ─▶ generate ─▶ plans ─▶ runner ─▶ run ─▶ oracles ─▶ report

`plan` and `record` are plain data, `proxy` carries faults out, `runner` plays one plan in a
namespace of its own, `generate` derives plans from what a fault-free run asked of the API server.
Adding a workload is one file in `workloads/`.
"""
