"""Kernels with less scratch memory: the same results bit for bit, row by row, and what they promise."""

from __future__ import annotations

import os

import numpy as np
import pytest

from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.program import Quantization, TensorType
from edgewright.targets.codegen.kernels.geometry import Geometry
from edgewright.targets.codegen.kernels.lean import reads_in_place
from edgewright.targets.cpu import CPU_CLASSES, DSP, MVE, SCALAR
from tests.targets.codegen import lean_cases
from tests.targets.codegen.kernel_calls import KernelCalls
from tests.targets.codegen.stream_cases import stream, values

CASES = 12 * int(os.environ.get("EDGEWRIGHT_SOAK", "1"))


def test_rows_equal_golden(tmp_path):
    calls, recorded, forms = KernelCalls(), [], set()
    rng = np.random.default_rng(5)
    for op, types in lean_cases.cases(1, CASES):
        inputs = values(rng, types)
        for kernel in op.lean_kernels(SCALAR, *types):
            recorded.append((op, stream(calls, (kernel,), inputs), op.golden(*inputs)))
            forms |= lean_cases.tile_forms(kernel)
    contents = calls.run(tmp_path)
    assert forms == {f"ew_tile_4x1_{form}" for form in ("bounded", "general", "once_right", "once")}
    wrong = [op for op, outs, want in recorded if b"".join(contents[o] for o in outs) != want.tobytes()]
    assert not wrong, wrong[:3]


@pytest.mark.parametrize("cpu", CPU_CLASSES.values(), ids=lambda c: c.name)
def test_each_needs_less_scratch_than_those_before_it(cpu):
    forms = set()
    for op, types in lean_cases.cases(2, CASES):
        (full,) = op.stream_kernels(cpu, *types)
        least = full.scratch_bytes
        for kernel in op.lean_kernels(cpu, *types):
            assert kernel.scratch_bytes < least
            least = kernel.scratch_bytes
            assert (kernel.inputs, kernel.out_rows) == (full.inputs, full.out_rows)
            assert kernel.out_row_bytes == full.out_row_bytes
            assert kernel.lead_bytes is None and not kernel.may_alias
            forms |= lean_cases.tile_forms(kernel)
    once, twice = {"once_right", "once"}, {"relu", "linear", "bounded", "general"}
    if cpu is DSP:
        assert forms >= {f"ew_tile_s8_2x{p}_{f}" for p in (2, 3) for f in once | twice}
        assert forms >= {f"ew_tile_4x1_{f}" for f in once | twice}
    elif cpu is MVE:
        assert not forms


def conv(window: int, columns: int, channels: int, outputs: int = 8, stride: int = 1) -> Conv2D:
    rng = np.random.default_rng(0)
    w = rng.integers(-128, 128, (outputs, window, window, channels)).astype(np.int8)
    call = lean_cases._call(rng, "relu", outputs, channels)
    side = window // 2
    return Conv2D(w, call, (stride, stride), (1, 1), Padding(side, side, side, side), 1, 0)


def scratch(op: Conv2D, columns: int, cpu) -> list[int]:
    x = TensorType((4, columns, op.weights.shape[3]), "int8", Quantization(0.1, 0))
    return [k.scratch_bytes for k in op.lean_kernels(cpu, x)]


def test_scratch_of_known_shapes():
    assert scratch(conv(3, 8, 64), 8, DSP) == [3 * 576, 2 * 576, 576]
    assert scratch(conv(3, 8, 64), 8, SCALAR) == [576]
    # 27 channels values are lined up behind the tile first.
    assert scratch(conv(3, 8, 3), 8, DSP) == [4 * 28, 3 * 28, 28]
    for stride in (1, 2):
        assert scratch(conv(1, 8, 64, stride=stride), 8, DSP) == [0]
        assert scratch(conv(1, 8, 64, stride=stride), 8, SCALAR) == [0]


@pytest.mark.parametrize(
    ("channels", "tiles"),
    [(2044, {"s8_2x3"}), (2048, {"s8_2x2", "s8_2x1"}), (4092, {"s8_2x2", "s8_2x1"}), (4096, {"4x1"})],
)
def test_pixels_as_far_apart_as_an_offset_reaches(channels, tiles):
    x = TensorType((1, 3, channels), "int8", Quantization(0.1, 0))
    (kernel,) = conv(1, 3, channels).lean_kernels(DSP, x)
    assert lean_cases.tile_forms(kernel) == {f"ew_tile_{t}_relu" for t in tiles}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, True),
        ({"stride": 2, "out_columns": 4}, True),
        ({"groups": 2}, True),
        ({"width": 3}, False),
        ({"groups": 4}, False),  # 2 channels of each group
        ({"pad_left": 1}, False),
        ({"out_columns": 9}, False),  # a column of padding at the right
    ],
)
def test_what_is_read_in_place(changed, expected):
    usual = {"columns": 8, "pixel_bytes": 8, "height": 1, "width": 1, "stride": 1, "dilation": 1}
    usual |= {"pad_left": 0, "out_columns": 8, "groups": 1, "zero_point": 0}
    assert reads_in_place(Geometry(**(usual | changed))) is expected
