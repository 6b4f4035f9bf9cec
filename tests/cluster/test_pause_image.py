"""The pause image is a well-formed OCI archive."""

import gzip
import hashlib
import io
import json
import tarfile

from e2e.cluster.components.pause import archive


def contents(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as opened:
        found = {member.name: opened.extractfile(member) for member in opened.getmembers()}
        return {name: stream.read() for name, stream in found.items() if stream is not None}


def test_every_digest_and_size_is_right() -> None:
    files = contents(archive(b"program", name="localhost/pause:1", architecture="amd64"))

    def blob(described: dict[str, str | int]) -> bytes:
        data = files[f"blobs/{str(described['digest']).replace(':', '/')}"]
        assert f"sha256:{hashlib.sha256(data).hexdigest()}" == described["digest"]
        assert len(data) == described["size"]
        return data

    assert json.loads(files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    (entry,) = json.loads(files["index.json"])["manifests"]
    assert entry["annotations"]["io.containerd.image.name"] == "localhost/pause:1"
    manifest = json.loads(blob(entry))
    config = json.loads(blob(manifest["config"]))
    (layer,) = (gzip.decompress(blob(described)) for described in manifest["layers"])
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}"]
    assert config["architecture"] == "amd64"
    assert config["config"]["Entrypoint"] == ["/pause"]
    assert contents(layer) == {"pause": b"program"}


def test_the_same_program_is_the_same_image() -> None:
    made = [archive(b"x", name="n", architecture="arm64") for _ in range(2)]
    assert made[0] == made[1]
