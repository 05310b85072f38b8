"""SLICE and STRIDED_SLICE -> Slice, and Reshape where dimensions come or go."""

from __future__ import annotations

import tflite

from edgewright.converter.importers.tflite_format.conversion import Conversion
from edgewright.converter.importers.tflite_format.flatbuffer import damaged
from edgewright.converter.importers.tflite_format.schema import Operator
from edgewright.converter.importers.tflite_format.tensors import PERMUTATION, Layout

Bounds = list[tuple[int, int, int]]


def slice_(op: Operator, c: Conversion) -> None:
    """From `begin`, `size` elements in each dimension; -1 is the rest."""
    c.same_quantization(op)
    shape = c.tensor(op, 0).shape
    begins, sizes = c.ints(op, 1, "begin"), c.ints(op, 2, "size")
    if not len(begins) == len(sizes) == len(shape):
        raise damaged(op.label, f"begin {list(begins)}, size {list(sizes)} for {len(shape)} dimensions")
    bounds: Bounds = []
    for begin, size, dim in zip(begins, sizes, shape, strict=True):
        end = dim if size == -1 else begin + size
        if not 0 <= begin <= end <= dim:
            raise damaged(op.label, f"elements {begin} to {end} of {dim}")
        bounds.append((begin, end, 1))
    _slice(op, c, bounds)


def strided_slice(op: Operator, c: Conversion) -> None:
    """Python's slicing with masks that say which bound is open, new, gone or an ellipsis.

    https://www.tensorflow.org/api_docs/python/tf/strided_slice
    """
    c.same_quantization(op)
    shape = c.tensor(op, 0).shape
    _slice(op, c, _strided_bounds(op, c, shape))


def _strided_bounds(op: Operator, c: Conversion, shape: tuple[int, ...]) -> Bounds:
    begins, ends, steps = (c.ints(op, i, what) for i, what in ((1, "begin"), (2, "end"), (3, "strides")))
    masks = {
        name: op.option(tflite.StridedSliceOptions, f"{name}Mask")
        for name in ("Begin", "End", "Ellipsis", "NewAxis", "ShrinkAxis")
    }
    if not len(begins) == len(ends) == len(steps) or 0 in steps:
        raise damaged(op.label, f"begin {list(begins)}, end {list(ends)}, strides {list(steps)}")
    if masks["Ellipsis"].bit_count() > 1:
        raise damaged(op.label, "it has more than one ellipsis")
    relative = bool(op.option(tflite.StridedSliceOptions, "Offset"))
    used = sum(not (masks["NewAxis"] | masks["Ellipsis"]) >> i & 1 for i in range(len(begins)))
    bounds: Bounds = []
    for i, (begin, end, step) in enumerate(zip(begins, ends, steps, strict=True)):
        if masks["Ellipsis"] >> i & 1:
            whole = shape[len(bounds) : len(bounds) + len(shape) - used]
            bounds.extend((0, dim, 1) for dim in whole)
            continue
        if masks["NewAxis"] >> i & 1:
            continue
        if len(bounds) >= len(shape):
            raise damaged(op.label, f"{len(begins)} bounds for {len(shape)} dimensions")
        dim = shape[len(bounds)]
        if masks["ShrinkAxis"] >> i & 1:
            first = begin + dim if begin < 0 else begin
            if not 0 <= first < dim:
                raise damaged(op.label, f"element {begin} of {dim}")
            bounds.append((first, first + 1, 1))
            continue
        start = None if masks["Begin"] >> i & 1 else begin
        stop = None if masks["End"] >> i & 1 else (begin + end if relative else end)
        bounds.append(slice(start, stop, step).indices(dim))
    return bounds + [(0, dim, 1) for dim in shape[len(bounds) :]]


def _slice(op: Operator, c: Conversion, bounds: Bounds) -> None:
    """Slice with one (start, stop, step) a dimension of the input, as `slice.indices` gives them."""
    tensor, output = c.tensor(op, 0), c.output(op)
    sizes = tuple(len(range(*b)) for b in bounds)
    keeps_rank = sizes == output.shape
    layout = c.layout_for(op, (0,)) if keeps_rank else Layout.SOURCE
    order = PERMUTATION[layout] if layout is Layout.CHANNELS_FIRST else range(len(bounds))
    # Running backwards to the first element: -1 would be the last one, so one more to the left.
    starts, ends, steps = zip(
        *((b, -tensor.shape[a] - 1 if e < 0 else e, s) for a in order for b, e, s in (bounds[a],)),
        strict=True,
    )
    names = ("starts", "ends", "axes", "steps")
    operands = [
        c.int_constant(op, name, data)
        for name, data in zip(names, (starts, ends, range(len(bounds)), steps), strict=True)
    ]
    result = c.node(op, "Slice", [c.real(op, 0, layout), *operands])
    if not keeps_rank:
        shape = c.int_constant(op, "shape", output.shape)
        result = c.node(op, "Reshape", [result, shape], {"allowzero": 1}, part="reshape")
    c.finish(op, result, layout)
