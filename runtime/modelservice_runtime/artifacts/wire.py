"""Protocol buffers field by field, over a buffer that may be a mapped file.

Reading a model's tensors needs a few hundred bytes of a file that may have a gigabyte. Parsing
it whole would take twice its size in memory, in a container that otherwise needs little, so the
fields are walked where they lie and what is not asked for is stepped over.
"""

from collections.abc import Iterator

Buffer = memoryview
Value = int | Buffer
"""A varint or fixed-size field is an int, a length-delimited one a view on its bytes."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class MalformedError(ValueError):
    """The bytes are not a protocol buffers message."""


def fields(message: Buffer) -> Iterator[tuple[int, Value]]:
    """Yield (field number, value) in the order of the bytes; raises `MalformedError`."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if number == 0:
            raise MalformedError("field number 0")
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if kind == _BYTES:
            length, at = _varint(message, at)
        elif kind in (_FIXED32, _FIXED64):
            length = 4 if kind == _FIXED32 else 8
        else:
            raise MalformedError(f"wire type {kind}")
        end = at + length
        if end > len(message):
            raise MalformedError("a field is longer than the message")
        yield number, message[at:end]
        at = end


def _varint(message: Buffer, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(message) or shift > 63:
            raise MalformedError("an integer without an end")
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def signed(value: Value) -> int:
    """An int64 field's value: negative ones are two's complement on the wire."""
    if not isinstance(value, int):
        raise MalformedError("bytes where an integer belongs")
    return value - 2**64 if value >= 2**63 else value


def message(value: Value) -> Buffer:
    """A field that holds a message or bytes."""
    if isinstance(value, int):
        raise MalformedError("an integer where a message belongs")
    return value


def text(value: Value) -> str:
    """A string field's value."""
    try:
        return bytes(message(value)).decode()
    except UnicodeDecodeError:
        raise MalformedError("a string that is not UTF-8") from None
