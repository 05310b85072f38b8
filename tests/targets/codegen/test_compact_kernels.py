"""Compact kernels: the same results bit for bit, and no code of their own."""

from __future__ import annotations

import os

import numpy as np

from edgewright.converter.ops.average_pool import AveragePool
from edgewright.converter.ops.binary import Add
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.ops.max_pool import MaxPool
from edgewright.converter.ops.requantize import Requantize
from edgewright.converter.program import Quantization, TensorType
from edgewright.targets.codegen.kernels.compact import compact_kernels
from edgewright.targets.codegen.kernels.compact_others import compact_add_kernels, compact_pool_kernels
from edgewright.targets.codegen.tir import kernel_source
from edgewright.targets.cpu import DSP, DUAL_DSP, MVE, SCALAR
from tests.targets.codegen import op_cases
from tests.targets.codegen.compact_cases import cases
from tests.targets.codegen.kernel_calls import KernelCalls
from tests.targets.codegen.side_by_side import int8_values
from tests.targets.codegen.stream_cases import stream

CASES = 40 * int(os.environ.get("EDGEWRIGHT_SOAK", "1"))


def test_rows_equal_golden(tmp_path):
    calls, recorded = KernelCalls(), []
    rng = np.random.default_rng(5)
    for op, (x,) in cases(1, CASES):
        for kernel in compact_kernels(op, DSP, x):
            inputs = (int8_values(rng, x.shape),)
            recorded.append((op, stream(calls, (kernel,), inputs), op.golden(*inputs)))
    contents = calls.run(tmp_path)
    wrong = [op for op, outs, want in recorded if b"".join(contents[o] for o in outs) != want.tobytes()]
    assert not wrong, wrong[:3]
    assert len(recorded) > 2 * CASES


def test_sums_and_pools_equal_golden(tmp_path):
    calls, recorded, kinds = KernelCalls(), [], set()
    rng = np.random.default_rng(6)
    for n in range(CASES):
        op, types = (op_cases.binary if n % 2 else op_cases.pool)(rng)
        if isinstance(op, Add):
            kernels = compact_add_kernels(op, DSP, *types)
        elif isinstance(op, AveragePool | MaxPool):
            kernels = compact_pool_kernels(op, DSP, *types)
        else:
            continue
        for kernel in kernels:
            inputs = tuple(int8_values(rng, t.shape) for t in types)
            recorded.append((op, stream(calls, (kernel,), inputs), op.golden(*inputs)))
            kinds.add(kernel.call)
    contents = calls.run(tmp_path)
    wrong = [op for op, outs, want in recorded if b"".join(contents[o] for o in outs) != want.tobytes()]
    assert not wrong, wrong[:3]
    assert kinds == {"ew_add_compact", "ew_average_pool", "ew_max_pool"}


def test_layers_share_all_code():
    """One text for the layers of a kind, and another where a narrow clamp follows."""
    texts = {}
    for op, (x,) in cases(2, 20):
        for kernel in compact_kernels(op, DSP, x):
            symbol, text = kernel_source(kernel)
            narrow = op.requantize.clamp != (-128, 127)
            assert texts.setdefault((kernel.family, narrow), symbol) == symbol
            assert ("ew_compact_clamp" in text) == narrow
    assert len(set(texts.values())) == len(texts) == 4


def test_constants_are_those_of_row_kernels():
    """Weights filled up to whole blocks, and bias, multiplier and shift of each of their channels."""
    for op, (x,) in cases(3, 20):
        for kernel in compact_kernels(op, DSP, x):
            geometry, stream = kernel.constants
            assert geometry.nbytes == 32
            outputs = op.requantize.bias.size
            depthwise = isinstance(op, DepthwiseConv2D)
            depth = op.weights[..., 0].size if depthwise else op.weights[0].size
            if kernel.family == "depthwise_compact":
                channels = -(-outputs // 4) * 4
            else:
                groups = x.shape[2] if depthwise else op.groups if isinstance(op, Conv2D) else 1
                channels, depth = groups * -(-outputs // groups // 2) * 2, -(-depth // 4) * 4
            assert stream.nbytes == channels * (depth + 12)


def test_layers_offer_them_beside_the_usual_kernel():
    found = set()
    for op, (x,) in cases(5, 4):
        variants = [kernel.variant for kernel in op.layer_kernels(DSP, x)]
        compact = compact_kernels(op, DSP, x)
        assert variants.count("compact") == len(compact)
        found.add((type(op), len(compact)))
    assert {(kind, 1) for kind in (Conv2D, DepthwiseConv2D, FullyConnected)} <= found
    rng = np.random.default_rng(9)
    for make in (op_cases.binary, op_cases.pool):
        others = [make(rng) for _ in range(20)]
        assert any("compact" in [k.variant for k in op.layer_kernels(DSP, *types)] for op, types in others)
        assert not any(
            "compact" in [k.variant for k in op.layer_kernels(MVE, *types)] for op, types in others
        )


def test_numbers_of_more_than_16_bits_are_not_offered():
    """Channels, and words of a receptive field."""
    for window, channels, offered in (((1, 1), 32767, 1), ((1, 1), 32768, 0), ((5, 5), 6000, 0)):
        weights = np.full((1, *window, channels), 1, np.int8)
        call = Requantize.for_conv(1.0, np.float32([0.01]), Quantization(1.0, 0), np.zeros(1, np.int32))
        op = Conv2D(weights, call, (1, 1), input_zero_point=0)
        x = TensorType((*window, channels), "int8", Quantization(1.0, 0))
        assert len(compact_kernels(op, DSP, x)) == offered


def test_only_cores_with_these_instructions():
    for op, (x,) in cases(4, 4):
        assert not compact_kernels(op, SCALAR, x)
        assert not compact_kernels(op, MVE, x)
        assert len(compact_kernels(op, DUAL_DSP, x)) == len(compact_kernels(op, DSP, x))
