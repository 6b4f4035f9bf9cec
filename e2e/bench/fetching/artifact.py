"""A model, and what `modelservice-seal` makes of it, as a user would run it.

The weights are float32 of a normal distribution, as trained ones nearly are: zstd makes 0.925 of
them, and has to decode every byte. Zeros or random bytes would be quicker to unpack.
"""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import yaml
from onnx import TensorProto, helper

SECRET = "key"
WIDTH = 1024
MIB = 2**20
_PIECE = 32 * MIB  # repeated; zstd looks back 2 MiB
_SEAL = "from modelservice_runtime.artifacts.sealing.command import main; main()"


@dataclass(frozen=True)
class Artifact:
    """A stored artifact with its signature beside it; `sha256` as the spec has it."""

    path: Path
    sha256: str
    public_key: str
    encryption_key: Path | None

    @property
    def size(self) -> int:
        """Bytes that travel."""
        return self.path.stat().st_size


def sealed(folder: Path, *, mebibytes: int) -> tuple[Artifact, Artifact]:
    """A signed and compressed artifact of a model of so many MiB; and one that is encrypted too."""
    stored = folder / "stored"
    stored.mkdir()
    model = _model(folder / "digits", mebibytes=mebibytes)
    _seal("keygen", "signing", folder / "team.key")
    _seal("keygen", "encryption", folder / SECRET)
    public = (folder / "team.key.pub").read_text()
    found: list[Artifact] = []
    for key in (None, folder / SECRET):
        path = stored / f"digits.{len(found)}"
        encryption: list[str | Path] = [] if key is None else ["--encrypt-key", key]
        told = _seal(
            "seal", model, "--output", path, "--sign-key", folder / "team.key", *encryption
        )
        sha256 = yaml.safe_load(told)["source"]["sha256"]
        found.append(Artifact(path, f"sha256:{sha256.removeprefix('sha256:')}", public, key))
    shutil.rmtree(model)
    return found[0], found[1]


def _model(folder: Path, *, mebibytes: int) -> Path:
    """x [N, 1024] → y, by one matrix that lies in a file of its own."""
    folder.mkdir()
    columns = mebibytes * MIB // 4 // WIDTH
    weight = TensorProto(
        name="weight",
        data_type=TensorProto.FLOAT,
        dims=[WIDTH, columns],
        data_location=TensorProto.EXTERNAL,
    )
    weight.external_data.add(key="location", value="model.onnx.data")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "weight"], ["y"])],
        "digits",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", WIDTH])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", columns])],
        [weight],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    onnx.save_model(model, folder / "model.onnx")
    random = np.random.default_rng(1)
    piece = memoryview(random.standard_normal(_PIECE // 4, dtype=np.float32).tobytes())
    with (folder / "model.onnx.data").open("wb", buffering=0) as file:
        for begin in range(0, mebibytes * MIB, _PIECE):
            file.write(piece[: mebibytes * MIB - begin])
    return folder


def _seal(*arguments: str | Path) -> str:
    return subprocess.run(
        [sys.executable, "-c", _SEAL, *map(str, arguments)],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ).stdout
