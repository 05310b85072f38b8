"""Kernels called row by row, as a stream does, equal golden bit for bit and touch nothing but their rows."""

from __future__ import annotations

import os

import numpy as np
import pytest

from edgewright.converter.ops.average_pool import AveragePool
from edgewright.converter.ops.mean import Mean
from edgewright.converter.ops.pad import Pad
from edgewright.converter.ops.resize_nearest import ResizeNearest
from edgewright.converter.ops.slice import Slice
from edgewright.converter.ops.transpose import Transpose
from edgewright.converter.program import Quantization, TensorType
from edgewright.targets.cpu import CPU_CLASSES, SCALAR
from tests.targets.codegen.kernel_calls import KernelCalls
from tests.targets.codegen.stream_cases import KINDS, stream, values

CASES = 8 * int(os.environ.get("EDGEWRIGHT_SOAK", "1"))
Q = Quantization(0.1, 3)


def cases(kind):
    rng = np.random.default_rng([7, sorted(KINDS).index(kind)])
    for _ in range(CASES):
        op, types = KINDS[kind](rng)
        yield op, types, values(rng, types)


@pytest.fixture(scope="module")
def streamed(tmp_path_factory):
    """By kind of op, (op, output of its kernels, golden) of all cases."""
    calls = KernelCalls()
    recorded = {kind: [] for kind in KINDS}
    for kind in KINDS:
        for op, types, inputs in cases(kind):
            kernels = op.stream_kernels(SCALAR, *types)
            if kernels is not None:
                recorded[kind].append((op, stream(calls, kernels, inputs), op.golden(*inputs)))
    contents = calls.run(tmp_path_factory.mktemp("stream"))
    return {
        kind: [
            (op, np.frombuffer(b"".join(contents[o] for o in outs), want.dtype).reshape(want.shape), want)
            for op, outs, want in found
        ]
        for kind, found in recorded.items()
    }


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_streamed_rows_equal_golden(kind, streamed):
    found = streamed[kind]
    # Transposes, and slices and resizes whose rows come at no even pace, are not streamed.
    assert len(found) == CASES or (kind == "movement" and found)
    wrong = [op for op, got, want in found if not np.array_equal(got, want, equal_nan=True)]
    assert not wrong, wrong[:3]


@pytest.mark.parametrize("cpu", CPU_CLASSES.values(), ids=lambda c: c.name)
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_kernels_walk_over_whole_tensors_row_by_row(kind, cpu):
    for op, types, _ in cases(kind):
        kernels = op.stream_kernels(cpu, *types)
        if kernels is None:
            continue
        y = op.output_type(*types)
        assert [(v.rows, v.row_bytes) for v in kernels[0].inputs] == [
            (x.shape[0], x.row_bytes) for x in types
        ]
        assert (kernels[-1].out_rows, kernels[-1].out_row_bytes) == (y.shape[0], y.row_bytes)
        assert [k.accumulates for k in kernels] == [True, False][2 - len(kernels) :]
        if len(kernels) == 2:
            assert kernels[0].out_rows == types[0].shape[0]
            assert kernels[0].out_row_bytes == kernels[1].inputs[0].row_bytes == 4 * y.elements
            assert kernels[1].inputs[0].window_rows(0) == range(types[0].shape[0] - 1, types[0].shape[0])


def tensor(*shape, dtype="int8"):
    return TensorType(shape, dtype, Q)


def test_rows_that_come_at_no_even_pace_are_refused():
    x = tensor(4, 2, 2)
    columns = np.arange(2, dtype=np.int32)
    assert Transpose((4, 4), (1, 0), (4, 2, 2)).stream_kernels(SCALAR, x) is None
    assert Slice((3, 0, 0), (-1, 2, 2), (-1, 1, 1)).stream_kernels(SCALAR, x) is None
    for rows in ([0, 0, 1, 2], [1, 0], [0, 2, 3]):
        assert ResizeNearest(np.array(rows, np.int32), columns).stream_kernels(SCALAR, x) is None


def test_float_rows_of_a_value_that_is_no_byte_are_refused():
    x = tensor(4, 2, 2, dtype="float32")
    assert Pad(value=1).stream_kernels(SCALAR, x) is None
    assert Pad(value=0).stream_kernels(SCALAR, x) is not None


def test_sums_that_leave_int32_are_refused():
    largest = (2**31 - 1) // 255
    op = Mean.from_types(tensor(largest, 1, 1), (0, 1), Q)
    assert op.stream_kernels(SCALAR, tensor(largest, 1, 1)) is not None
    assert op.stream_kernels(SCALAR, tensor(largest + 1, 1, 1)) is None


def test_an_average_pool_adds_up_only_where_the_sums_are_smaller_than_the_rows():
    assert len(AveragePool((2, 2), (2, 2)).stream_kernels(SCALAR, tensor(2, 8, 4))) == 1
    assert len(AveragePool((7, 7), (1, 1)).stream_kernels(SCALAR, tensor(7, 7, 4))) == 2
    # Two output rows need windows.
    assert len(AveragePool((7, 7), (1, 1)).stream_kernels(SCALAR, tensor(8, 7, 4))) == 1
