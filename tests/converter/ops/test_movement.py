"""Operators that only move elements equal LiteRT's: concat, pad, slice, transpose, reshape, resize."""

from __future__ import annotations

import numpy as np
import pytest

from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.concat import Concat
from edgewright.converter.ops.pad import Pad
from edgewright.converter.ops.reshape import Reshape
from edgewright.converter.ops.resize_nearest import ResizeNearest, nearest_indices
from edgewright.converter.ops.slice import Slice
from edgewright.converter.ops.transpose import Transpose
from edgewright.converter.program import Quantization, TensorType
from edgewright.errors import ModelError
from tests.converter.ops.cases import (
    Operand,
    activation,
    assert_exact,
    cases,
    random_quantization,
    random_values,
    run_operator,
)

Q = Quantization(0.1, 3)


def random_input(rng, largest=9):
    """(x [1, H, W, C], quantization, type)."""
    quantization = random_quantization(rng)
    x = random_values(rng, (1, *(int(n) for n in rng.integers(1, largest, 3))))
    return x, quantization, TensorType(x.shape[1:], "int8", quantization)


def constant(values):
    return Operand(np.asarray(values, np.int32), constant=True)


def assert_rows_suffice(op, x, kind, rng, label):
    """Other values in rows that `input_rows` does not name leave the output row as it is."""
    whole = op.golden(x)
    for row in range(whole.shape[0]):
        needed = [r for r in op.input_rows(row, kind)[0] if 0 <= r < x.shape[0]]
        other = random_values(rng, x.shape)
        other[needed] = x[needed]
        assert np.array_equal(op.golden(other)[row], whole[row]), (label, row)


def test_concat():
    for label, rng in cases("concat", 150):
        axis, count = int(rng.integers(3)), int(rng.integers(2, 5))
        shape = [int(n) for n in rng.integers(1, 6, 3)]
        quantization = random_quantization(rng)
        inputs = []
        for _ in range(count):
            shape[axis] = int(rng.integers(1, 6))
            inputs.append(random_values(rng, (1, *shape)))
        op = Concat(axis)
        kind = op.output_type(*(TensorType(x.shape[1:], "int8", quantization) for x in inputs))
        want = run_operator(
            "CONCATENATION",
            [activation(x, quantization) for x in inputs],
            (1, *kind.shape),
            quantization,
            "ConcatenationOptions",
            Axis=axis + 1,
        )
        assert_exact(op.golden(*(x[0] for x in inputs)), want, label)


def test_concat_rows_and_refusals():
    a, b = TensorType((2, 3, 4), "int8", Q), TensorType((3, 3, 4), "int8", Q)
    assert Concat(0).input_rows(1, a, b) == (range(1, 2), range(0))
    assert Concat(0).input_rows(4, a, b) == (range(0), range(2, 3))
    assert Concat(2).input_rows(1, a, a) == (range(1, 2), range(1, 2))
    with pytest.raises(ModelError, match="EW-OP-SHAPE"):
        Concat(1).output_type(a, b)
    with pytest.raises(ModelError, match="EW-OP-SHAPE"):
        Concat(0).output_type(a, TensorType((3, 3, 4), "int8", Quantization(0.2, 3)))


@pytest.mark.parametrize("code", ["PAD", "PADV2"])
def test_pad(code):
    for label, rng in cases(code, 100):
        x, quantization, kind = random_input(rng)
        widths = np.zeros((4, 2), np.int32)
        widths[1:] = rng.integers(0, 4, (3, 2)) * (rng.random((3, 1)) < 0.7)
        value = quantization.zero_point if code == "PAD" else int(rng.integers(-128, 128))
        (top, bottom), (left, right), (before, after) = widths[1:].tolist()
        op = Pad(Padding(top, bottom, left, right), before, after, value)
        operands = [activation(x, quantization), constant(widths)]
        if code == "PADV2":
            operands.append(
                Operand(np.array([value], np.int8), quantization.scale, quantization.zero_point, True)
            )
        shape = op.output_type(kind).shape
        want = run_operator(code, operands, (1, *shape), quantization, version=2)
        assert_exact(op.golden(x[0]), want, label, op=op)
        assert_rows_suffice(op, x[0], kind, rng, label)


def test_slice():
    for label, rng in cases("slice", 100):
        x, quantization, kind = random_input(rng)
        begin = [int(rng.integers(0, n)) for n in x.shape[1:]]
        size = [int(rng.integers(1, n - b + 1)) for n, b in zip(x.shape[1:], begin, strict=True)]
        op = Slice(tuple(begin), tuple(b + s for b, s in zip(begin, size, strict=True)))
        operands = [activation(x, quantization), constant([0, *begin]), constant([1, *size])]
        want = run_operator("SLICE", operands, (1, *size), quantization)
        assert op.output_type(kind).shape == tuple(size)
        assert_exact(op.golden(x[0]), want, label, op=op)
        assert_rows_suffice(op, x[0], kind, rng, label)


def test_strided_slice():
    for label, rng in cases("strided slice", 150):
        x, quantization, kind = random_input(rng)
        begin, end, step = [], [], []
        for size in x.shape[1:]:
            backwards = bool(rng.random() < 0.3)
            stride = int(rng.integers(1, 4))
            first = int(rng.integers(0, size))
            begin.append(first)
            step.append(-stride if backwards else stride)
            end.append(int(rng.integers(-1, first)) if backwards else int(rng.integers(first + 1, size + 1)))
        op = Slice(tuple(begin), tuple(end), tuple(step))
        shape = op.output_type(kind).shape
        # TFLite counts a negative end from the back: -1 - size is the index before 0.
        ends = [e if e >= 0 else -1 - n for e, n in zip(end, x.shape[1:], strict=True)]
        operands = [
            activation(x, quantization),
            constant([0, *begin]),
            constant([1, *ends]),
            constant([1, *step]),
        ]
        want = run_operator("STRIDED_SLICE", operands, (1, *shape), quantization, "StridedSliceOptions")
        assert_exact(op.golden(x[0]), want, label, op=op)
        assert_rows_suffice(op, x[0], kind, rng, label)


def test_slice_refuses_indices_outside():
    for begin, end in (((0, 0, 0), (3, 1, 1)), ((1, 0, 0), (1, 1, 1)), ((-1, 0, 0), (1, 1, 1))):
        with pytest.raises(ModelError, match="EW-OP-SHAPE"):
            Slice(begin, end).output_type(TensorType((2, 2, 2)))


def test_transpose():
    for label, rng in cases("transpose", 150):
        rank = int(rng.integers(2, 5))
        view = tuple(int(n) for n in rng.integers(1, 7, rank))
        axes = tuple(int(a) for a in rng.permutation(rank))
        quantization = random_quantization(rng)
        x = random_values(rng, view)
        elements = int(np.prod(view))
        permuted = tuple(view[a] for a in axes)
        output_shape = (1, 1, elements) if rank > 3 else (1,) * (3 - rank) + permuted
        op = Transpose(view, axes, output_shape)
        assert op.output_type(TensorType((elements, 1, 1))).shape == output_shape
        want = run_operator(
            "TRANSPOSE", [activation(x, quantization), constant(axes)], permuted, quantization
        )
        assert_exact(op.golden(x.reshape(elements, 1, 1)), want, label, op=op)


def test_transpose_refuses_other_sizes():
    with pytest.raises(ModelError, match="EW-OP-SHAPE"):
        Transpose((2, 3), (1, 0), (1, 3, 2)).output_type(TensorType((1, 1, 7)))
    with pytest.raises(ModelError, match="EW-OP-SHAPE"):
        Transpose((2, 3), (1, 1), (1, 3, 2)).output_type(TensorType((1, 1, 6)))


def test_reshape():
    for label, rng in cases("reshape", 50):
        x, quantization, kind = random_input(rng)
        shape = tuple(int(n) for n in rng.permutation([*x.shape[1:]]))
        op = Reshape(shape)
        want = run_operator(
            "RESHAPE",
            [activation(x, quantization), constant([1, *shape])],
            (1, *shape),
            quantization,
            "ReshapeOptions",
            NewShape=[1, *shape],
        )
        assert op.output_type(kind) == TensorType(shape, "int8", quantization)
        assert_exact(op.golden(x[0]), want, label)
        assert_rows_suffice(op, x[0], kind, rng, label)
    with pytest.raises(ModelError, match="EW-OP-SHAPE"):
        Reshape((2, 2, 2)).output_type(TensorType((1, 1, 7)))


def test_resize_nearest():
    for label, rng in cases("resize", 250):
        x, quantization, kind = random_input(rng, 20)
        size = [int(n) for n in rng.integers(1, 40, 2)]
        align, half = (bool(v) for v in rng.random(2) < 0.5)
        rows, columns = (
            nearest_indices(n, m, align_corners=align, half_pixel_centers=half)
            for n, m in zip(x.shape[1:3], size, strict=True)
        )
        op = ResizeNearest(rows, columns)
        want = run_operator(
            "RESIZE_NEAREST_NEIGHBOR",
            [activation(x, quantization), constant(size)],
            (1, *size, x.shape[3]),
            quantization,
            "ResizeNearestNeighborOptions",
            AlignCorners=align,
            HalfPixelCenters=half,
        )
        assert op.output_type(kind).shape == (*size, x.shape[3])
        assert_exact(op.golden(x[0]), want, label, align=align, half=half)
        assert_rows_suffice(op, x[0], kind, rng, label)
    with pytest.raises(ModelError, match="EW-OP-SHAPE"):
        ResizeNearest(np.array([5]), np.array([0])).output_type(TensorType((5, 5, 1)))
