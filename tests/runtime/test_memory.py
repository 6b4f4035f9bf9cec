"""Buffers that are freed are used again, and not given by the kernel anew."""

import subprocess
import sys

import pytest

PROGRAM = """
import resource
import sys

from modelservice_runtime.memory import keep_buffers

if sys.argv[1] == "kept":
    keep_buffers()
for _ in range(8):
    [bytearray(b"x") * (8 * 2**20) for _ in range(8)]
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


def faults(how: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="of glibc")
def test_freed_buffers_are_kept() -> None:
    assert faults("kept") * 2 < faults("returned")
