"""An op cut to some of its output columns makes these columns of the inputs cut to what it asks for."""

from __future__ import annotations

import doctest
import os
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from edgewright.converter.ops import window
from edgewright.converter.ops.average_pool import AveragePool
from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.concat import Concat
from edgewright.converter.ops.mean import Mean
from edgewright.converter.ops.pad import Pad
from edgewright.converter.ops.transpose import Transpose
from edgewright.converter.program import Quantization, TensorType
from edgewright.targets.cpu import SCALAR
from tests.targets.codegen.kernel_calls import KernelCalls
from tests.targets.codegen.stream_cases import KINDS, stream, values

SOAK = int(os.environ.get("EDGEWRIGHT_SOAK", "1"))
Q = Quantization(0.1, 3)


def cuts(rng, columns):
    """One to three neighbouring ranges that hold all columns."""
    count = min(columns, int(rng.integers(1, 4)))
    inner = np.sort(rng.choice(np.arange(1, columns), count - 1, replace=False)) if count > 1 else []
    ends = [0, *(int(v) for v in inner), columns]
    return [range(a, b) for a, b in pairwise(ends)]


def cut(t, columns):
    return replace(t, shape=(t.shape[0], len(columns), t.shape[2]))


def strips(kind, count):
    """Of random ops: number, op, types, columns; the op of the strip with its types, inputs and golden."""
    rng = np.random.default_rng([11, sorted(KINDS).index(kind)])
    for number in range(count * SOAK):
        op, types = KINDS[kind](rng)
        inputs = values(rng, types)
        want = op.golden(*inputs)
        for columns in cuts(rng, want.shape[1]):
            found = op.strip(columns, *types)
            if found is None:
                yield number, op, types, columns, None
                continue
            part, needed = found
            assert all(0 <= r.start < r.stop <= t.shape[1] for r, t in zip(needed, types, strict=True))
            cut_types = [cut(t, r) for t, r in zip(types, needed, strict=True)]
            cut_inputs = [
                np.ascontiguousarray(x[:, r.start : r.stop]) for x, r in zip(inputs, needed, strict=True)
            ]
            piece = want[:, columns.start : columns.stop]
            yield number, op, types, columns, (part, cut_types, cut_inputs, piece)


def refusal_expected(op, types, columns):
    if isinstance(op, Pad):
        left = op.padding.left
        return columns.stop <= left or columns.start >= left + types[0].shape[1]
    over_columns = (isinstance(op, Concat) and op.axis == 1) or (isinstance(op, Mean) and 1 in op.axes)
    return over_columns or isinstance(op, Transpose)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_strips_make_the_columns_of_the_whole(kind):
    made = 0
    for number, op, types, columns, strip in strips(kind, 40):
        assert (strip is None) == refusal_expected(op, types, columns), (number, op)
        if strip is None:
            continue
        part, cut_types, cut_inputs, want = strip
        y = op.output_type(*types)
        assert part.output_type(*cut_types) == cut(y, range(want.shape[1])), (number, op)
        assert np.array_equal(part.golden(*cut_inputs), want, equal_nan=True), (number, op)
        # The whole and its strips are streamed in the same way.
        whole, cut_kernels = op.stream_kernels(SCALAR, *types), part.stream_kernels(SCALAR, *cut_types)
        assert (whole is None) == (cut_kernels is None)
        for a, b in zip(whole or (), cut_kernels or (), strict=True):
            assert (a.out_rows, a.accumulates) == (b.out_rows, b.accumulates)
            same_walk = [replace(v, row_bytes=0) for v in a.inputs] == [
                replace(v, row_bytes=0) for v in b.inputs
            ]
            assert same_walk, (number, op)
        made += 1
    assert made


def test_streamed_strips_equal_golden(tmp_path):
    calls = KernelCalls()
    recorded = []
    for kind in sorted(KINDS):
        for number, _, _, _, strip in strips(kind, 3):
            if strip is not None:
                part, cut_types, cut_inputs, want = strip
                kernels = part.stream_kernels(SCALAR, *cut_types)
                if kernels is not None:
                    recorded.append(((kind, number, part), stream(calls, kernels, cut_inputs), want))
    contents = calls.run(tmp_path)
    wrong = []
    for label, outs, want in recorded:
        got = np.frombuffer(b"".join(contents[o] for o in outs), want.dtype).reshape(want.shape)
        if not np.array_equal(got, want, equal_nan=True):
            wrong.append(label)
    assert len(recorded) > 2 * len(KINDS)
    assert not wrong, wrong[:3]


def tensor(*shape):
    return TensorType(shape, "int8", Q)


def test_padding_stays_at_the_border_it_is_at():
    op = AveragePool((3, 3), (2, 2), Padding(1, 1, 1, 1))
    x = tensor(9, 9, 4)
    left, columns = op.strip(range(0, 2), x)
    assert (left.padding, columns) == (Padding(1, 1, 1, 0), (range(0, 4),))
    middle, columns = op.strip(range(2, 3), x)
    assert (middle.padding, columns) == (Padding(1, 1, 0, 0), (range(3, 6),))
    right, columns = op.strip(range(3, 5), x)
    assert (right.padding, columns) == (Padding(1, 1, 0, 1), (range(5, 9),))


def test_columns_that_the_last_stride_does_not_reach_are_cut():
    assert AveragePool((2, 2), (2, 2)).strip(range(1, 2), tensor(5, 5, 1))[1] == (range(2, 4),)


def test_strips_of_padding_alone_are_refused():
    assert Pad(Padding(left=3)).strip(range(0, 3), tensor(2, 4, 1)) is None
    assert window.window_strip(range(0, 2), 4, 1, 1, 1, Padding(left=2)) is None


def test_examples():
    result = doctest.testmod(window)
    assert result.attempted > 0
    assert result.failed == 0
