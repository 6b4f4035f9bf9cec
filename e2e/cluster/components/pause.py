"""The pause image, which every pod's sandbox runs: one static program, packed without any tool."""

import gzip
import hashlib
import io
import json
import platform
import tarfile
from pathlib import Path

from e2e.cluster import places as at
from e2e.cluster import tools
from e2e.cluster.components import containerd
from e2e.cluster.places import Places

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _described(kind: str, data: bytes) -> dict[str, object]:
    return {"mediaType": kind, "digest": f"sha256:{_digest(data)}", "size": len(data)}


def _tar(members: dict[str, tuple[bytes, int]]) -> bytes:
    """A tar archive of name → (content, mode), the same bytes for the same members."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, (content, mode) in members.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), mode
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def archive(program: bytes, *, name: str, architecture: str) -> bytes:
    """An OCI archive of an image `name` that holds only `program` and runs it."""
    layer = _tar({"pause": (program, 0o755)})
    packed = gzip.compress(layer, mtime=0)
    rootfs = {"type": "layers", "diff_ids": [f"sha256:{_digest(layer)}"]}
    settings = {"Entrypoint": ["/pause"], "User": "65535:65535"}
    image = {"architecture": architecture, "os": "linux", "config": settings, "rootfs": rootfs}
    config = json.dumps(image).encode()
    listed = {"config": _described(CONFIG, config), "layers": [_described(LAYER, packed)]}
    manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST} | listed).encode()
    entry = _described(MANIFEST, manifest)
    entry["annotations"] = {"io.containerd.image.name": name}
    index = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
    blobs = {f"blobs/sha256/{_digest(blob)}": (blob, 0o644) for blob in (config, packed, manifest)}
    layout = b'{"imageLayoutVersion": "1.0.0"}'
    return _tar({"oci-layout": (layout, 0o644), "index.json": (index, 0o644)} | blobs)


def ensure(places: Places) -> None:
    """Import the pause image where the node lacks it. Raises Problem."""
    if at.PAUSE_IMAGE in containerd.images(places):
        return
    architecture = ARCHITECTURES[platform.machine()]
    program = tools.binary("pause").read_bytes()
    target = Path(places.runtime / "pause.tar")
    target.write_bytes(archive(program, name=at.PAUSE_IMAGE, architecture=architecture))
    containerd.load(places, [target])
    target.unlink()
