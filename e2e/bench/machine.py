"""Where and with what something was measured. Nothing here names the machine."""

import hashlib
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PACKAGES = ("aiohttp", "kopf", "kubernetes", "pydantic", "uvloop")


def describe() -> dict[str, Any]:
    """Processor, cores, memory, kernel, and how busy it is now."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 0,
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "kernel": platform.release().partition("-")[0],
        "load": round(os.getloadavg()[0], 2),
    }


def packages() -> dict[str, str]:
    """Versions of the interpreter and of what the operator's speed depends on."""
    found = {f"python {name}": version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **found}


def source(checkout: Path) -> dict[str, str]:
    """Which operator it was: the commit, and a digest of its sources as they lay there."""
    found = hashlib.sha256()
    for file in sorted((checkout / "operator").rglob("*.py")):
        found.update(file.relative_to(checkout).as_posix().encode() + b"\0" + file.read_bytes())
    commit = subprocess.run(
        ["git", "-C", str(checkout), "rev-parse", "--short=12", "HEAD"],
        check=False,
        capture_output=True,
        text=True,
    ).stdout.strip()
    return {"commit": commit, "operator": found.hexdigest()[:12]}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
