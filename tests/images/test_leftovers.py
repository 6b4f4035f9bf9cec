"""A killed run's remains go, and two runs do not meet."""

import fcntl
import os
import threading
from pathlib import Path

import pytest

from e2e.images import leftovers
from e2e.images.places import Places

MOUNTS = """\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
90 22 0:44 / /home/me/.cache/modelservice/images/storage/overlay/aa/merged rw - overlay overlay rw
91 90 0:45 / /home/me/.cache/modelservice/images/storage/overlay/aa/merged/proc rw - proc proc rw
92 22 0:46 / /home/me/.cache/modelservice/images2/merged rw - overlay overlay rw
"""


def test_mounts_below_the_cache_are_found_deepest_first() -> None:
    merged = "/home/me/.cache/modelservice/images/storage/overlay/aa/merged"
    found = leftovers.mounted_below(Path("/home/me/.cache/modelservice/images"), mountinfo=MOUNTS)
    assert found == [f"{merged}/proc", merged]


def test_unfinished_files_go_and_finished_ones_stay(tmp_path: Path) -> None:
    places = Places(cache=tmp_path)
    (places.work / "base.tar").mkdir(parents=True)
    (places.state / "overlay").mkdir(parents=True)
    places.storage.mkdir()
    with leftovers.alone(places):
        assert list(places.work.iterdir()) == []
        assert not places.state.exists()
        (places.work / "mine").touch()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lock", "storage"]


def test_a_second_run_waits_for_the_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places, entered = Places(cache=tmp_path), threading.Event()

    def second() -> None:
        with leftovers.alone(places):
            entered.set()

    handle = os.open(places.lock, os.O_RDWR | os.O_CREAT)
    fcntl.flock(handle, fcntl.LOCK_EX)
    waiting = threading.Thread(target=second)
    waiting.start()
    assert not entered.is_set()
    os.close(handle)
    waiting.join()
    assert entered.is_set()
