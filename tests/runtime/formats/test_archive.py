"""An archive has one content for every reader, and costs no more memory than its limits."""

import io
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelservice_runtime.failure import Failure, Reason
from modelservice_runtime.formats import archive as archives
from tests.runtime.formats.models import FILES


def made(
    *members: tuple[str, bytes], compression: int = zipfile.ZIP_STORED, comment: bytes = b""
) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, content in members:
            file.writestr(name, content)
        file.comment = comment
    return buffer.getvalue()


TWO = (("m/data.pkl", b"one"), ("m/version", b"3"))
PLAIN = made(*TWO)


def read(path: Path, content: bytes) -> dict[str, bytes]:
    path.write_bytes(content)
    with archives.opened(path) as archive:
        return {name: archive.read(name, limit=2**20) for name in archive.names}


@pytest.mark.parametrize("name", sorted(path.name for path in FILES.glob("*.pt*")))
def test_what_torch_writes_is_read(name: str) -> None:
    with archives.opened(FILES / name) as archive, zipfile.ZipFile(FILES / name) as known:
        assert {one: archive.read(one, limit=2**20) for one in archive.names} == {
            one: known.read(one) for one in known.namelist()
        }


def test_an_archive_in_an_archive_is_read_where_it_lies() -> None:
    with archives.opened(FILES / "program-2.6.pt2") as archive:
        inner = archive.nested("serialized_state_dict.pt")
        assert inner.folder() == "archive/"
        assert len(inner.read("archive/data/0", limit=100)) == 48


def test_the_folder_is_the_one_that_all_are_in(tmp_path: Path) -> None:
    for content, folder in ((PLAIN, "m/"), (made(*TWO, ("n/a", b"")), ""), (made(("a", b"")), "")):
        (tmp_path / "a").write_bytes(content)
        with archives.opened(tmp_path / "a") as archive:
            assert archive.folder() == folder


def two_directories() -> bytes:
    """Readers of 64-bit archives find the first member here, others the second."""
    other = made(("m/data.pkl", b"two"))
    *_, length, start, _ = struct.unpack("<4s4H2LH", other[-22:])
    end = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, length, start + 7)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(other) - 22, 1)
    return other[:-22] + end + locator + other[-22:]


def overlapping() -> bytes:
    """The second member lies in the first one's bytes."""
    inner = made(("m/b", b"y" * 8))[: 30 + 3 + 8]
    content = bytearray(made(("m/a", inner), ("m/b", b"y" * 8)))
    second = content.rindex(b"PK\x01\x02")
    content[second + 42 : second + 46] = struct.pack("<L", content.index(inner))
    return bytes(content)


def shifted() -> bytes:
    """Other bytes come first, and the directory knows it: a file of two kinds."""
    content = bytearray(made(("m/a", b"one")))
    entry = content.index(b"PK\x01\x02")
    content[entry + 42 : entry + 46] = struct.pack("<L", 10)
    content[-6:-2] = struct.pack("<L", entry + 10)
    return b"\x80\x02K\x01.12345" + bytes(content)


def sized(size: int) -> bytes:
    """The directory tells another size than the member has."""
    content = bytearray(PLAIN)
    first = content.index(b"PK\x01\x02")
    content[first + 24 : first + 28] = struct.pack("<L", size)
    return bytes(content)


def encrypted() -> bytes:
    content = bytearray(PLAIN)
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


BAD = {
    "cut off": (PLAIN[:-1], "does not end as"),
    "half": (PLAIN[: len(PLAIN) // 2], "does not end as"),
    "nothing": (b"", "does not end as"),
    "only an end": (PLAIN[-22:], "more in it than"),
    "empty": (made(), "does not begin"),
    "a tail": (PLAIN + b"x", "does not end as"),
    "a comment": (made(*TWO, comment=b"abc"), "does not end as"),
    "a prefix": (b"x" * 10 + PLAIN, "more in it than"),
    "two directories": (two_directories(), "two directories"),
    "two of one name": (made(*TWO, ("m/DATA.PKL", b"two")), "two members with the name m/DATA.PKL"),
    "overlapping": (overlapping(), "m/b in the archive lies inside of another member"),
    "a file of two kinds": (shifted(), "does not begin with its first member"),
    "a wrong size": (sized(2**30), "wrong size"),
    "encrypted": (encrypted(), "encrypted"),
    "compressed by bzip2": (made(*TWO, compression=zipfile.ZIP_BZIP2), "compressed in a rare way"),
    "climbing": (made(("m/../../a", b"")), "the name"),
    "absolute": (made(("/etc/passwd", b"")), "the name"),
    "a drive": (made(("C:/a", b"")), "the name"),
    "a backslash": (made(("m\\a", b"")), "the name"),
    "control characters": (made(("m/a\n", b"")), "the name"),
    "not ASCII": (made(("m/dätä", b"")), "the name"),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(("content", "told"), BAD.values(), ids=BAD.keys())
def test_what_two_readers_could_read_differently_is_refused(
    content: bytes, told: str, tmp_path: Path
) -> None:
    with pytest.raises(Failure, match=told) as caught:
        read(tmp_path / "a", content)
    assert caught.value.reason is Reason.MODEL_INVALID


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = made(("m/code/a.py", bytes(2**20)), compression=zipfile.ZIP_DEFLATED)
    assert len(bomb) < 2000
    assert len(read(tmp_path / "a", bomb)["m/code/a.py"]) == 2**20
    monkeypatch.setattr(archives, "LIMIT_COMPRESSED", 2**20 - 1)
    with pytest.raises(Failure, match="unpacks to 1 MiB of text"):
        read(tmp_path / "a", bomb)


def test_a_member_is_read_up_to_a_limit(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(PLAIN)
    with (
        pytest.raises(Failure, match="has 3 bytes; at most 2"),
        archives.opened(tmp_path / "a") as archive,
    ):
        archive.read("m/data.pkl", limit=2)


def test_a_directory_is_read_up_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "LIMIT_MEMBERS", 1)
    with pytest.raises(Failure, match="more than 1 members"):
        read(tmp_path / "a", PLAIN)


SCRIPT = (FILES / "scripted-2.6.pt").read_bytes()


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, len(SCRIPT) - 1), by=st.binary(min_size=1, max_size=4))
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_damaged_archives_are_read_or_refused_but_never_crash(
    at: int, by: bytes, tmp_path: Path
) -> None:
    try:
        read(tmp_path / "a", SCRIPT[:at] + by + SCRIPT[at + len(by) :])
        reason = Reason.MODEL_INVALID
    except Failure as failure:
        reason = failure.reason
    assert reason is Reason.MODEL_INVALID
