"""Reading arrays from an `.npz` that somebody else made: bounded, and without pickle.

An archive of a few kilobytes can expand to terabytes, and what its directory says about sizes may
be a lie. An array's own header says how much is read from it, never more, so the headers are added
up before anything is decompressed.
"""

import lzma
import math
import zipfile
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

_NAMES_SHOWN = 8

# What zipfile, its decompressors and numpy raise over a damaged or encrypted member.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    ValueError,
    EOFError,
    OSError,
    RuntimeError,
)


class ArchiveError(ValueError):
    """What is wrong with the archive, as a sentence."""


@dataclass(frozen=True)
class Header:
    """What an array says about itself. `size` in bytes."""

    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]

    @property
    def size(self) -> int:
        """Bytes that the array takes in memory."""
        return math.prod(self.shape) * self.dtype.itemsize


def read(
    path: Path, *, required: Collection[str], optional: Collection[str], limit: int
) -> dict[str, np.ndarray]:
    """The arrays with these names; others stay unread. Raises `ArchiveError`.

    limit: bytes that all of them together may take in memory.
    """
    try:
        archive = zipfile.ZipFile(path)
    except _DAMAGE:
        raise ArchiveError(
            "it is not an .npz archive; write it with numpy.savez(path, x=…, y=…)"
        ) from None
    with archive:
        present = {name.removesuffix(".npy") for name in archive.namelist()}
        for name in required:
            if name not in present:
                raise ArchiveError(f"it has no array {name} ({_listed(present)})")
        wanted = [name for name in (*required, *optional) if name in present]
        _check_size({name: _header(archive, name) for name in wanted}, limit=limit)
        return {name: _array(archive, name) for name in wanted}


def _header(archive: zipfile.ZipFile, name: str) -> Header:
    try:
        with _open(archive, name) as member:
            version = npy.read_magic(member)
            # Version 3 differs for structured types only, which are refused below anyway.
            reader = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
            shape, _, dtype = reader[version](member)
    except (*_DAMAGE, KeyError):
        raise ArchiveError(f"{name} is not a readable numpy array") from None
    if dtype.kind not in "biuf":
        raise ArchiveError(f"{name} holds {dtype.name} values where numbers are needed")
    if any(length < 0 for length in shape):
        raise ArchiveError(f"{name} has the impossible shape {list(shape)}")
    return Header(shape=shape, dtype=dtype)


def _check_size(headers: dict[str, Header], *, limit: int) -> None:
    size = sum(header.size for header in headers.values())
    if size > limit:
        shapes = ", ".join(f"{name} {list(header.shape)}" for name, header in headers.items())
        raise ArchiveError(
            f"its arrays ({shapes}) take {_mebibytes(size)} in memory, more than the "
            f"{_mebibytes(limit)} that this pod has for them; raise "
            "training.resources.limits.memory to about twice their size, or make it smaller"
        )


def _array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    try:
        with _open(archive, name) as member:
            array: np.ndarray = npy.read_array(member, allow_pickle=False)
    except _DAMAGE as error:
        raise ArchiveError(f"{name} is damaged ({error})") from None
    return array


def _open(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    stored = f"{name}.npy"
    return archive.open(stored if stored in archive.NameToInfo else name)


def _listed(names: Collection[str]) -> str:
    if not names:
        return "it is empty"
    shown = [repr(name[:40]) for name in sorted(names)[:_NAMES_SHOWN]]
    more = len(names) - len(shown)
    return f"it has {', '.join(shown)}" + (f" and {more} more" if more else "")


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:,.0f} MiB"
