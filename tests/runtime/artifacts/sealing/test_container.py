"""The container of an encrypted artifact: whoever changes, moves or cuts anything is found."""

import base64
import hashlib
import hmac
import json
import os
import struct
from collections.abc import Callable, Iterator

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from modelservice_runtime.artifacts.sealing.container import (
    FRAME_BYTES,
    TAG_BYTES,
    Header,
    decrypt,
    encrypt,
)
from modelservice_runtime.artifacts.sealing.keys import EncryptionKey
from modelservice_runtime.failure import Failure, Reason

KEY = EncryptionKey.new(origin="key in the Secret digits-key")
FRAME = FRAME_BYTES + TAG_BYTES


def sealed(data: bytes, *, key: EncryptionKey = KEY) -> bytes:
    return b"".join(encrypt([data], key=key))


def opened(data: bytes, *, key: EncryptionKey = KEY) -> bytes:
    return b"".join(decrypt([data], key=key))


def header_length(data: bytes) -> int:
    return 12 + int(struct.unpack(">H", data[10:12])[0])


@pytest.mark.parametrize(
    "size", [0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 3 * FRAME_BYTES + 5]
)
def test_what_was_sealed_comes_out(size: int) -> None:
    data = os.urandom(size)
    container = sealed(data)
    assert opened(container) == data
    frames = max(1, -(-size // FRAME_BYTES))
    assert len(container) == header_length(container) + size + frames * TAG_BYTES


def test_the_pieces_that_it_comes_in_do_not_matter() -> None:
    data = os.urandom(2 * FRAME_BYTES + 17)
    container = b"".join(encrypt((data[i : i + 1000] for i in range(0, len(data), 1000)), key=KEY))
    pieces = (container[i : i + 777] for i in range(0, len(container), 777))
    assert b"".join(decrypt(pieces, key=KEY)) == data


def test_another_implementation_can_follow_the_document() -> None:
    """docs/sealed-artifacts.md with nothing of ours but the numbers that stand there."""
    data = os.urandom(FRAME_BYTES + 3)
    container = sealed(data)
    magic, version, length = struct.unpack(">8sHH", container[:12])
    assert (magic, version) == (b"MSSEALED", 1)
    header = json.loads(container[12 : 12 + length])
    extracted = hmac.digest(base64.b64decode(header["salt"]), KEY.secret, "sha256")
    info = b"modelservice sealed artifact v1"
    first = hmac.digest(extracted, info + b"\x01", "sha256")
    second = hmac.digest(extracted, first + info + b"\x02", "sha256")
    assert base64.b64decode(header["commitment"]) == second
    start = container[: 12 + length]
    frames = container[12 + length :]
    cipher = AESGCM(first)
    plain = cipher.decrypt(bytes(12), frames[:FRAME], start)
    plain += cipher.decrypt(bytes(10) + b"\x01\x01", frames[FRAME:], start)
    assert plain == data


def flipped(at: int) -> Callable[[bytes], bytes]:
    return lambda data: data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def frames_of(data: bytes) -> tuple[bytes, list[bytes]]:
    start = header_length(data)
    return data[:start], [data[i : i + FRAME] for i in range(start, len(data), FRAME)]


def swapped(data: bytes) -> bytes:
    start, frames = frames_of(data)
    return start + frames[1] + frames[0] + frames[2]


def doubled(data: bytes) -> bytes:
    start, frames = frames_of(data)
    return start + frames[0] + frames[0] + frames[1] + frames[2]


def without(number: int) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        start, frames = frames_of(data)
        del frames[number]
        return start + b"".join(frames)

    return change


def frame_of_another(data: bytes) -> bytes:
    start, frames = frames_of(data)
    _, others = frames_of(sealed(os.urandom(2 * FRAME_BYTES + 5)))
    return start + frames[0] + others[1] + frames[2]


def another_header(data: bytes) -> bytes:
    _, frames = frames_of(data)
    salt = os.urandom(32)
    header = Header.new(salt=salt, commitment=KEY.of_file(salt).commitment)
    return header.raw + b"".join(frames)


def with_a_space(data: bytes) -> bytes:
    """The header says the same in other bytes."""
    start, frames = frames_of(data)
    text = start[12:] + b" "
    return start[:10] + struct.pack(">H", len(text)) + text + b"".join(frames)


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "a byte of a frame": flipped(5000),
    "a byte of the last tag": lambda data: flipped(len(data) - 1)(data),
    "the end is cut within a frame": lambda data: data[:-3],
    "the end is cut between frames": without(2),
    "all but the header is cut": lambda data: frames_of(data)[0],
    "a frame is left out": without(1),
    "the first frame is left out": without(0),
    "frames are swapped": swapped,
    "a frame comes twice": doubled,
    "a frame of another artifact": frame_of_another,
    "something is added": lambda data: data + b"more",
    "a whole frame is added": lambda data: data + frames_of(data)[1][0],
    "the container comes twice": lambda data: data + data,
    "the header of another artifact": another_header,
    "a header in other bytes": with_a_space,
    "another magic": flipped(0),
    "another version": flipped(9),
    "nothing at all": lambda data: b"",
    "half a header": lambda data: data[:50],
    "a header that is longer than it may be": lambda data: data[:10] + b"\xff\xff" + data[12:],
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_what_was_changed_is_refused(damage: Callable[[bytes], bytes]) -> None:
    container = sealed(os.urandom(2 * FRAME_BYTES + 5))
    with pytest.raises(Failure) as caught:
        opened(damage(container))
    assert caught.value.reason is Reason.ARTIFACT_DAMAGED


def test_an_empty_frame_at_the_end_is_refused() -> None:
    """Two containers of one artifact would be two artifacts to who compares digests."""
    salt = os.urandom(32)
    derived = KEY.of_file(salt)
    header = Header.new(salt=salt, commitment=derived.commitment)
    cipher = AESGCM(derived.frames)
    first = cipher.encrypt(bytes(12), os.urandom(FRAME_BYTES), header.raw)
    last = cipher.encrypt(bytes(10) + b"\x01\x01", b"", header.raw)
    with pytest.raises(Failure, match="empty frame") as caught:
        opened(header.raw + first + last)
    assert caught.value.reason is Reason.ARTIFACT_DAMAGED


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"cipher": "AES-256-CTR"}, "cipher"),
        ({"derivation": "none"}, "cipher"),
        ({"salt": ""}, "salt"),
        ({"salt": "!"}, "cannot be read"),
        ({"commitment": "AAAA"}, "commitment"),
        ({"frame": 0}, "size"),
        ({"frame": 2**40}, "size"),
        ({"frame": True}, "size"),
        ({"frame": "1048576"}, "size"),
        ({"frame": 1048576.0}, "size"),
        ({"salt": None}, "cannot be read"),
    ],
)
def test_a_header_that_asks_for_something_else(change: dict[str, object], says: str) -> None:
    container = sealed(b"model")
    start, frames = frames_of(container)
    text = json.dumps({**json.loads(start[12:]), **change}).encode()
    with pytest.raises(Failure, match=says) as caught:
        opened(start[:10] + struct.pack(">H", len(text)) + text + b"".join(frames))
    assert caught.value.reason is Reason.ARTIFACT_DAMAGED


@pytest.mark.parametrize("text", [b"[]", b"{", b"7", b'"x"', b"[" * 2000, b"\xff", b"{}"])
def test_a_header_that_is_none(text: bytes) -> None:
    with pytest.raises(Failure, match="cannot be read"):
        opened(b"MSSEALED" + struct.pack(">HH", 1, len(text)) + text)


def test_another_key_has_a_reason_of_its_own() -> None:
    other = EncryptionKey.new(origin="key in the Secret other")
    with pytest.raises(Failure, match="key in the Secret other") as caught:
        opened(sealed(b"model"), key=other)
    assert caught.value.reason is Reason.DECRYPTION_FAILED
    assert other.text().strip() not in caught.value.message


def test_nothing_comes_out_before_it_is_proved() -> None:
    container = flipped(3 * FRAME)(sealed(os.urandom(4 * FRAME_BYTES)))
    chunks = decrypt([container], key=KEY)
    assert [len(next(chunks)), len(next(chunks))] == [FRAME_BYTES] * 2
    with pytest.raises(Failure, match="frame 2"):
        next(chunks)


def test_memory_is_a_few_frames_however_long_the_artifact() -> None:
    """It is asked for no more than two frames beyond what it has given out."""
    asked = 0

    def endless() -> Iterator[bytes]:
        nonlocal asked
        for chunk in encrypt((bytes(FRAME_BYTES) for _ in range(64)), key=KEY):
            asked += len(chunk)
            yield chunk

    for number, _ in enumerate(decrypt(endless(), key=KEY), start=1):
        assert asked <= (number + 2) * FRAME + 1000


def test_two_containers_share_neither_salt_nor_key() -> None:
    one, two = sealed(b"model"), sealed(b"model")
    assert hashlib.sha256(one).digest() != hashlib.sha256(two).digest()
    assert frames_of(one)[1] != frames_of(two)[1]


@pytest.mark.parametrize(
    "text", [b"", b"AAAA", b"x" * 44, bytes(32), base64.b64encode(bytes(33)), b"\n" * 300]
)
def test_what_is_no_key_is_said_without_repeating_it(text: bytes) -> None:
    with pytest.raises(Failure, match="digits-key holds no key") as caught:
        EncryptionKey.parse(text, origin="key in the Secret digits-key")
    assert caught.value.reason is Reason.DECRYPTION_FAILED


def test_a_key_is_read_back_and_shows_itself_to_nobody() -> None:
    assert EncryptionKey.parse(KEY.text().encode(), origin="x").secret == KEY.secret
    assert KEY.text().strip() not in repr(KEY)
    assert str(KEY.secret) not in repr(KEY)
