"""One at a time, whatever happened to the last one."""

import subprocess
import sys
from pathlib import Path

from e2e.cluster.lock import held

ROOT = Path(__file__).parents[2]
HOLD = """
import sys
from pathlib import Path
from e2e.cluster.lock import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


def holder(lock: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def says_held(process: "subprocess.Popen[str]") -> bool:
    assert process.stdout is not None
    return process.stdout.readline() == "held\n"


def test_the_file_is_gone_afterwards(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with held(lock):
        assert lock.exists()
    assert not lock.exists()


def test_a_second_one_waits_and_then_has_it(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with holder(lock) as first:
        assert says_held(first)
        with holder(lock) as second:
            assert second.stderr is not None
            assert f"waiting for process {first.pid}" in second.stderr.readline()
            first.communicate("\n")
            assert says_held(second)
            second.communicate("\n")
    assert not lock.exists()


def test_a_killed_holder_is_no_obstacle(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with holder(lock) as first:
        assert says_held(first)
        first.kill()
        first.communicate()
    assert lock.exists()
    with held(lock):
        pass
    assert not lock.exists()
