"""NVIDIA Triton: its model repository (config, executor) and its keeper in the pod (agent)."""

from pathlib import Path


def executor_path() -> Path:
    """The Python-backend executor, which is copied into model repositories and not imported."""
    return Path(__file__).with_name("executor.py")
