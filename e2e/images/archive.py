"""From buildah's archive to the one that containerd takes, without the layers that it has.

buildah pushes whole images. Trainer and Triton stand on the same base of nearly a gigabyte, and an
edit changes kilobytes; containerd needs only blobs that its content store lacks.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Collection
from pathlib import Path
from typing import IO

_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def _described(kind: str, *, digest: str, size: int) -> dict[str, object]:
    return {"mediaType": kind, "digest": f"sha256:{digest}", "size": size}


def _add(target: tarfile.TarFile, *, name: str, size: int, content: IO[bytes]) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    target.addfile(member, content)


def repack(source: Path, *, reference: str, present: Collection[str], target: IO[bytes]) -> None:
    """Write the image of a Docker archive as an OCI archive called `reference`.

    The layers are uncompressed, so each is named by its own digest. `present` are digests
    (`sha256:…`) of blobs to leave out; `target` is written front to back and may be a pipe.
    """
    with (
        tarfile.open(source, mode="r:") as docker,
        tarfile.open(fileobj=target, mode="w|") as oci,
    ):

        def read(name: str) -> IO[bytes]:
            found = docker.extractfile(name)
            if found is None:
                raise tarfile.ReadError(f"{name} in {source} is not a file")
            return found

        def blob(digest: str, *, size: int, content: IO[bytes]) -> None:
            if f"sha256:{digest}" not in present:
                _add(oci, name=f"blobs/sha256/{digest}", size=size, content=content)

        def document(name: str, value: object) -> None:
            data = json.dumps(value).encode()
            _add(oci, name=name, size=len(data), content=io.BytesIO(data))

        (image,) = json.load(read("manifest.json"))
        config = read(image["Config"]).read()
        configured = _described(
            _CONFIG, digest=hashlib.sha256(config).hexdigest(), size=len(config)
        )
        layers = [
            _described(_LAYER, digest=name.removesuffix(".tar"), size=docker.getmember(name).size)
            for name in image["Layers"]
        ]
        manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": _MANIFEST,
                "config": configured,
                "layers": layers,
            }
        ).encode()
        entry = _described(
            _MANIFEST, digest=hashlib.sha256(manifest).hexdigest(), size=len(manifest)
        )
        entry["annotations"] = {"io.containerd.image.name": reference}
        document("oci-layout", {"imageLayoutVersion": "1.0.0"})
        document("index.json", {"schemaVersion": 2, "manifests": [entry]})
        for content in (manifest, config):
            blob(
                hashlib.sha256(content).hexdigest(), size=len(content), content=io.BytesIO(content)
            )
        for name in dict.fromkeys(image["Layers"]):
            size = docker.getmember(name).size
            blob(name.removesuffix(".tar"), size=size, content=read(name))
