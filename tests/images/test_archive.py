"""What containerd is given: the whole image, or only the blobs that it lacks."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from e2e.images.archive import repack

REFERENCE = "localhost/modelservice/agent:0123456789ab"
LAYERS = (b"base" * 1000, b"ours")


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A Docker archive as buildah writes it: a layer twice, and links of the old format."""
    config = b'{"os": "linux"}'
    names = [f"{digest(data)}.tar" for data in (*LAYERS, LAYERS[1])]
    listed = {"Config": f"{digest(config)}.json", "RepoTags": [REFERENCE], "Layers": names}
    with tarfile.open(tmp_path / "saved.tar", "w") as archive:
        for data in LAYERS:
            add(archive, f"{digest(data)}.tar", data)
        link = tarfile.TarInfo("old/layer.tar")
        link.type, link.linkname = tarfile.SYMTYPE, f"../{names[0]}"
        archive.addfile(link)
        add(archive, f"{digest(config)}.json", config)
        add(archive, "manifest.json", json.dumps([listed]).encode())
    return tmp_path / "saved.tar"


def repacked(saved: Path, *present: bytes) -> dict[str, bytes]:
    target = io.BytesIO()
    blobs = {f"sha256:{digest(data)}" for data in present}
    repack(saved, reference=REFERENCE, present=blobs, target=target)
    target.seek(0)
    with tarfile.open(fileobj=target) as archive:
        names = archive.getnames()
        assert len(names) == len(set(names))
        return {name: archive.extractfile(name).read() for name in names}  # type: ignore[union-attr]


def test_every_blob_is_there_under_its_digest(saved: Path) -> None:
    files = repacked(saved)
    (entry,) = json.loads(files["index.json"])["manifests"]
    assert entry["annotations"] == {"io.containerd.image.name": REFERENCE}
    manifest = json.loads(files[f"blobs/{entry['digest'].replace(':', '/')}"])
    assert [layer["size"] for layer in manifest["layers"]] == [4000, 4, 4]
    for described in (entry, manifest["config"], *manifest["layers"]):
        blob = files[f"blobs/{described['digest'].replace(':', '/')}"]
        assert described["digest"] == f"sha256:{digest(blob)}"
        assert described["size"] == len(blob)


def test_what_the_node_has_is_named_and_left_out(saved: Path) -> None:
    whole, lacking = repacked(saved), repacked(saved, LAYERS[0])
    assert set(whole) - set(lacking) == {f"blobs/sha256/{digest(LAYERS[0])}"}
    assert whole["index.json"] == lacking["index.json"]
