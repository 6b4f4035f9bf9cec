"""torch itself computes in the executor what the files say, after our check let them through."""

import json
import pickle
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from modelservice_runtime import tensors
from modelservice_runtime.formats import torch_export, torchscript
from modelservice_runtime.triton import pulse
from tests.runtime.formats.models import FILES, PROGRAMS, SCRIPTS, STATED, changed, formula
from tests.runtime.triton.stand_ins import Tensor, arguments, executor

pytestmark = [
    pytest.mark.torch,
    # Newer torch advises against TorchScript, and still reads and runs it.
    pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning"),
]

# The layout of 2.8 and later cannot be read by what is older.
NEW_LAYOUT = tuple(int(part) for part in torch.__version__.split(".")[:2]) >= (2, 8)


class TorchTensor(Tensor):
    """As in Triton, `to_dlpack` gives a capsule."""

    def to_dlpack(self) -> Any:
        return self.array.__dlpack__()

    @classmethod
    def from_dlpack(cls, name: str, tensor: Any) -> "TorchTensor":
        return cls(name, np.from_dlpack(tensor).copy())


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Make an instance of the executor with a file, as `fetch` and Triton do."""
    module = executor(monkeypatch)
    monkeypatch.setattr(module.pb_utils, "Tensor", TorchTensor)
    # torch allows the number of these threads to be set once a process.
    monkeypatch.setattr(torch, "set_num_interop_threads", lambda count: None)
    instances = []

    def make(name: str, **outputs: str) -> Any:
        version = tmp_path / "1"
        version.mkdir()
        pulse.prepare(version, instances=1)
        shutil.copyfile(FILES / name, version / f"model{Path(name).suffix}")
        read = torchscript.read if name in SCRIPTS else torch_export.read
        signature = read(FILES / name, STATED)
        config = {
            "max_batch_size": 8,
            "input": [described(tensor, {}) for tensor in signature.inputs],
            "output": [described(tensor, outputs) for tensor in signature.outputs],
            "parameters": {"intra_op_thread_count": {"string_value": "1"}},
        }
        instance = module.TritonPythonModel()
        instance.initialize(arguments(tmp_path, config=json.dumps(config)))
        instances.append(instance)
        return instance

    yield make
    for instance in instances:
        instance.finalize()


def described(tensor: tensors.Tensor, types: dict[str, str]) -> dict[str, str]:
    return {"name": tensor.name, "data_type": types.get(tensor.name, f"TYPE_{tensor.data_type}")}


def request(rows: int) -> dict[str, Any]:
    generator = np.random.default_rng(rows)
    return {
        name: TorchTensor(name, generator.standard_normal((rows, width)).astype(np.float32))
        for name, width in (("x", 4), ("y", 3))
    }


@pytest.mark.parametrize("name", [*SCRIPTS, *PROGRAMS])
def test_the_numbers_are_the_formulas(name: str, load: Callable[..., Any]) -> None:
    if name == "program-2.15.pt2" and not NEW_LAYOUT:
        pytest.skip("this torch cannot read the layout of newer ones")
    requests = [request(1), request(3), request(2)]
    for sent, response in zip(requests, load(name).execute(requests), strict=True):
        assert response.error is None
        wanted = formula(sent["x"].array, sent["y"].array)
        for found, expected in zip(response.tensors, wanted, strict=True):
            np.testing.assert_allclose(found.array, expected, rtol=1e-5, atol=1e-6)


class Evil:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_torch_refuses_what_our_check_would_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch.export.load asks torch.load for any pickle; the executor's setting forbids it."""
    loaded = tmp_path / "loaded"
    evil = changed("checkpoint-2.6.pt", {"data.pkl": pickle.dumps(Evil(loaded), protocol=2)})
    (tmp_path / "model.pt2").write_bytes(changed(PROGRAMS[0], {"serialized_state_dict.pt": evil}))
    module = executor(monkeypatch)
    monkeypatch.setattr(torch, "set_num_interop_threads", lambda count: None)
    with pytest.raises(Exception, match=r"[Ww]eights.only"):
        module._Torch(str(tmp_path / "model.pt2"), config={"output": []})
    assert not loaded.exists()


def test_an_output_of_another_type_than_stated_is_an_error(load: Callable[..., Any]) -> None:
    (response,) = load(SCRIPTS[0], OUTPUT__0="TYPE_FP64").execute([request(1)])
    assert response.error == (
        "model execution: output OUTPUT__0 is float32, but is stated as TYPE_FP64"
    )
