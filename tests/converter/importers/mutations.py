"""Damages model files at random, in ways that reach behind the first check.

Blind changes of bytes are mostly caught by the parser. Changes that keep the container well formed,
of 32-bit words in a flatbuffer and of fields in a parsed protobuf, reach everything behind it.
"""

from __future__ import annotations

import numpy as np
import onnx
from google.protobuf.descriptor import FieldDescriptor

Rng = np.random.Generator
# Numbers that overflow, wrap, or select what does not exist.
EDGE = (0, 1, 2, 3, 7, 127, 128, 255, 256, 65535, 65536, 1 << 24, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)
EDGE64 = (*EDGE, 1 << 32, (1 << 63) - 1, -1, -2, -(1 << 63), 1 << 40)


def flip_bits(data: bytearray, rng: Rng) -> None:
    for _ in range(int(rng.integers(1, 9))):
        data[_position(data, rng)] ^= 1 << int(rng.integers(8))


def set_bytes(data: bytearray, rng: Rng) -> None:
    for _ in range(int(rng.integers(1, 9))):
        data[_position(data, rng)] = int(rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.integers(256))))


def truncate(data: bytearray, rng: Rng) -> None:
    del data[_position(data, rng) :]


def cut_out(data: bytearray, rng: Rng) -> None:
    start = _position(data, rng)
    del data[start : start + int(rng.integers(1, 65))]


def splice(data: bytearray, rng: Rng) -> None:
    """Copy a piece over another place."""
    source, target, size = _position(data, rng), _position(data, rng), int(rng.integers(1, 257))
    piece = data[source : source + size]
    data[target : target + len(piece)] = piece


def insert(data: bytearray, rng: Rng) -> None:
    position = _position(data, rng)
    data[position:position] = rng.bytes(int(rng.integers(1, 33)))


def set_words(data: bytearray, rng: Rng) -> None:
    """Little-endian 32-bit words: lengths, offsets, dimensions and indices of a flatbuffer."""
    for _ in range(int(rng.integers(1, 4))):
        position = _position(data, rng) & ~3
        value = int(rng.choice(EDGE)) if rng.random() < 0.7 else int(rng.integers(1 << 32))
        data[position : position + 4] = value.to_bytes(4, "little")


def move_words(data: bytearray, rng: Rng) -> None:
    """Add a little to 32-bit words: tables and vectors overlap afterwards."""
    for _ in range(int(rng.integers(1, 4))):
        position = _position(data, rng) & ~3
        value = int.from_bytes(data[position : position + 4], "little") + int(rng.integers(-64, 65))
        data[position : position + 4] = (value % (1 << 32)).to_bytes(4, "little")


BLIND = (flip_bits, set_bytes, truncate, cut_out, splice, insert)


def mutate_tflite(source: bytes, rng: Rng) -> bytes:
    """A damaged .tflite file; the identifier mostly stays, so that the reader gets to see it."""
    data = bytearray(source)
    for _ in range(int(rng.integers(1, 4))):
        kinds = (*BLIND, set_words, set_words, set_words, move_words, move_words)
        if data:
            kinds[int(rng.integers(len(kinds)))](data, rng)
    if rng.random() < 0.9:
        data[4:8] = b"TFL3"
    return bytes(data)


def mutate_onnx(source: bytes, rng: Rng) -> bytes:
    """A damaged .onnx file: bytes, or fields of the parsed model."""
    if rng.random() < 0.3:
        data = bytearray(source)
        for _ in range(int(rng.integers(1, 4))):
            if data:
                BLIND[int(rng.integers(len(BLIND)))](data, rng)
        return bytes(data)
    model = onnx.ModelProto.FromString(source)
    for _ in range(int(rng.integers(1, 5))):
        _change_message(model, rng)
    return model.SerializeToString()


def _position(data: bytearray, rng: Rng) -> int:
    """A position, often near the start, where the structure lies."""
    size = max(len(data), 1)
    if rng.random() < 0.3:
        size = min(size, 512)
    return min(int(rng.integers(size)), max(len(data) - 1, 0))


def _change_message(message, rng: Rng) -> None:
    """Walk down to a random field of a random message and change it."""
    for _ in range(8):
        fields = message.ListFields()
        if not fields:
            return
        # Most of what can go wrong is in the graph; the model's own fields are few.
        graph = [f for f in fields if f[0].name in ("graph", "node", "functions", "attribute")]
        chosen = graph if graph and rng.random() < 0.6 else fields
        field, value = chosen[int(rng.integers(len(chosen)))]
        repeated = not isinstance(value, int | float | str | bytes) and hasattr(value, "__len__")
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            if repeated:
                if rng.random() < 0.15:
                    _change_list(message, field, value, rng)
                    return
                message = value[int(rng.integers(len(value)))]
            elif rng.random() < 0.05:
                message.ClearField(field.name)
                return
            else:
                message = value
            continue
        if not repeated:
            setattr(message, field.name, _other(field, value, rng))
        elif rng.random() < 0.2 or not len(value):
            _change_list(message, field, value, rng)
        else:
            index = int(rng.integers(len(value)))
            value[index] = _other(field, value[index], rng)
        return


def _change_list(message, field, value, rng: Rng) -> None:
    """Drop, repeat or reorder elements of a repeated field."""
    items = list(value)
    kind = int(rng.integers(3))
    if kind == 0:
        del items[int(rng.integers(len(items)))]
    elif kind == 1:
        items.append(items[int(rng.integers(len(items)))])
    else:
        items = [items[int(i)] for i in rng.permutation(len(items))]
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        items = [type(i).FromString(i.SerializeToString()) for i in items]
    message.ClearField(field.name)
    getattr(message, field.name).extend(items)


_WORDS = ("", "x", "y", "r1", "c1", "w1", "d", "shape", "target", "SAME_UPPER", "NOTSET", "a" * 300)
_OPERATORS = sorted({schema.name for schema in onnx.defs.get_all_schemas() if not schema.domain})


def _other(field, value, rng: Rng):
    kinds = FieldDescriptor
    if field.type == kinds.TYPE_STRING:
        return str(rng.choice(_OPERATORS if field.name == "op_type" else [*_WORDS, value + "_"]))
    if field.type == kinds.TYPE_BYTES:
        data = bytearray(value)
        if data:
            BLIND[int(rng.integers(len(BLIND)))](data, rng)
        return bytes(data)
    if field.type in (kinds.TYPE_FLOAT, kinds.TYPE_DOUBLE):
        return float(rng.choice([0.0, -1.0, 1e30, float("nan"), float("inf")]))
    if field.type == kinds.TYPE_ENUM:
        return int(rng.choice(field.enum_type.values).number)
    number = int(rng.choice(EDGE64)) if rng.random() < 0.6 else int(rng.integers(-3, 40))
    if field.type == kinds.TYPE_INT32:
        return (number + (1 << 31)) % (1 << 32) - (1 << 31)
    if field.type == kinds.TYPE_UINT64:
        return number % (1 << 64)
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)
