"""CONCATENATION, PACK, and their opposites SPLIT, SPLIT_V and UNPACK."""

from __future__ import annotations

import tflite

from edgewright.converter.importers.tflite_format.conversion import Conversion
from edgewright.converter.importers.tflite_format.flatbuffer import damaged
from edgewright.converter.importers.tflite_format.schema import Operator


def concatenation(op: Operator, c: Conversion) -> None:
    """Tensors one after the other along an axis."""
    operands = range(len(op.inputs))
    layout = c.layout_for(op, operands)
    axis = c.axis(op, op.option(tflite.ConcatenationOptions, "Axis"), len(c.output(op).shape), layout)
    result = c.node(op, "Concat", [c.real(op, i, layout) for i in operands], {"axis": axis})
    activation = op.option(tflite.ConcatenationOptions, "FusedActivationFunction")
    c.finish(op, result, layout, activation)


def pack(op: Operator, c: Conversion) -> None:
    """Tensors of one shape along a new axis."""
    axis = c.axis(op, op.option(tflite.PackOptions, "Axis"), len(c.output(op).shape))
    position = c.int_constant(op, "axis", [axis])
    parts = [
        c.node(op, "Unsqueeze", [c.real(op, i), position], part=f"part{i}") for i in range(len(op.inputs))
    ]
    c.finish(op, c.node(op, "Concat", parts, {"axis": axis}))


def split(op: Operator, c: Conversion) -> None:
    """Inputs are the axis and the tensor, which is cut into equal parts."""
    tensor = c.tensor(op, 1)
    axis = _one(op, c.ints(op, 0, "the axis"))
    size = tensor.shape[c.axis(op, axis, len(tensor.shape))]
    parts = len(op.outputs)
    if not parts or size % parts:
        raise damaged(op.label, f"{size} elements cut into {parts} parts")
    _cut(op, c, 1, axis, [size // parts] * parts)


def split_v(op: Operator, c: Conversion) -> None:
    """Inputs are the tensor, the sizes of its parts (one may be -1, the rest) and the axis."""
    tensor = c.tensor(op, 0)
    sizes = list(c.ints(op, 1, "the sizes"))
    axis = _one(op, c.ints(op, 2, "the axis"))
    size = tensor.shape[c.axis(op, axis, len(tensor.shape))]
    if sizes.count(-1) == 1:
        sizes[sizes.index(-1)] = size - sum(sizes) - 1
    if len(sizes) != len(op.outputs) or min(sizes, default=-1) < 0 or sum(sizes) != size:
        raise damaged(op.label, f"{size} elements cut into {sizes} for {len(op.outputs)} outputs")
    _cut(op, c, 0, axis, sizes)


def unpack(op: Operator, c: Conversion) -> None:
    """The slices of a tensor along an axis, which disappears."""
    tensor = c.tensor(op, 0)
    axis = op.option(tflite.UnpackOptions, "Axis")
    size = tensor.shape[c.axis(op, axis, len(tensor.shape))]
    if size != len(op.outputs):
        raise damaged(op.label, f"{size} slices for {len(op.outputs)} outputs")
    _cut(op, c, 0, axis, [1] * size, squeeze=True)


def _cut(
    op: Operator, c: Conversion, operand: int, axis: int, sizes: list[int], *, squeeze: bool = False
) -> None:
    """One Slice an output: that is what the rest of edgewright knows best."""
    axis = c.axis(op, axis, len(c.tensor(op, operand).shape))
    begin = 0
    for index, size in zip(op.outputs, sizes, strict=True):
        name = c.values.name(index)
        bounds = [
            c.int_array(f"{name}/{what}", [value])
            for what, value in (("starts", begin), ("ends", begin + size), ("axes", axis))
        ]
        part = c.builder.node("Slice", [c.real(op, operand), *bounds], name)
        if squeeze:
            part = c.builder.node("Squeeze", [part, bounds[2]], f"{name}/squeeze")
        c.values.store(op, index, part)
        begin += size


def _one(op: Operator, values: tuple[int, ...]) -> int:
    if len(values) != 1:
        raise damaged(op.label, f"its axis has {len(values)} elements")
    return values[0]
