"""A wanted model comes up by itself whatever Triton does: starts late, crashes, refuses."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from modelservice_runtime.document import Document
from modelservice_runtime.triton.client import LoadError, TritonAway
from modelservice_runtime.triton.keeper import Keeper, Phase
from modelservice_runtime.triton.pulse import Pulse, prepare
from tests.runtime.examples import document, model_entry
from tests.runtime.triton.locks import locked

MODEL = Document.parse(document(model_entry(version=3))).models[0]


class Server:
    """A Triton of one model: up or down, with a load that does what `on_load` says."""

    def __init__(self) -> None:
        self.up = False
        self.loaded = False
        self.loads = 0
        self.on_load: Callable[[], None] = self.accept

    def accept(self) -> None:
        self.loaded = True

    def crash(self) -> None:
        self.up = self.loaded = False

    async def live(self) -> bool:
        return self.up

    async def ready(self, model: str, *, version: int) -> bool:
        assert (model, version) == ("digits", 3)
        return self.up and self.loaded

    async def load(self, model: str) -> None:
        self.loads += 1
        self.on_load()


class Setting:
    """A keeper, its Triton and its clock."""

    def __init__(self, folder: Path) -> None:
        self.now = 0.0
        self.server = Server()
        self.keeper = Keeper(
            MODEL,
            server=self.server,
            pulse=Pulse(folder, instances=1),
            clock=lambda: self.now,
        )

    async def look(self, *, after: float = 1.0) -> Phase:
        self.now += after
        await self.keeper.look()
        return self.keeper.state.phase


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    return Setting(tmp_path)


async def test_triton_may_start_late(setting: Setting) -> None:
    assert setting.keeper.state.phase is Phase.WAITING
    for _ in range(100):
        assert await setting.look() is Phase.WAITING
    setting.server.up = True
    assert await setting.look() is Phase.READY
    assert setting.server.loads == 1


async def test_a_ready_model_is_left_alone(setting: Setting) -> None:
    setting.server.up = setting.server.loaded = True
    for _ in range(10):
        assert await setting.look() is Phase.READY
    assert setting.server.loads == 0


async def test_after_a_crash_the_model_is_loaded_again(setting: Setting) -> None:
    setting.server.up = True
    await setting.look()
    setting.server.crash()
    assert await setting.look() is Phase.WAITING
    setting.server.up = True
    assert await setting.look() is Phase.READY
    assert setting.keeper.state.loads == 2


async def test_a_crash_while_loading_is_waited_for(setting: Setting) -> None:
    def crash() -> None:
        setting.server.crash()
        raise TritonAway

    setting.server.up = True
    setting.server.on_load = crash
    assert await setting.look() is Phase.WAITING
    assert setting.keeper.state.failures == 0


def refuse() -> None:
    raise LoadError("out of memory")


async def test_a_refused_model_is_tried_again_ever_less_often(setting: Setting) -> None:
    setting.server.up = True
    setting.server.on_load = refuse
    attempts = []
    for second in range(1, 400):
        before = setting.server.loads
        assert await setting.look() is Phase.FAILED
        if setting.server.loads > before:
            attempts.append(second)
    waits = [late - early for early, late in pairwise(attempts)]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60]
    assert setting.keeper.document()["message"] == "out of memory"
    setting.server.on_load = setting.server.accept
    assert await setting.look(after=60) is Phase.READY
    assert "message" not in setting.keeper.document()


async def test_a_new_triton_is_asked_at_once(setting: Setting) -> None:
    setting.server.up = True
    setting.server.on_load = refuse
    for _ in range(100):
        await setting.look()
    setting.server.crash()
    await setting.look()
    setting.server.up = True
    setting.server.on_load = setting.server.accept
    assert await setting.look() is Phase.READY


async def test_an_instance_that_dies_is_loaded_anew(setting: Setting, tmp_path: Path) -> None:
    """Triton calls the model ready and answers errors for ever: only the lock shows it."""
    prepare(tmp_path, instances=1)
    program = tmp_path / "model.py"
    program.write_text("")
    born = program.stat().st_mtime_ns
    setting.server.up = setting.server.loaded = True
    with locked(tmp_path / "instances" / "000"):
        assert await setting.look() is Phase.READY
    assert await setting.look() is Phase.READY
    assert setting.server.loads == 1
    assert program.stat().st_mtime_ns > born
    await setting.look()
    assert setting.server.loads == 1


async def test_an_ensemble_waits_for_its_models(tmp_path: Path) -> None:
    """Triton would load the members by itself, beside their keepers, and a second time."""
    server = Server()
    server.up = True
    pulse = Pulse(tmp_path, instances=1)
    member = Keeper(MODEL, server=server, pulse=pulse)
    whole = Server()
    whole.up = True
    ensemble = Keeper(MODEL, server=whole, pulse=pulse, members=lambda: [member])
    await ensemble.look()
    assert whole.loads == 0
    assert ensemble.document()["state"] == "Waiting"
    assert ensemble.document()["message"] == "It waits for its models digits."
    server.on_load = refuse
    await member.look()
    await ensemble.look()
    assert whole.loads == 0
    server.loaded = True
    await member.look()
    await ensemble.look()
    assert (whole.loads, ensemble.state.phase) == (1, Phase.READY)


async def test_an_ensemble_that_answers_is_left_alone(tmp_path: Path) -> None:
    """A member is loaded anew, say: Triton joins it with the ensemble by itself."""
    server, whole = Server(), Server()
    server.up = whole.up = whole.loaded = True
    pulse = Pulse(tmp_path, instances=1)
    member = Keeper(MODEL, server=server, pulse=pulse)
    ensemble = Keeper(MODEL, server=whole, pulse=pulse, members=lambda: [member])
    await ensemble.look()
    assert (whole.loads, ensemble.state.phase) == (0, Phase.READY)


async def test_the_state_is_told_in_the_documents_words(setting: Setting) -> None:
    setting.server.up = True
    await setting.look()
    assert setting.keeper.document() == {
        "name": "digits",
        "version": 3,
        "state": "Ready",
        "loadSeconds": 0.0,
    }
