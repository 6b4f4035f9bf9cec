"""Requests and files that tests of the conversion begin from."""

import io
import json
import zipfile
from typing import Any

OUTPUT = "s3://models/default/digits/digits/6f2c0d/"
DENSE = {
    "module": "keras.layers",
    "class_name": "Dense",
    "config": {"name": "dense", "units": 2, "activation": "relu"},
    "registered_name": None,
}
SEQUENTIAL = {
    "module": "keras",
    "class_name": "Sequential",
    "config": {"name": "sequential", "layers": [DENSE]},
    "registered_name": None,
}


def document(**changes: Any) -> dict[str, Any]:
    """A request as the operator writes it, with fields changed, or left out where None."""
    fields = {
        "apiVersion": "runtime.modelservice.io/v1",
        "service": {"namespace": "default", "name": "digits"},
        "model": "digits",
        "run": "6f2c0d",
        "source": {
            "uri": "s3://models/digits.keras",
            "digest": None,
            "stated": False,
            "credentials": "/etc/modelservice/credentials/storage",
        },
        "output": {"uri": OUTPUT, "credentials": "/etc/modelservice/credentials/storage"},
        "network": {"allowedNetworks": []},
        **changes,
    }
    return {name: value for name, value in fields.items() if value is not None}


def archive(members: dict[str, bytes], *, compression: int = zipfile.ZIP_STORED) -> bytes:
    """A zip archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def keras(config: Any = SEQUENTIAL, **more: bytes) -> bytes:
    """A .keras file whose weights are no HDF5: nothing here reads them."""
    members = {
        "metadata.json": b'{"keras_version": "3.15.1"}',
        "config.json": json.dumps(config).encode(),
        "model.weights.h5": b"weights",
    }
    return archive({**members, **more})
