"""Kernels of one pixel: their constants give the layer's result bit for bit, and who gets them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.program import Quantization, TensorType
from edgewright.targets.codegen.kernels.fully_connected_dsp import fc_kernels
from edgewright.targets.codegen.kernels.one_product import Sums, one_product
from edgewright.targets.cpu import DSP, DUAL_DSP, MVE, SCALAR
from tests.targets.codegen.fc_cases import layer, layers, requantize


def product_of(lifted, factor, constant, shift):
    """SMMLA, then SSAT with a shift."""
    return np.clip(((lifted * factor >> 32) + constant) >> shift, -128, 127)


def is_shared(kernel) -> bool:
    return (kernel.call or kernel.source.split("(wide, y")[0]).endswith("_shared")


def run_stream(kernel, outputs: int, x: np.ndarray) -> np.ndarray:
    """What ew_fc_dsp.h computes, word by word of the stream; x: int64 [depth]."""
    header, stream = np.split(kernel.constants[0].astype(np.int64), [8])
    shared, shift, long = is_shared(kernel), header[4], "int16" in kernel.variant
    assert header[2] + header[3] == 4 * len(stream)
    assert header[7] == (4 * len(stream) if outputs % 2 else -1)
    quads = -(-len(x) // 4)
    x = np.pad(x, (0, 4 * quads - len(x))).reshape(quads, 4)
    pairs = np.stack([x[:, [0, 2]], x[:, [1, 3]]], axis=1).reshape(-1, 2)  # in the order of the products
    at = 0
    result: list[int] = []
    while at < len(stream):
        left = outputs - len(result)
        size = 8 if "8 channels" in kernel.variant else 4
        group = size // 2 if left >= size else 1
        start = stream[at : at + 2 * group].reshape(group, 2)
        at += 2 * group
        count = 2 * quads * group * (2 if long else 1)
        words = stream[at : at + count].reshape(2 * quads, -1)
        at += count
        halves = np.stack([words << 48 >> 48, words << 32 >> 48])

        def sums(factors):
            return (factors * pairs.T[:, :, None]).sum((0, 1))

        if long:
            t, s = (start + sums(halves).reshape(group, 2)).T << 8
        else:
            s = start[:, 1] + sums(halves << 56 >> 56)
            t, s = start[:, 0] + sums(halves) - s, s << 8
        own = np.tile(header[5:7], 2) if shared else stream[at : at + 4 * group].reshape(group, 4).T
        at += 0 if shared else 4 * group
        a, b = (
            product_of(v.astype(np.int32).astype(np.int64), factor, constant, shift)
            for v, (factor, constant) in ((t, own[:2]), (s, own[2:]))
        )
        result += np.stack([a, b], axis=1).reshape(-1).tolist()
    return np.array(result[:outputs], np.int8)


@pytest.mark.parametrize("cpu", [DSP, DUAL_DSP], ids=["single", "dual"])
@pytest.mark.parametrize("seed", range(3))
def test_the_stream_gives_the_layers_result(seed, cpu):
    rng = np.random.default_rng(seed)
    offered = 0
    large = [layer(rng, depth=400, shared=shared) for shared in (True, False)]
    for op, x in [*layers(seed, 12), *large]:
        outputs = op.weights.shape[0]
        kernels = fc_kernels(op, cpu, x)
        offered += bool(kernels)
        for kernel in kernels:
            for values in (rng.integers(-128, 128, x.shape), np.full(x.shape, -128), np.full(x.shape, 127)):
                got = run_stream(kernel, outputs, values.reshape(-1).astype(np.int64))
                np.testing.assert_array_equal(got, op.golden(values.astype(np.int8)).reshape(-1))
    assert offered > 24


@pytest.mark.parametrize("once", [True, False])
@pytest.mark.parametrize("shared", [True, False])
def test_one_product_equals_the_requantization_for_every_sum(shared, once):
    rng = np.random.default_rng([shared, once])
    found = 0
    for _ in range(16):
        call = requantize(rng, 3, 64, once=once, shared=shared)
        if not once:
            call = replace(call, output=Quantization(1.0, -128))
        low, high = -rng.integers(1000, 100_000, 3), rng.integers(1000, 100_000, 3)
        form = one_product(call, Sums(low, high), once=once)
        # Two roundings, both symmetric about 0, are not always one product.
        assert form is not None or not once
        if form is None:
            continue
        found += 1
        for c in range(3):
            sums = np.arange(low[c], high[c] + 1)
            apply = call.apply_once if once else call.apply_twice
            want = apply((sums - call.bias[c])[:, None] + np.zeros(3, np.int64))[:, c]
            got = product_of(sums << 8, int(form.factor[c]), int(form.constant[c]), form.shift)
            np.testing.assert_array_equal(got, want)
    assert found >= 8


def test_a_layer_with_one_factor_shares_it():
    rng = np.random.default_rng(5)
    op, x = layer(rng, shared=True, depth=64)
    other, _ = layer(rng, shared=False, depth=64)
    assert all(is_shared(k) for k in fc_kernels(op, DSP, x))
    assert not any(is_shared(k) for k in fc_kernels(other, DSP, x))


def test_channels_without_weights_are_constants():
    rng = np.random.default_rng(6)
    op, x = layer(rng, shared=False, depth=16)
    w = op.weights.copy()
    w[0] = 0
    op = replace(op, weights=w)
    values = rng.integers(-128, 128, x.shape)
    got = run_stream(fc_kernels(op, DSP, x)[0], len(w), values.reshape(-1))
    np.testing.assert_array_equal(got, op.golden(values.astype(np.int8)).reshape(-1))


def simple(weights: np.ndarray, **changes) -> FullyConnected:
    rng = np.random.default_rng(8)
    call = requantize(rng, weights.shape[0], weights.shape[1], once=True, shared=True)
    return FullyConnected(weights.astype(np.int8), replace(call, **changes), 0)


X = TensorType((1, 1, 8), "int8", Quantization(0.1, 0))
PLAIN = np.full((2, 8), 3)


@pytest.mark.parametrize(
    ("op", "x", "cpu"),
    [
        (simple(PLAIN), X, SCALAR),
        (simple(PLAIN), X, MVE),
        (simple(PLAIN), replace(X, shape=(1, 2, 8)), DSP),  # two pixels
        (simple(PLAIN, clamp=(-128, 100)), X, DSP),
        (simple(PLAIN, shift=np.array([9, 9], np.int32)), X, DSP),
        (simple(np.array([[-128] * 8, [-1] * 8])), X, DSP),  # 256 a + b leaves 16 bits
        (replace(simple(PLAIN), weight_format="int4"), X, DSP),
    ],
)
def test_layers_that_do_not_fit_get_none(op, x, cpu):
    assert fc_kernels(simple(PLAIN), DSP, X)
    assert fc_kernels(op, cpu, x) == ()


def test_the_input_is_read_in_place_where_its_depth_is_a_multiple_of_four():
    rng = np.random.default_rng(9)
    wide, narrow = fc_kernels(*reorder(layer(rng, depth=20)))
    assert (wide.scratch_bytes, narrow.scratch_bytes) == (40, 0)
    (only,) = fc_kernels(*reorder(layer(rng, depth=21)))
    assert only.scratch_bytes == 48


def reorder(case):
    op, x = case
    return op, DSP, x


def test_weights_of_16_bits_are_for_cores_that_count_instructions():
    op, x = layer(np.random.default_rng(9), depth=20)
    assert [k.variant.count("int16") for k in fc_kernels(op, DUAL_DSP, x)] == [1, 0, 0]
    extreme = simple(np.array([[-128] * 8, [-1] * 8]))  # no bound on these
    assert len(fc_kernels(extreme, DUAL_DSP, X)) == 1


def test_small_layers_take_less_code():
    x = TensorType((1, 1, 64), "int8", Quantization(0.1, 0))
    variants = [fc_kernels(simple(np.full((n, 64), 3)), DSP, x)[0].variant for n in (63, 64)]
    assert ["4 channels" in v for v in variants] == [True, False]
