"""Archives: what other tools pack is unpacked, and whatever is more than files is refused."""

import io
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from modelservice_runtime.artifacts.sealing import tar
from modelservice_runtime.artifacts.sealing.compression import compress
from modelservice_runtime.artifacts.sealing.folder import Room
from modelservice_runtime.artifacts.sealing.opening import Opened, open_artifact
from modelservice_runtime.failure import Failure, Reason
from tests.runtime.artifacts.sealing.archives import (
    FILES,
    member,
    padded,
    pax,
    signed,
    tar_of,
    zip_of,
)

END = bytes(1024)
ROOM = 2**24


def unpacked(data: bytes, root: Path, *, room: int = ROOM) -> Opened:
    return open_artifact([data], key=None, into=root / "opened", room=Room(left=room, whole=room))


def content(opened: Opened) -> dict[str, bytes]:
    return {name: opened.path(name).read_bytes() for name in opened.files}


def nothing_outside(root: Path) -> bool:
    return {path.name for path in root.iterdir()} <= {"opened"}


@pytest.mark.parametrize(
    "data",
    [
        tar_of(format=tarfile.PAX_FORMAT),
        tar_of(format=tarfile.GNU_FORMAT),
        tar_of(format=tarfile.USTAR_FORMAT),
        b"".join(compress([tar_of()])),
        tar_of({f"./{name}": data for name, data in FILES.items()}),
        tar_of({f"digits/3/{name}": data for name, data in FILES.items()}),
        pax([("comment", "0123abc")], kind=b"g") + tar_of(),
        zip_of(),
        zip_of(compression=zipfile.ZIP_STORED),
        zip_of({f"digits/{name}": data for name, data in FILES.items()}),
        b"".join(compress([zip_of()])),
    ],
    ids=["pax", "gnu", "ustar", "zstd", "dot", "folder", "git", "zip", "stored", "in", "zip.zst"],
)
def test_what_tools_pack_is_unpacked(data: bytes, tmp_path: Path) -> None:
    opened = unpacked(data, tmp_path)
    assert content(opened) == FILES
    assert opened.sizes == {name: len(data) for name, data in FILES.items()}


@pytest.mark.parametrize("options", [["--format=gnu"], ["--format=posix"], ["--format=ustar"]])
def test_what_gnu_tar_packs_is_unpacked(options: list[str], tmp_path: Path) -> None:
    name = "x" * 60 + "/" + "y" * 60 + "/" + "ü" * 20 if "ustar" not in options[0] else "z" * 90
    files = {**FILES, name: b"long"}
    for file, data in files.items():
        (tmp_path / "model" / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "model" / file).write_bytes(data)
    command = ["tar", *options, "-C", str(tmp_path / "model"), "-cf", "-", "."]
    data = subprocess.run(command, capture_output=True, check=True).stdout
    shutil.rmtree(tmp_path / "model")
    assert content(unpacked(data, tmp_path)) == files


def test_our_own_headers_are_read_by_others(tmp_path: Path) -> None:
    long = "ä" * 70 + "/" + "b" * 100
    files = {**FILES, long: b"long", "d" * 100: b"full"}
    data = b"".join(tar.header(name, size=len(one)) + padded(one) for name, one in files.items())
    data = tar.header("weights/", size=0, folder=True) + data + tar.end()
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        read = {
            one.name: archive.extractfile(one).read()  # type: ignore[union-attr]
            for one in archive
            if one.isfile()
        }
    assert read == files
    assert content(unpacked(data, tmp_path)) == files


def big(name: bytes) -> bytes:
    """A member whose size is written in GNU's binary form."""
    block = bytearray(tar.header("big", size=0))
    block[124:136] = name
    return signed(bytes(block))


def lying(records: list[tuple[str, str]], name: str = "ok") -> bytes:
    return pax(records) + member(name, content=b"x") + END


CLASH = {"Model.onnx": b"a", "model.onnx": b"b"}
LIGATURE = {"\ufb01le": b"a", "file": b"b"}
FOLDED_FOLDERS = {"A/x": b"a", "a/y": b"b"}

REFUSED: dict[str, bytes] = {
    "an absolute name": member("/etc/passwd", content=b"x") + END,
    "a name that climbs": member("../x", content=b"x") + END,
    "a name that climbs later": member("a/../../x", content=b"x") + END,
    "a name that climbs and comes back": member("a/../b", content=b"x") + END,
    "a dot within": member("a/./b", content=b"x") + END,
    "an empty part": member("a//b", content=b"x") + END,
    "a backslash": member("a\\..\\b", content=b"x") + END,
    "a control character": member("a\nb", content=b"x") + END,
    "a character that turns text around": member("a\u202eb", content=b"x") + END,
    "a name that is not UTF-8": member("a\udcffb", content=b"x") + END,
    "no name": member("", content=b"x") + END,
    "the root as a file": member("./", kind=b"0", content=b"x") + END,
    "a symbolic link": member("a", kind=b"2", link="/etc/passwd") + END,
    "a link to a neighbour": member("a", kind=b"2", link="b") + END,
    "a hard link": member("a", kind=b"1", link="/etc/passwd") + END,
    "a character device": member("a", kind=b"3") + END,
    "a block device": member("a", kind=b"4") + END,
    "a pipe": member("a", kind=b"6") + END,
    "a sparse file": member("a", kind=b"S") + END,
    "a part of a file": member("a", kind=b"M") + END,
    "a long link": member("x", kind=b"K", content=b"a" * 200) + END,
    "an unknown kind": member("a", kind=b"Z") + END,
    "a folder with content": member("a/", kind=b"5", content=b"x") + END,
    "a file twice": member("a", content=b"x") * 2 + END,
    "a file and a folder of one name": member("a", content=b"x")
    + member("a/b", content=b"x")
    + END,
    "a folder that becomes a file": member("a/b", content=b"x") + member("a", content=b"x") + END,
    "names that differ in case": tar_of(CLASH),
    "names that differ in spelling": tar_of(LIGATURE),
    "folders that differ in case": tar_of(FOLDED_FOLDERS),
    "a name of 600 bytes": tar_of({"a/" * 8 + "b" * 590: b"x"}),
    "a part of 300 bytes": tar_of({"b" * 300: b"x"}),
    "17 folders deep": tar_of({"a/" * 17 + "b": b"x"}),
    "10,000 files": tar_of({f"f{number}": b"" for number in range(10_000)}),
    "a path in PAX that climbs": lying([("path", "../x")]),
    "an absolute path in PAX": lying([("path", "/etc/passwd")]),
    "a path in PAX with a zero byte": lying([("path", "a\0b")]),
    "two paths in PAX": lying([("path", "a"), ("path", "b")]),
    "paths in two headers": pax([("path", "a")]) + lying([("path", "b")]),
    "a link path in PAX": lying([("linkpath", "/etc/passwd")]),
    "a sparse map in PAX": lying([("GNU.sparse.map", "0,1")]),
    "a sparse name in PAX": lying([("GNU.sparse.name", "../x")]),
    "another charset in PAX": lying([("hdrcharset", "BINARY")]),
    "an attribute in PAX": lying([("SCHILY.xattr.security.capability", "x")]),
    "a path for all": pax([("path", "../x")], kind=b"g") + member("a", content=b"x") + END,
    "a size for all": pax([("size", "9")], kind=b"g") + member("a", content=b"x") + END,
    "a GNU name that climbs": member("x", kind=b"L", content=b"../x\0") + member("a") + END,
    "a header of 1 MiB": member("pax", kind=b"x", content=bytes(2**20)) + END,
    "a size beyond everything": big(b"\x80" + b"\xff" * 11) + END,
    "something behind the end": tar_of() + b"more",
    "another archive behind the end": tar_of() + tar_of({"b": b"x"}),
    "folders only": member("a/", kind=b"5") + END,
    "zip: an absolute name": zip_of({"/etc/passwd": b"x"}),
    "zip: a name that climbs": zip_of({"a/../../x": b"x"}),
    "zip: a backslash": zip_of({"..\\x": b"x"}),
    "zip: a symbolic link": zip_of(
        {"a": b"/etc/passwd"}, change=lambda info: setattr(info, "external_attr", 0o120777 << 16)
    ),
    "zip: a device": zip_of(
        {"a": b""}, change=lambda info: setattr(info, "external_attr", 0o020666 << 16)
    ),
    "zip: names that differ in case": zip_of(CLASH),
    "zip: a file and a folder": zip_of({"a": b"x", "a/b": b"x"}),
    "zip: the name that it lies under": zip_of({"model": b"x"}),
    "zip: another compression": zip_of(compression=zipfile.ZIP_BZIP2),
    "zip: 5,000 files": zip_of({f"f{number}": b"" for number in range(5000)}),
    "zip: a comment": zip_of()[:-2] + b"\x04\x00more",
    "zip: folders only": zip_of({"a/": b""}),
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
def test_what_is_more_than_files_is_refused(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(Failure) as caught:
        unpacked(data, tmp_path)
    assert caught.value.reason is Reason.ARCHIVE_REFUSED
    assert nothing_outside(tmp_path)
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 500


def cut(data: bytes, at: int) -> bytes:
    return data[:at]


def changed(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


ZIPPED = zip_of({"a": b"some text " * 50, "b": b"other"})

DAMAGED: dict[str, bytes] = {
    "cut within a header": cut(tar_of(), 700),
    "cut within a file": cut(tar_of(), 1100),
    "cut behind a file": cut(tar_of(), 1024),
    "no end": member("a", content=b"x"),
    "a name without a member": pax([("path", "a")]) + END,
    "a changed header": changed(tar_of(), 5),
    "a size that is no number": member("a") + signed(changed(member("b"), 124)[:512]) + END,
    "a size in PAX that is none": lying([("size", "-1")]),
    "a size in PAX beyond the file": lying([("size", "99999")]),
    "a PAX record that is longer than its header": member("p", kind=b"x", content=b"99 path=a\n"),
    "a PAX record that is shorter than itself": member("p", kind=b"x", content=b"3 path=a\n"),
    "a PAX record without a key": member("p", kind=b"x", content=b"7 =abc\n"),
    "something in the padding": member("a", content=b"x")[:-1] + b"x" + END,
    "zip: a name that its header does not have": ZIPPED.replace(b"a", b"c", 1),
    "zip: a changed byte": changed(ZIPPED, 40),
    "zip: a size that is not so": ZIPPED.replace((500).to_bytes(4, "little"), b"\x01\0\0\0"),
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED)
def test_what_is_broken_is_refused(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(Failure) as caught:
        unpacked(data, tmp_path)
    assert caught.value.reason is Reason.ARTIFACT_DAMAGED
    assert nothing_outside(tmp_path)


BOMBS: dict[str, Callable[[], bytes]] = {
    "zstd": lambda: b"".join(compress([bytes(2**26)])),
    "a tar in zstd": lambda: b"".join(compress([tar_of({"a": bytes(2**26)})])),
    "many files": lambda: b"".join(compress([tar_of({f"{n}": bytes(2**20) for n in range(30)})])),
    "a file that is not there yet": lambda: tar.header("a", size=2**40) + bytes(2**25),
    "zip": lambda: zip_of({"a": bytes(2**26)}),
    "zip of many": lambda: zip_of({f"{n}": bytes(2**22) for n in range(6)}),
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_bombs_end_at_the_volume(bomb: Callable[[], bytes], tmp_path: Path) -> None:
    with pytest.raises(Failure, match="modelStorage") as caught:
        unpacked(bomb(), tmp_path)
    assert caught.value.reason is Reason.ARTIFACT_TOO_LARGE
    size = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert size <= ROOM


def test_a_link_that_lies_there_already_leads_nowhere(tmp_path: Path) -> None:
    """The folder is new by construction; even so, no write follows a link."""
    (tmp_path / "opened").symlink_to(tmp_path)
    with pytest.raises(FileExistsError):
        unpacked(tar_of(), tmp_path)


def test_a_model_format_that_is_a_zip_archive_stays_one_file(tmp_path: Path) -> None:
    data = zip_of({"model/constants.pkl": b"x", "model/data.pkl": b"x"})
    opened = unpacked(data, tmp_path)
    assert content(opened) == {".": data}


def test_a_plain_file_is_one_file(tmp_path: Path) -> None:
    opened = unpacked(b"\x08\x07 a graph", tmp_path)
    assert content(opened) == {".": b"\x08\x07 a graph"}
    assert opened.digest == opened.files["."]
