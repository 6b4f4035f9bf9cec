"""The kernel tells when an instance dies, by the lock that it frees."""

import contextlib
from pathlib import Path

from modelservice_runtime.triton.pulse import Pulse, prepare
from tests.runtime.triton.locks import locked


def test_all_alive_then_one_dead(tmp_path: Path) -> None:
    prepare(tmp_path, instances=2)
    pulse = Pulse(tmp_path, instances=2)
    with locked(tmp_path / "instances/000"):
        assert not pulse.lost(), "one of two has not come up yet: that is no death"
        with locked(tmp_path / "instances/001"):
            assert not pulse.lost()
        assert pulse.lost()


def test_a_reload_has_more_instances_for_a_while(tmp_path: Path) -> None:
    prepare(tmp_path, instances=2)
    pulse = Pulse(tmp_path, instances=2)
    with contextlib.ExitStack() as old, contextlib.ExitStack() as new:
        for slot in range(2):
            old.enter_context(locked(tmp_path / f"instances/{slot:03}"))
            new.enter_context(locked(tmp_path / f"instances/{slot + 2:03}"))
        assert not pulse.lost()
        old.close()
        assert not pulse.lost()
        new.close()
        assert pulse.lost()


def test_a_model_without_executor_has_no_pulse(tmp_path: Path) -> None:
    assert not Pulse(tmp_path, instances=1).lost()


def test_looking_leaves_no_lock_behind(tmp_path: Path) -> None:
    prepare(tmp_path, instances=1)
    Pulse(tmp_path, instances=1).lost()
    with locked(tmp_path / "instances/000"):
        pass
