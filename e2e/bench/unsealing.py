"""What the sealed chain costs: an artifact is opened from memory, and fetched from an S3 server.

    python -m e2e.bench.unsealing [MiB]

The model is random bytes with a tenth of zeros, as weights are: they compress a little. Rates are
in MB of the model a second, the best of three; memory is what the process had at most. `bare`
takes the bytes from the same server and drops them.
"""

import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from e2e.rig import s3
from modelservice_runtime.artifacts.network import Network
from modelservice_runtime.artifacts.sealing import packing
from modelservice_runtime.artifacts.sealing.folder import Room
from modelservice_runtime.artifacts.sealing.keys import EncryptionKey
from modelservice_runtime.artifacts.sealing.opening import open_artifact
from modelservice_runtime.artifacts.sealing.stages import Chunks, ahead
from modelservice_runtime.artifacts.storage import Storage

KEY = EncryptionKey.new(origin="bench")
ROUNDS = 3
PIECE = 8 * 2**20  # as ranges arrive
FORMS = {
    "as it is": (False, None, False),
    "zstd": (True, None, False),
    "encrypted": (False, KEY, False),
    "zstd, encrypted": (True, KEY, False),
    "a folder (tar), zstd, encrypted": (True, KEY, True),
}


def main(mebibytes: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        model = root / "model" / "model.data"
        model.parent.mkdir()
        with model.open("wb") as file:
            for _ in range(mebibytes):
                file.write(os.urandom(943_718) + bytes(2**20 - 943_718))
        size = model.stat().st_size
        artifacts: dict[str, tuple[Path, EncryptionKey | None]] = {}
        for form, (compress, key, folder) in FORMS.items():
            output = root / f"{len(artifacts)}.artifact"
            source = packing.Model.of(model.parent if folder else model)
            began = time.monotonic()
            packing.pack(source, output=output, key=key, compress=compress)
            say(f"seal: {form}", size / (time.monotonic() - began))
            artifacts[form] = (output, key)
        model.unlink()
        for form, (artifact, key) in artifacts.items():
            say(f"open: {form}", best(root, size, pieces(artifact), key=key))
        fetch(root, size, artifacts)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        sys.stdout.write(f"memory at most: {peak:.0f} MiB\n")


def fetch(root: Path, size: int, artifacts: dict[str, tuple[Path, EncryptionKey | None]]) -> None:
    secret = root / "secret"
    secret.mkdir()
    with s3.running(root / "s3", access="bench", secret="bench-secret") as endpoint:
        for variable, value in {
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench-secret",
            "AWS_ENDPOINT_URL": endpoint,
        }.items():
            (secret / variable).write_text(value)
        for form, (artifact, key) in artifacts.items():
            uri = f"s3://models/{artifact.name}"
            network = Network(allow_loopback=True)
            storage = Storage.open(uri, credentials=secret, network=network)
            storage.upload(artifact)
            say(f"fetch: {form}", best(root, size, storage.chunks, key=key))
            began = time.monotonic()
            with ahead(storage.chunks(), depth=1) as chunks:
                for _ in chunks:
                    pass
            say(f"bare:  {form}", size / (time.monotonic() - began))


def best(
    root: Path, size: int, chunks: Callable[[], Chunks], *, key: EncryptionKey | None
) -> float:
    """Bytes of the model a second, of the quickest round."""
    times = []
    for _ in range(ROUNDS):
        into = root / "opened"
        began = time.monotonic()
        with ahead(chunks(), depth=1) as arriving:
            open_artifact(arriving, key=key, into=into, room=Room(left=2 * size, whole=2 * size))
        times.append(time.monotonic() - began)
        shutil.rmtree(into)
    return size / min(times)


def pieces(path: Path) -> Callable[[], Chunks]:
    def read() -> Iterator[bytes]:
        with path.open("rb") as file:
            while piece := file.read(PIECE):
                yield piece

    return read


def say(what: str, rate: float) -> None:
    sys.stdout.write(f"{what:<45}{rate / 1e6:8.0f} MB/s\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1024)
