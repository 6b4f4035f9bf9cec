"""NVIDIA Triton: its model repository (config, executor) and its keeper in the pod (agent)."""
