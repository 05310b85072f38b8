"""RESHAPE, SQUEEZE, EXPAND_DIMS and TRANSPOSE: the elements stay what they are."""

from __future__ import annotations

import tflite

from edgewright.converter.importers.tflite_format.conversion import Conversion
from edgewright.converter.importers.tflite_format.flatbuffer import damaged
from edgewright.converter.importers.tflite_format.schema import Operator
from edgewright.converter.importers.tflite_format.tensors import PERMUTATION, Layout


def reshape(op: Operator, c: Conversion) -> None:
    """The new shape is the output's: an operand that computes it at run time is not needed."""
    c.same_quantization(op)
    layout = c.values.flat_layout(c.input(op, 0))
    shape = c.int_constant(op, "shape", c.output(op).shape)
    # 0 is a dimension of no elements here, not "as before".
    result = c.node(op, "Reshape", [c.real(op, 0, layout), shape], {"allowzero": 1})
    c.finish(op, result)


def squeeze(op: Operator, c: Conversion) -> None:
    """Drops dimensions of size 1: those listed, or all."""
    c.same_quantization(op)
    shape = c.tensor(op, 0).shape
    options = op.options(tflite.SqueezeOptions)
    listed = options.ints("SqueezeDims") if options is not None else ()
    axes = sorted({c.axis(op, axis, len(shape)) for axis in listed})
    axes = axes or [i for i, size in enumerate(shape) if size == 1]
    c.finish(op, c.node(op, "Squeeze", [c.real(op, 0), c.int_constant(op, "axes", axes)]))


def expand_dims(op: Operator, c: Conversion) -> None:
    """Adds a dimension of size 1."""
    c.same_quantization(op)
    axes = c.ints(op, 1, "the axis")
    if len(axes) != 1:
        raise damaged(op.label, f"its axis has {len(axes)} elements")
    axis = c.axis(op, axes[0], len(c.tensor(op, 0).shape) + 1)
    c.finish(op, c.node(op, "Unsqueeze", [c.real(op, 0), c.int_constant(op, "axes", [axis])]))


def transpose(op: Operator, c: Conversion) -> None:
    """Permutes dimensions; an input with channels first is permuted from there at once."""
    c.same_quantization(op)
    tensor = c.tensor(op, 0)
    rank = len(tensor.shape)
    perm = c.ints(op, 1, "the permutation")
    if sorted(perm) != list(range(rank)):
        raise damaged(op.label, f"permutation {list(perm)} of {rank} dimensions")
    available = c.values.layouts(tensor.index)
    layout = Layout.CHANNELS_FIRST if available == [Layout.CHANNELS_FIRST] else Layout.SOURCE
    if layout is Layout.CHANNELS_FIRST:
        perm = tuple(PERMUTATION[layout].index(axis) for axis in perm)
    c.finish(op, c.node(op, "Transpose", [c.real(op, 0, layout)], {"perm": perm}))
