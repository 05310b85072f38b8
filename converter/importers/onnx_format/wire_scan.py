"""Walk a protobuf's wire format before the library parses it.

The library's only word about a damaged file is "Error parsing message". This walk says which byte
of which field is wrong, and bounds the number of messages: a 2-byte field of the file costs the
parser a hundred bytes of memory, so a file of a few hundred megabytes could take all there is.
"""

from __future__ import annotations

from google.protobuf.descriptor import (  # type: ignore[import-untyped]
    Descriptor,
    FieldDescriptor,
)

from edgewright.errors import ModelError

MAX_FIELDS = 600_000
"""Most fields that are walked (the bytes inside a string, raw or packed field count as one)."""

MAX_DEPTH = 48
"""Deepest nesting of messages; a subgraph takes three levels."""

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5


def scan(data: bytes, root: Descriptor) -> None:
    """Check that `data` is a well-formed message of type `root`.

    Raises:
        ModelError: EW-ONNX-DAMAGED with the byte and the field; EW-MODEL-SIZE, too many fields.
    """
    pending: list[tuple[int, int, Descriptor, str]] = [(0, len(data), root, root.name)]
    fields = 0
    while pending:
        position, end, message, place = pending.pop()
        while position < end:
            fields += 1
            if fields > MAX_FIELDS:
                raise ModelError("EW-MODEL-SIZE", f"the file has more than {MAX_FIELDS:,} fields")
            start = position
            tag, position = _varint(data, position, end, place)
            field = message.fields_by_number.get(tag >> 3)
            name = f"{place}.{field.name if field else tag >> 3}"
            position, length = _value(data, tag & 7, position, end, (start, name))
            if length is None or field is None:
                continue
            body = position - length
            if field.message_type is not None:
                if place.count(".") >= MAX_DEPTH:
                    raise _damaged(start, f"messages nested deeper than {MAX_DEPTH}")
                pending.append((body, position, field.message_type, name))
            elif field.type == FieldDescriptor.TYPE_STRING:
                _check_text(data[body:position], start, name)


def _value(
    data: bytes, wire_type: int, position: int, end: int, at: tuple[int, str]
) -> tuple[int, int | None]:
    """Skip a field's value: the position behind it, and its length where it is length-delimited."""
    start, name = at
    length: int | None = None
    if wire_type == _VARINT:
        _, position = _varint(data, position, end, name)
    elif wire_type == _FIXED64:
        position += 8
    elif wire_type == _FIXED32:
        position += 4
    elif wire_type == _LENGTH:
        length, position = _varint(data, position, end, name)
        position += length
    else:
        raise _damaged(start, f"{name} has wire type {wire_type}, which ONNX does not use")
    if position > end:
        raise _damaged(start, f"{name} reaches {position - end:,} bytes behind the end of its message")
    return position, length


def _varint(data: bytes, position: int, end: int, place: str) -> tuple[int, int]:
    """Decode a variable-length integer of at most 64 bits: (value, position behind it)."""
    value = shift = 0
    start = position
    while position < end:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > 63:
            raise _damaged(start, f"an integer of more than 64 bits in {place}")
    raise _damaged(start, f"{place} ends inside an integer")


def _check_text(text: bytes, start: int, name: str) -> None:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        raise _damaged(start, f"{name} is not UTF-8 text") from None


def _damaged(position: int, what: str) -> ModelError:
    return ModelError("EW-ONNX-DAMAGED", f"damaged ONNX file: {what} (byte {position:,})", byte=position)
