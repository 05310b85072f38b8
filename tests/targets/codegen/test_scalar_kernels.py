"""Kernels of cores without DSP instructions: exact row by row, and nothing assumed that weights may break."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.costs import scalar
from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.requantize import Requantize
from edgewright.converter.program import Quantization, TensorType
from edgewright.targets.codegen.kernels.requantization import epilogue
from edgewright.targets.codegen.kernels.scalar_kernels import scalar_kernels, scalar_row_kernel
from edgewright.targets.codegen.kernels.scalar_pairs import pair_words
from edgewright.targets.codegen.kernels.scalar_steps import find_steps
from edgewright.targets.cpu import DSP, MVE, SCALAR
from tests.targets.codegen.kernel_calls import KernelCalls
from tests.targets.codegen.scalar_cases import scalar_cases
from tests.targets.codegen.stream_cases import stream, values

CASES = 4 * int(os.environ.get("EDGEWRIGHT_SOAK", "1"))
X = Quantization(0.1, -128)


def run(layers, folder):
    """Layers with their inputs whose kernels differ from golden, and the outputs wanted."""
    calls, recorded = KernelCalls(), []
    for op, inputs in layers:
        types = [TensorType(x.shape, "int8", X) for x in inputs]
        for kernel in scalar_kernels(op, SCALAR, *types):
            # Some take the tensor as one row.
            rows = [x.reshape(kernel.inputs[0].rows, -1) for x in inputs]
            recorded.append((op, kernel, stream(calls, (kernel,), rows), op.golden(*inputs)))
    contents = calls.run(folder)
    wrong = [
        (kernel.variant, op)
        for op, kernel, outs, want in recorded
        if b"".join(contents[o] for o in outs) != want.tobytes()
    ]
    return wrong, [want for *_, want in recorded]


def test_rows_equal_golden(tmp_path):
    rng = np.random.default_rng(5)
    wrong, wanted = run([(op, values(rng, types)) for op, types in scalar_cases(1, CASES)], tmp_path)
    assert not wrong, wrong[:3]
    assert len(wanted) > 10 * CASES
    # Not all outputs are constant or saturated, or the comparison would say little.
    assert np.mean([np.unique(want).size > 4 for want in wanted]) > 0.3


def test_halves_of_words_hold_what_is_added(tmp_path):
    """The largest weights and inputs there may be; the last weight differs, so that none is left out."""
    layers = []
    for high, low in ((127, -128), (-127, 127), (-128, -127)):
        w = np.tile(np.array([high, low], np.int8), (6, 1, 1, 150))
        w[1], w[2, ..., 0::2], w[3, ..., -1] = -w[1], 0, 1
        call = Requantize.for_conv(0.1, np.full(6, 1e-2), Quantization(40.0, 0), None)
        op = Conv2D(w, call, input_zero_point=-128)
        patterns = [(v, u) for v in (127, -128) for u in (127, -128)]
        layers += [(op, [np.tile(np.array(p, np.int8), 150 * 5).reshape(1, 5, 300)]) for p in patterns]
    wrong, wanted = run(layers, tmp_path)
    assert not wrong, wrong[:3]
    assert (
        len(wanted) == 24
        and np.mean([np.abs(want.astype(int)).max() in range(20, 127) for want in wanted]) > 0.5
    )


def test_weights_whose_products_could_overflow_are_refused():
    w = np.zeros((4, 1, 1, 8), np.int8)
    call = Requantize.for_conv(0.1, np.full(4, 1e-2), X, None)
    x = TensorType((1, 5, 8), "int8", X)
    w[0, ..., 1:3] = -128  # not in the same step
    assert len(scalar_kernels(Conv2D(w, call), SCALAR, x)) == 2
    w[0, ..., 0] = -128
    assert scalar_kernels(Conv2D(w, call), SCALAR, x) == ()
    w[0, ..., 0] = -127
    assert len(scalar_kernels(Conv2D(w, call), SCALAR, x)) == 2


def test_other_classes_and_packed_weights_have_kernels_of_their_own():
    w = np.where(np.arange(32) % 2, 1, -1).reshape(4, 1, 1, 8).astype(np.int8)
    call = Requantize.for_conv(0.1, np.full(4, 1e-2), X, None)
    op, x = Conv2D(w, call, input_zero_point=-128), TensorType((1, 5, 8), "int8", X)
    assert scalar_kernels(op, DSP, x) == scalar_kernels(op, MVE, x) == ()
    assert scalar_kernels(replace(op, weight_format="binary"), SCALAR, x) == ()


def test_a_word_holds_two_channels():
    w = np.array([[1, -2, 3], [-4, 5, 127], [7, -128, 9]], np.int8)
    words = pair_words(w, 1).view(np.int32)
    assert words.shape == (1, 1, 4, 2)
    assert words[0, 0, :, 0].tolist() == [1 - (4 << 16), -2 + (5 << 16), 3 + (127 << 16), 0]
    assert words[0, 0, :, 1].tolist() == [7, -128, 9, 0]


@pytest.mark.parametrize("zero_point", [-128, 0, 100])
@pytest.mark.parametrize("once", [False, True])
def test_every_sum_is_requantized_as_in_golden(zero_point, once):
    """Every sum that the weights can reach, not only those at the steps."""
    rng = np.random.default_rng(zero_point + 200)
    w = rng.integers(-127, 128, (5, 9)).astype(np.int8)
    scales = np.float32(rng.uniform(0.2, 2.0, 5) / 384)
    bias = rng.integers(-9000, 9000, 5).astype(np.int32)
    make = Requantize.for_fully_connected if once else Requantize.for_conv
    call = make(1.0, scales, Quantization(0.5, zero_point), bias, channels=5)
    steps = find_steps(epilogue(call, w, 3, ("once" if once else "general",)), w, once=once)
    assert steps.form.startswith("steps")
    bound = int(np.abs(w.astype(int)).sum(axis=1).max()) * 128
    sums = np.broadcast_to(np.arange(-bound, bound + 1)[:, None], (2 * bound + 1, 5))
    kept = np.abs(sums) <= 127 * np.abs(w.astype(np.int64)).sum(axis=1)
    apply = call.apply_once if once else call.apply_twice
    want = apply(sums - 3 * w.astype(np.int64).sum(axis=1))
    assert (computed(steps, sums) == want)[kept].all()


def computed(steps, sums):
    """What the C forms compute; every intermediate value fits in 32 bits."""
    k = steps.constants.astype(np.int64).T
    pieces = int(steps.form[5])
    total = np.zeros_like(sums)
    for piece in k[pieces - 1 : 0 : -1]:
        total = (sums * piece + total) >> steps.piece
    total = sums * k[0] + total + k[pieces]
    if steps.form.endswith("signed"):
        total = total + np.where(sums < k[pieces + 1], k[pieces + 2], 0)
    return np.clip(total >> steps.shift, steps.low, steps.high)


def test_depthwise_lines_follow_the_longer_side():
    rng = np.random.default_rng(3)
    call = Requantize.for_conv(0.1, np.full(8, 1e-2), X, None)
    from edgewright.converter.ops.depthwise import DepthwiseConv2D

    op = DepthwiseConv2D(rng.integers(-9, 9, (3, 3, 8)).astype(np.int8), call, padding=Padding(1, 1, 1, 1))
    wide, tall = (scalar_kernels(op, SCALAR, TensorType(s, "int8", X))[0] for s in ((5, 24, 8), (24, 5, 8)))
    assert wide.work == tall.work and wide.scratch_bytes == tall.scratch_bytes


def test_a_row_kernel_makes_rows():
    for op, (x,) in scalar_cases(4, 1):
        kernel = scalar_row_kernel(op, SCALAR, x)
        if kernel is not None:
            assert kernel.out_rows == op.output_type(x).shape[0] and kernel.inputs[0].rows == x.shape[0]


def test_layers_to_measure_have_all_there_is():
    known = set()
    for op, types in (*scalar.layers(), *scalar.planes()):
        for kernel in scalar_kernels(op, SCALAR, *types):
            known |= {name for name, count in kernel.work.items() if count}
    for op, types in scalar_cases(6, 8):
        for kernel in scalar_kernels(op, SCALAR, *types):
            assert {name for name, count in kernel.work.items() if count} <= known
