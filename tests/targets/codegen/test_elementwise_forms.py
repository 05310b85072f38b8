"""The short forms of sums and products equal golden for all pairs of inputs; means divide by a product."""

from __future__ import annotations

import numpy as np
import pytest

from edgewright.converter.ops.binary import Add, Mul
from edgewright.converter.program import Quantization, TensorType
from edgewright.targets.codegen.kernels.elementwise_dsp import dsp_binary_kernel
from edgewright.targets.codegen.kernels.linear_sum import linear_sum

EVERY = np.arange(-128, 128)
FIRST, SECOND = EVERY.reshape(256, 1, 1), EVERY.reshape(1, 256, 1)
ROW = TensorType((1, 4, 8), "int8", Quantization(0.1, 0))


def quantization(rng: np.random.Generator, low: float, high: float) -> Quantization:
    zero = int(rng.choice([-128, 127, 0, rng.integers(-128, 128)]))
    return Quantization(float(np.float32(np.exp(rng.uniform(low, high)))), zero)


def golden(op) -> np.ndarray:
    return op.golden(FIRST.astype(np.int8), SECOND.astype(np.int8)).astype(np.int64)


@pytest.mark.parametrize("clamp", [(None, None), (0.0, 6.0)])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("ties", [False, True])
def test_a_linear_form_equals_every_sum(ties, sign, clamp):
    """With equal scales many sums are halves, which go away from zero."""
    rng = np.random.default_rng([ties, sign + 1])
    for n in range(10):
        a, b, out = (quantization(rng, -2, 0) for _ in range(3))
        if ties:
            b = Quantization(a.scale, b.zero_point)
            out = Quantization(a.scale * (0.5, 1, 2)[n % 3], out.zero_point)
        op = Add.from_types(a, b, out, clamp, sign)
        form = linear_sum(op)
        assert form is not None
        sums = FIRST * form.factors[0] + SECOND * form.factors[1] + form.constant
        assert np.abs(sums).max() < 1 << 31
        assert max(abs(f) for f in form.factors) < 1 << 23
        np.testing.assert_array_equal(np.clip(sums >> form.shift, *op.clamp), golden(op))


def test_sums_of_other_scales_get_forms_of_their_own():
    forms = [
        linear_sum(Add.from_types(ROW.quantization, Quantization(s, 0), Quantization(0.2, 0)))
        for s in (0.1, 0.2)
    ]
    assert forms[0] != forms[1]


def test_a_product_equals_golden_for_all_pairs():
    """What EW_MUL_ONE computes, from the constants of the kernel."""
    rng = np.random.default_rng(3)
    for _ in range(20):
        op = Mul.from_types(quantization(rng, -5, -2), quantization(rng, -5, -2), quantization(rng, -4, -1))
        kernel = dsp_binary_kernel(op, ROW, ROW)
        if op.output_shift > -1:
            assert kernel is None
            continue
        first, second, factor, constant = kernel.constants[0].astype(np.int64)
        p = 2 * (FIRST + (first << 48 >> 48)) * (SECOND + (second << 48 >> 48))
        rounded = (p * factor + (1 << 31) >> 32) + constant + (p >> 63)
        np.testing.assert_array_equal(np.clip(rounded >> -op.output_shift, -128, 127), golden(op))


@pytest.mark.parametrize(
    ("a", "b", "fits"),
    [
        ((2, 3, 5), (2, 3, 5), True),
        ((2, 3, 8), (1, 1, 8), True),
        ((2, 3, 8), (2, 1, 8), True),
        ((2, 3, 5), (1, 1, 5), False),  # words would not end with a pixel
        ((2, 3, 8), (2, 3, 1), False),
        ((1, 1, 8), (2, 3, 8), False),
    ],
)
def test_shapes(a, b, fits):
    op = Mul.from_types(ROW.quantization, ROW.quantization, Quantization(0.3, 0))
    types = [TensorType(shape, "int8", ROW.quantization) for shape in (a, b)]
    assert (dsp_binary_kernel(op, *types) is not None) == fits


def test_means_divide_exactly_by_a_product():
    """The condition that ew_pool_fours.h states, tried out: floor(n * r / 2^24) is floor(n / count)."""
    for count in range(1, 362):
        n = np.arange(128 * count + count // 2 + 1, dtype=np.int64)
        product = n * ((1 << 24) // count + 1)
        assert product[-1] < 1 << 32
        np.testing.assert_array_equal(product >> 24, n // count)
