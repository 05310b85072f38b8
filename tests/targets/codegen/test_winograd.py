"""Winograd kernels: exact on the host with the arithmetic of the device, and only offered where they are."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest

from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.requantize import Requantize
from edgewright.converter.program import Quantization
from edgewright.targets.codegen.kernels.requantization import epilogue
from edgewright.targets.codegen.kernels.winograd import winograd_kernels
from edgewright.targets.codegen.kernels.winograd_steps import find_steps
from edgewright.targets.codegen.kernels.winograd_transform import TRANSFORMS
from edgewright.targets.codegen.row_kernel import RowKernel
from edgewright.targets.cpu import DSP, MVE, SCALAR
from tests.targets.codegen.kernel_calls import KernelCalls
from tests.targets.codegen.side_by_side import int8_values
from tests.targets.codegen.winograd_cases import FORMS, convolution

SOAK = int(os.environ.get("EDGEWRIGHT_SOAK", "1"))


def test_kernels_equal_golden(tmp_path):
    """Bit for bit, under the address sanitizer."""
    calls, recorded, forms = KernelCalls(), [], set()
    rng = np.random.default_rng(1)
    for n, form in enumerate(FORMS * SOAK):
        op, x = convolution(rng, form)
        image = int8_values(rng, x.shape)
        want = op.golden(image)
        found = winograd_kernels(op, DSP, x)
        assert len(found) == 4
        for kernel in found[n % 4 :: 2]:  # not all: they take long to compile with the sanitizer
            (out,) = calls.walk(kernel, [[calls.buffer(image.tobytes())]])
            recorded.append((kernel.variant, op, x, out, want))
            forms |= {form for form in FORMS if f"finish_4_{form}" in kernel.source}
    assert forms == set(FORMS[:4])
    contents = calls.run(tmp_path)
    wrong = [(v, op, x) for v, op, x, out, want in recorded if contents[out] != want.tobytes()]
    assert not wrong, wrong[:3]
    # Not all outputs are constant or saturated, or the comparison would say little.
    assert np.mean([np.unique(want).size > 4 for *_, want in recorded]) > 0.3


@pytest.mark.parametrize("size", TRANSFORMS)
def test_transforms_give_the_convolution(size):
    """A ((B x B^T) * (G w G^T)) A^T is the convolution times the factors, in integers."""
    t, rng = TRANSFORMS[size], np.random.default_rng(2)
    for _ in range(20):
        x, w = rng.integers(-128, 128, (size + 2, size + 2)), rng.integers(-128, 128, (3, 3))
        want = [[(x[i : i + 3, j : j + 3] * w).sum() for j in range(size)] for i in range(size)]
        points = (t.inputs @ x @ t.inputs.T) * (t.weights @ w @ t.weights.T)
        assert (t.outputs @ points @ t.outputs.T == np.array(want) * np.outer(t.factors, t.factors)).all()
    one = np.zeros((size + 2, size + 2), np.int64)
    one[1, 1] = t.bias_factor
    assert (t.outputs @ one @ t.outputs.T == np.outer(t.factors, t.factors)).all()
    # Within int16 whatever the inputs and weights.
    assert 128 * np.abs(t.inputs).sum(1).max() ** 2 < 1 << 15
    assert 128 * np.abs(t.weights).sum(1).max() ** 2 < 1 << 15


@pytest.mark.parametrize("zero_point", [-128, -2, 100])
def test_steps_are_in_their_places(zero_point):
    """One multiplication gives the twice rounded output: around every step, at the ends, and in between."""
    rng, found = np.random.default_rng(5), 0
    for _ in range(4):
        weights = rng.integers(-128, 128, (4, 3, 3, 4)).astype(np.int8)
        weights[3] = 0
        scales = np.float32(rng.uniform(0.8, 2.0, 4) / 768)
        bias = rng.integers(-3000, 3000, 4).astype(np.int32)
        requantize = Requantize.for_conv(1.0, scales, Quantization(0.5, zero_point), bias)
        call = epilogue(requantize, weights, 3, ("relu", "linear", "general"))
        steps = find_steps(call, weights)
        if steps is None:
            continue
        found += 1
        for o in range(4):
            reach = 128 * int(np.abs(weights[o].astype(int)).sum())
            sums = np.arange(-reach, reach + 1)
            inputs = sums - 3 * int(weights[o].astype(int).sum())
            want = requantize.apply_twice(np.repeat(inputs[:, None], 4, 1))[:, o]
            for k in range(2, 7):
                z = (9 << k) * sums + (steps.bias[o] << k >> 2)
                addend = steps.addend[o] + np.where(z < 0, steps.negative[o], 0)
                y = ((addend << 32) + z * (steps.multiplier[o] << (6 - k))) >> (32 + steps.shift)
                assert (np.clip(y, -128, 127) == want).all()
    assert found >= 2


def test_offered_only_where_exact():
    rng = np.random.default_rng(3)
    op, x = convolution(rng, "linear", rows=6, columns=6, channels=8, outputs=4)
    assert winograd_kernels(op, DSP, x)
    assert not winograd_kernels(op, SCALAR, x)
    assert not winograd_kernels(op, MVE, x)
    for other in (
        replace(op, stride=(2, 2)),
        replace(op, dilation=(2, 2), padding=Padding(2, 2, 2, 2)),
        replace(op, groups=2, weights=op.weights[..., :4]),
        replace(op, weights=op.weights[:, :2], padding=Padding()),
        replace(op, weights=(op.weights > 0).astype(np.int8), weight_format="int4"),
    ):
        assert not winograd_kernels(other, DSP, x)
    # Sums of 2^25 and more lose upper bits with tiles of 4 x 4, and those of 2^29 in any case.
    for bias, sizes in ((1 << 25, {2}), (1 << 29, set())):
        call = replace(op.requantize, bias=np.full(4, bias, np.int32))
        kernels = winograd_kernels(replace(op, requantize=call), DSP, x)
        assert {int(k.variant.split()[1][0]) for k in kernels} == sizes


def test_weights_in_memory_need_no_flash():
    """Transformed by every inference, they take the flash of int8 weights."""
    op, x = convolution(np.random.default_rng(4), "relu", rows=8, columns=8, channels=24, outputs=8)
    kernels = {k.variant: k for k in winograd_kernels(op, DSP, x)}
    for size in TRANSFORMS:
        flash, ram = (kernels[f"winograd {size}x{size}, weights in {where}"] for where in ("flash", "RAM"))
        assert ram.constants[0].nbytes == op.weights.size
        assert flash.constants[0].nbytes == op.weights.size * 2 * TRANSFORMS[size].points // 9
        assert ram.scratch_bytes > flash.scratch_bytes


def test_layers_of_other_sizes_share_their_code():
    """Sizes of a layer are numbers, so that kernels differ in text only where they compute differently."""
    rng = np.random.default_rng(6)

    def kernels(rows: int, columns: int, channels: int, outputs: int) -> list[RowKernel]:
        op, x = convolution(rng, "linear", rows=rows, columns=columns, channels=channels, outputs=outputs)
        found = winograd_kernels(replace(op, padding=Padding(1, 1, 1, 1)), DSP, x)
        return [k for k in found if "flash" in k.variant]

    small, large, parts, fewer = (
        kernels(*sizes) for sizes in ((8, 8, 32, 8), (16, 12, 64, 2), (7, 8, 32, 8), (8, 8, 16, 8))
    )
    assert [k.source for k in small] == [k.source for k in large]
    assert [k.functions for k in small] == [k.functions for k in large]
    for kernel, other in zip(small, parts, strict=True):
        assert kernel.source != other.source
        assert kernel.shared_code.items() <= other.shared_code.items()
    assert {k.source for k in small}.isdisjoint(k.source for k in fewer)
