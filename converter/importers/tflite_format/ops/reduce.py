"""MEAN and other reductions over dimensions."""

from __future__ import annotations

from collections.abc import Callable

import tflite

from edgewright.converter.importers.tflite_format.conversion import Conversion
from edgewright.converter.importers.tflite_format.schema import Operator
from edgewright.converter.importers.tflite_format.tensors import PERMUTATION, Layout


def reduce(op_type: str) -> Callable[[Operator, Conversion], None]:
    """Conversion to a reduction with constant axes."""

    def convert(op: Operator, c: Conversion) -> None:
        rank = len(c.tensor(op, 0).shape)
        axes = sorted({c.axis(op, axis, rank) for axis in c.ints(op, 1, "the axes")})
        keep = bool(op.option(tflite.ReducerOptions, "KeepDims"))
        layout = _layout(op, c, axes, keep)
        own = sorted(c.axis(op, axis, rank, layout) for axis in axes)
        inputs = [c.real(op, 0, layout), c.int_constant(op, "axes", own)]
        result = c.node(op, op_type, inputs, {"keepdims": int(keep)})
        c.finish(op, result, layout if keep else Layout.SOURCE)

    return convert


def _layout(op: Operator, c: Conversion, axes: list[int], keep: bool) -> Layout:
    """The layout the input has, if what is left of it is in the order of the file."""
    tensor = c.tensor(op, 0)
    available = c.values.layouts(tensor.index)
    if len(tensor.shape) != 4 or Layout.SOURCE in available or not available:
        return Layout.SOURCE
    left = [axis for axis in PERMUTATION[Layout.CHANNELS_FIRST] if axis not in axes]
    return Layout.CHANNELS_FIRST if keep or left == sorted(left) else Layout.SOURCE
