"""Archives for tests: good ones as other tools write them, and bad ones made by hand."""

import io
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Mapping

from modelservice_runtime.artifacts.sealing import tar

FILES = {"model.onnx": b"a graph", "weights/a.data": b"first" * 500, "empty": b""}


def tar_of(
    files: Mapping[str, bytes] = FILES,
    *,
    format: int = tarfile.PAX_FORMAT,  # noqa: A002
    change: Callable[[tarfile.TarInfo], object] = lambda info: None,
) -> bytes:
    """As Python's tarfile writes it; `change` may spoil a member."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            change(info)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def member(name: str, *, kind: bytes = b"0", content: bytes = b"", link: str = "") -> bytes:
    """A header with its content, of any kind and with any name."""
    block = bytearray(tar.header("x", size=len(content)))
    raw = name.encode("utf-8", "surrogateescape")
    block[:100] = raw.ljust(100, b"\0")
    block[156:157] = kind
    block[157:257] = link.encode().ljust(100, b"\0")
    return signed(bytes(block)) + padded(content)


def pax(records: Iterable[tuple[str, str]], *, kind: bytes = b"x") -> bytes:
    """A PAX header with these records."""
    content = b""
    for key, value in records:
        body = f" {key}={value}\n".encode()
        length = len(body) + len(str(len(body) + 2))
        content += str(length).encode() + body
    return member("pax", kind=kind, content=content)


def signed(block: bytes) -> bytes:
    """The block with its checksum put right."""
    blank = block[:148] + b" " * 8 + block[156:]
    return blank[:148] + f"{sum(blank):06o}\0 ".encode() + blank[156:]


def padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % tar.BLOCK)


def zip_of(
    files: Mapping[str, bytes] = FILES,
    *,
    compression: int = zipfile.ZIP_DEFLATED,
    change: Callable[[zipfile.ZipInfo], object] = lambda info: None,
) -> bytes:
    """As Python's zipfile writes it; `change` may spoil a member."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.filename = name
            info.compress_type = compression
            change(info)
            archive.writestr(info, content)
    return out.getvalue()
