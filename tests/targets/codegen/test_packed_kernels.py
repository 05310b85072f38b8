"""Kernels with packed weights: exact row by row, of the size their format says, and estimated."""

from __future__ import annotations

import os

import numpy as np
import pytest

from benchmarks.costs.measure import FAMILIES, board_of
from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.ops.requantize import Requantize
from edgewright.converter.ops.weight_format import WEIGHT_FORMATS
from edgewright.converter.program import Quantization, TensorType
from edgewright.targets.codegen.kernels.packed_dot import MAX_DEPTH
from edgewright.targets.costs import driver_cycles, estimate_call_cycles
from edgewright.targets.cpu import CPU_CLASSES, DSP, SCALAR, cpu_class
from tests.targets.codegen.kernel_calls import KernelCalls
from tests.targets.codegen.packed_cases import FORMATS, cases, tile_forms, with_format
from tests.targets.codegen.stream_cases import stream, values

CASES = 5 * int(os.environ.get("EDGEWRIGHT_SOAK", "1"))
X = Quantization(0.1, 3)


@pytest.mark.parametrize("name", FORMATS)
def test_rows_equal_golden(name, tmp_path):
    calls, recorded = KernelCalls(), []
    rng = np.random.default_rng(5)
    for op, types in cases(1, CASES, (name,)):
        inputs = values(rng, types)
        want = op.golden(*inputs)
        for kernel in (*op.stream_kernels(SCALAR, *types), *op.lean_kernels(SCALAR, *types)):
            recorded.append((op, stream(calls, (kernel,), inputs), want))
    contents = calls.run(tmp_path)
    wrong = [op for op, outs, want in recorded if b"".join(contents[o] for o in outs) != want.tobytes()]
    assert not wrong, wrong[:3]
    # Not all outputs are constant or saturated, or the comparison would say little.
    assert np.mean([np.unique(want).size > 4 for _, _, want in recorded]) > 0.3


@pytest.mark.parametrize("columns", [1, 7])
def test_deep_layers_of_extreme_values(columns, tmp_path):
    """Halves of words are emptied before they overflow."""
    calls, recorded = KernelCalls(), []
    for name in FORMATS:
        stored = WEIGHT_FORMATS[name]
        highest = stored.step * (stored.levels - 1) + stored.offset
        # The last weight differs: sums stay apart from those of a wrong number of products.
        w = np.full((3, 1, 1, 700), highest, np.int8)
        w[1, ..., -1], w[2] = stored.offset, stored.offset
        call = Requantize.for_conv(0.1, np.full(3, 1e-2), Quantization(2.0 * highest, 0), None)
        op = Conv2D(w, call, input_zero_point=-128, weight_format=name)
        for value in (127, -128, 1):
            x = np.full((1, columns, 700), value, np.int8)
            kernel = op.row_kernel(SCALAR, TensorType(x.shape, "int8", X))
            recorded.append((op, stream(calls, (kernel,), [x]), op.golden(x)))
    contents = calls.run(tmp_path)
    wrong = [op for op, outs, want in recorded if b"".join(contents[o] for o in outs) != want.tobytes()]
    assert not wrong, wrong[:3]
    assert max(int(np.abs(want.astype(int)).max()) for _, _, want in recorded) in range(80, 127)


@pytest.mark.parametrize("cpu", [SCALAR, DSP], ids=lambda c: c.name)
def test_every_tile_is_among_the_cases(cpu):
    forms = set()
    for op, types in cases(2, 3 * CASES):
        for kernel in (op.row_kernel(cpu, *types), *op.lean_kernels(cpu, *types)):
            forms |= tile_forms(kernel)
    tiles = {f"ew_packed{bits}_{t}" for bits in (4, 2, 1) for t in ("1x1", "1x2", "1x4", "2x1")}
    whole = set()
    if cpu is DSP:
        signs = {f"ew_packed_binary_2x{p}" for p in (1, 2, 3)}
        tiles = {f"ew_packed{bits}_4x{p}" for bits in (4, 2) for p in (1, 2)} | signs
        whole = {f"ew_packed_{name}_4x{p}" for name in ("int4", "int2", "ternary") for p in (1, 2)} | signs
    assert forms == {
        *(f"{t}_{form}" for t in tiles for form in ("bounded", "general", "once_right", "once")),
        *(f"{t}_{form}" for t in whole for form in ("relu", "linear")),
    }


@pytest.mark.parametrize("cpu", CPU_CLASSES.values(), ids=lambda c: c.name)
def test_forms_with_less_scratch_memory(cpu):
    found = 0
    for op, types in cases(3, CASES):
        (full,) = op.stream_kernels(cpu, *types)
        least = full.scratch_bytes
        for kernel in op.lean_kernels(cpu, *types):
            assert kernel.scratch_bytes < least
            least = kernel.scratch_bytes
            assert (kernel.inputs, kernel.out_rows) == (full.inputs, full.out_rows)
            found += 1
    assert (found > 0) == (cpu.name != "mve")


def layers() -> list:
    """Layers of a keyword-spotting network: (op of int8 weights, its input)."""
    call = Requantize.for_conv(0.1, np.full(64, 0.01), X, None)
    fc = Requantize.for_fully_connected(0.1, np.full(12, 0.01), X, None, channels=12)
    side = Padding(1, 1, 1, 1)
    return [
        (Conv2D(np.ones((64, 1, 1, 64), np.int8), call, input_zero_point=3), (25, 5, 64)),
        (Conv2D(np.ones((64, 3, 3, 64), np.int8), call, padding=side, input_zero_point=3), (25, 5, 64)),
        (DepthwiseConv2D(np.ones((3, 3, 64), np.int8), call, padding=side, input_zero_point=3), (25, 5, 64)),
        (FullyConnected(np.ones((12, 64), np.int8), fc, 3), (1, 1, 64)),
    ]


@pytest.mark.parametrize("cpu", CPU_CLASSES.values(), ids=lambda c: c.name)
@pytest.mark.parametrize("name", FORMATS)
def test_flash_is_that_of_the_format(name, cpu):
    rng = np.random.default_rng(0)
    for dense, shape in layers():
        op = with_format(dense, name, rng)
        x = TensorType(shape, "int8", X)
        bits = WEIGHT_FORMATS[name].bits
        # The int8 weights are among the largest constants of the int8 kernel, the packed ones smaller.
        full = sum(c.nbytes for c in dense.row_kernel(cpu, x).constants)
        packed = sum(c.nbytes for c in op.row_kernel(cpu, x).constants)
        saved = dense.weights.size - dense.weights.size * bits / 8
        # Two words a channel that int8 kernels pack closer; a nibble a channel quad of nine taps.
        assert full - packed >= saved - 40 - 8 * op.requantize.bias.size, (op.kind, full, packed)
        assert name in op.row_kernel(cpu, x).reason
        assert op.weights_bytes == -(-dense.weights.size * bits // 8) + 4 * op.requantize.bias.size


def test_weights_too_deep_for_the_sums_stay_int8():
    depth = MAX_DEPTH + 4
    call = Requantize.for_fully_connected(0.1, [1e-6], X, None, channels=1)
    op = FullyConnected(np.ones((1, depth), np.int8), call, 3, "binary")
    kernel = op.row_kernel(DSP, TensorType((1, 1, depth), "int8", X))
    assert "packed" not in kernel.reason and any(c.nbytes >= depth for c in kernel.constants)


@pytest.mark.parametrize("model", FAMILIES)
def test_they_can_be_estimated(model):
    cpu = cpu_class(board_of(model).features)
    for op, types in cases(4, 2):
        for kernel in (op.row_kernel(cpu, *types), *op.lean_kernels(cpu, *types)):
            assert estimate_call_cycles(kernel, model) > driver_cycles(kernel, model) > 0
