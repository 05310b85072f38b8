"""Compact kernels: the same results bit for bit, and no code of their own."""

from __future__ import annotations

import os

import numpy as np

from edgewright.converter.ops.average_pool import AveragePool
from edgewright.converter.ops.binary import Add
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.ops.max_pool import MaxPool
from edgewright.targets.codegen.kernels.compact import compact_kernels
from edgewright.targets.codegen.kernels.compact_others import compact_add_kernels, compact_pool_kernels
from edgewright.targets.codegen.tir import kernel_source
from edgewright.targets.cpu import DSP, DUAL_DSP, MVE, SCALAR
from tests.targets.codegen import op_cases
from tests.targets.codegen.compact_cases import cases, values
from tests.targets.codegen.kernel_calls import KernelCalls
from tests.targets.codegen.stream_cases import stream

CASES = 40 * int(os.environ.get("EDGEWRIGHT_SOAK", "1"))


def test_rows_equal_golden(tmp_path):
    calls, recorded = KernelCalls(), []
    rng = np.random.default_rng(5)
    for op, (x,) in cases(1, CASES):
        for kernel in compact_kernels(op, DSP, x):
            inputs = (values(rng, x.shape),)
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
            inputs = tuple(values(rng, t.shape) for t in types)
            recorded.append((op, stream(calls, (kernel,), inputs), op.golden(*inputs)))
            kinds.add(kernel.call)
    contents = calls.run(tmp_path)
    wrong = [op for op, outs, want in recorded if b"".join(contents[o] for o in outs) != want.tobytes()]
    assert not wrong, wrong[:3]
    assert kinds == {"ew_add_compact", "ew_average_pool", "ew_max_pool"}


def test_layers_share_all_code():
    symbols = set()
    for op, (x,) in cases(2, 20):
        for kernel in compact_kernels(op, DSP, x):
            symbol, text = kernel_source(kernel)
            symbols.add(symbol)
            assert text.count("\n") == 3
    assert len(symbols) == 2


def test_constants_are_no_larger_than_those_of_row_kernels():
    for op, (x,) in cases(3, 20):
        for kernel in compact_kernels(op, DSP, x):
            weights, outputs = kernel.constants[1].nbytes, op.requantize.bias.size
            if isinstance(op, DepthwiseConv2D) and kernel.family == "depthwise_compact":
                assert weights <= op.weights[..., 0].size * -(-outputs // 4) * 4
            elif isinstance(op, Conv2D):
                groups, depth = op.groups, op.weights[0].size
                assert weights == groups * -(-outputs // groups // 2) * 2 * -(-depth // 4) * 4
            assert kernel.constants[0].nbytes == 32


def test_only_cores_with_these_instructions():
    for op, (x,) in cases(4, 4):
        assert not compact_kernels(op, SCALAR, x)
        assert not compact_kernels(op, MVE, x)
        assert len(compact_kernels(op, DUAL_DSP, x)) == len(compact_kernels(op, DSP, x))
