"""Random models of one operator that computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.converter.importers.op_parts import (
    Model,
    Rng,
    add_input,
    add_output,
    extent,
    like,
    quantization,
    random_activation,
    random_shape,
    windows,
)
from tests.tflite_builder import SAME, VALID, TfliteBuilder


def _weights(
    m: TfliteBuilder, rng: Rng, shape: tuple[int, ...], axis: int, x: int, dtype: str
) -> tuple[int, int, float]:
    """Weights, bias (-1 sometimes) and a fitting scale of the output."""
    channels = shape[axis]
    if dtype == "float32":
        weights = m.constant(rng.normal(size=shape), dtype, name="weights")
        return weights, m.constant(rng.normal(size=channels), dtype, name="bias"), 1.0
    per_channel = rng.random() < 0.7
    scales = rng.uniform(0.001, 0.01, channels if per_channel else 1).astype(np.float32)
    data = rng.integers(-127, 128, shape)
    weights = m.constant(data, "int8", scale=scales, axis=axis if per_channel else 0, name="weights")
    x_scale = np.float32(m.tensors[x].scales[0])
    terms = np.prod(shape) / channels
    bias = -1
    # LiteRT wants a bias in CONV_2D.
    if (axis == 0 and len(shape) == 4) or rng.random() < 0.8:
        values = rng.integers(-2000, 2000, channels)
        bias = m.constant(values, "int32", scale=x_scale * scales, axis=0, name="bias")
    return weights, bias, float(x_scale * scales.max() * 128 * 74 / 40 * np.sqrt(terms))


def conv(rng: Rng, dtype: str = "int8") -> Model:
    m = TfliteBuilder()
    _, h, w, c = random_shape(rng, high=11)
    sw, sh, dw, dh, padding = windows(rng)
    kh, kw = (int(rng.integers(1, 5)) for _ in range(2))
    h, w = max(h, (kh - 1) * dh + 1), max(w, (kw - 1) * dw + 1)
    groups = int(rng.choice([1, 1, 1, c])) if dtype == "int8" else 1
    outputs = groups * int(rng.integers(1, 5))
    x = add_input(m, rng, (1, h, w, c), dtype)
    weights, bias, scale = _weights(m, rng, (outputs, kh, kw, c // groups), 0, x, dtype)
    shape = (1, extent(h, kh, sh, dh, padding), extent(w, kw, sw, dw, padding), outputs)
    params = {} if dtype == "float32" else {"scale": scale, "zero_point": int(rng.integers(-128, 128))}
    y = add_output(m, rng, shape, dtype, **params)
    m.operator(
        "CONV_2D",
        [x, weights, bias] if bias >= 0 else [x, weights],
        [y],
        "Conv2DOptions",
        Padding=padding,
        StrideW=sw,
        StrideH=sh,
        DilationWFactor=dw,
        DilationHFactor=dh,
        FusedActivationFunction=random_activation(rng),
    )
    return m, [x], [y]


def depthwise(rng: Rng, dtype: str = "int8") -> Model:
    m = TfliteBuilder()
    _, h, w, c = random_shape(rng, high=9)
    sw, _, dw, dh, padding = windows(rng)
    kh, kw = (int(rng.integers(1, 5)) for _ in range(2))
    h, w = max(h, (kh - 1) * dh + 1), max(w, (kw - 1) * dw + 1)
    multiplier = int(rng.integers(1, 4))
    x = add_input(m, rng, (1, h, w, c), dtype)
    weights, bias, scale = _weights(m, rng, (1, kh, kw, c * multiplier), 3, x, dtype)
    shape = (1, extent(h, kh, sw, dh, padding), extent(w, kw, sw, dw, padding), c * multiplier)
    params = {} if dtype == "float32" else {"scale": scale, "zero_point": int(rng.integers(-128, 128))}
    y = add_output(m, rng, shape, dtype, **params)
    m.operator(
        "DEPTHWISE_CONV_2D",
        [x, weights, bias] if bias >= 0 else [x, weights],
        [y],
        "DepthwiseConv2DOptions",
        Padding=padding,
        StrideW=sw,
        StrideH=sw,
        DilationWFactor=dw,
        DilationHFactor=dh,
        DepthMultiplier=multiplier,
        FusedActivationFunction=random_activation(rng),
    )
    return m, [x], [y]


def fully_connected(rng: Rng, dtype: str = "int8") -> Model:
    m = TfliteBuilder()
    rank = int(rng.integers(2, 5))
    shape = random_shape(rng, rank)
    keep = bool(rng.random() < 0.5)
    inputs = shape[-1] if keep else int(np.prod(shape))
    outputs = int(rng.integers(1, 10))
    x = add_input(m, rng, shape, dtype)
    weights, bias, scale = _weights(m, rng, (outputs, inputs), 0, x, dtype)
    params = {} if dtype == "float32" else {"scale": scale, "zero_point": int(rng.integers(-128, 128))}
    y = add_output(m, rng, (*shape[:-1], outputs) if keep else (1, outputs), dtype, **params)
    m.operator(
        "FULLY_CONNECTED",
        [x, weights, bias] if bias >= 0 else [x, weights],
        [y],
        "FullyConnectedOptions",
        KeepNumDims=keep,
        FusedActivationFunction=random_activation(rng),
    )
    return m, [x], [y]


def binary(code: str, options: str | None, *, fused: bool = True, same: bool = False) -> Callable[..., Model]:
    """A function of two tensors: broadcast, with a constant of any rank, or of equal shapes."""

    def make(rng: Rng, dtype: str = "int8") -> Model:
        m = TfliteBuilder()
        shape = random_shape(rng, int(rng.integers(2, 5)))
        other = tuple(d if rng.random() < 0.6 else 1 for d in shape)
        x = add_input(m, rng, shape, dtype)
        params = (like(m, x) if same else quantization(rng)) if dtype != "float32" else {}
        inputs = [x]
        if rng.random() < 0.4:
            other = other[int(rng.integers(0, len(other))) :]
            data = rng.normal(size=other) if dtype == "float32" else rng.integers(-128, 128, other)
            second = m.constant(data, dtype, name="operand", **params)
        else:
            second = add_input(m, rng, other, dtype, **params)
            inputs.append(second)
        out = dict(params) if same else {}
        y = add_output(m, rng, shape, dtype, **out)
        fields = {"FusedActivationFunction": random_activation(rng)} if fused else {}
        operands = [x, second] if rng.random() < 0.7 or len(other) != len(shape) else [second, x]
        m.operator(code, operands, [y], options, **fields)
        return m, inputs, [y]

    return make


def pool(code: str) -> Callable[..., Model]:
    def make(rng: Rng, dtype: str = "int8") -> Model:
        m = TfliteBuilder()
        _, h, w, c = random_shape(rng, high=12)
        sw, sh, *_ = windows(rng)
        padding = SAME if rng.random() < 0.6 else VALID
        kh, kw = int(rng.integers(1, h + 1)), int(rng.integers(1, w + 1))
        x = add_input(m, rng, (1, h, w, c), dtype)
        shape = (1, extent(h, kh, sh, 1, padding), extent(w, kw, sw, 1, padding), c)
        y = add_output(m, rng, shape, dtype, **like(m, x))
        m.operator(
            code,
            [x],
            [y],
            "Pool2DOptions",
            Padding=padding,
            StrideW=sw,
            StrideH=sh,
            FilterWidth=kw,
            FilterHeight=kh,
            FusedActivationFunction=random_activation(rng),
        )
        return m, [x], [y]

    return make


def unary(
    code: str,
    options: str | None = None,
    *,
    fields: dict[str, Any] | None = None,
    out: dict[str, Any] | None = None,
    positive: bool = False,
    keeps: bool = False,
) -> Callable[..., Model]:
    """A function of one tensor; `out` is the output's quantization where LiteRT prescribes it."""

    def make(rng: Rng, dtype: str = "int8") -> Model:
        m = TfliteBuilder()
        shape = random_shape(rng, int(rng.integers(1, 5)))
        params = {"scale": 0.05, "zero_point": -128} if positive and dtype == "int8" else {}
        x = add_input(m, rng, shape, dtype, **params)
        result = dict(out or {}) or (like(m, x) if keeps else {})
        y = add_output(m, rng, shape, dtype, **(result if dtype == "int8" else {}))
        m.operator(code, [x], [y], options, **(fields or {}))
        return m, [x], [y]

    return make


def reduction(code: str, *, keeps: bool = False) -> Callable[..., Model]:
    def make(rng: Rng, dtype: str = "int8") -> Model:
        m = TfliteBuilder()
        shape = random_shape(rng, int(rng.integers(2, 5)))
        rank = len(shape)
        axes = sorted(rng.choice(range(1, rank), int(rng.integers(1, rank)), replace=False).tolist())
        keep = bool(rng.random() < 0.5)
        x = add_input(m, rng, shape, dtype)
        result = [1 if i in axes else d for i, d in enumerate(shape) if keep or i not in axes]
        y = add_output(m, rng, tuple(result), dtype, **(like(m, x) if keeps else {}))
        listed = [a - rank if rng.random() < 0.3 else a for a in axes]
        m.operator(code, [x, m.constant(listed)], [y], "ReducerOptions", KeepDims=keep)
        return m, [x], [y]

    return make


def softmax(rng: Rng, dtype: str = "int8") -> Model:
    m = TfliteBuilder()
    shape = random_shape(rng, int(rng.integers(2, 5)), high=12)
    x = add_input(m, rng, shape, dtype)
    params = {} if dtype == "float32" else {"scale": 1 / 256, "zero_point": -128}
    y = add_output(m, rng, shape, dtype, **params)
    beta = float(rng.choice([1.0, 1.0, 0.5, 2.0]))
    m.operator("SOFTMAX", [x], [y], "SoftmaxOptions", Beta=beta)
    return m, [x], [y]


def requantize(source: str, target: str) -> Callable[..., Model]:
    """QUANTIZE from one type to another."""

    def make(rng: Rng, dtype: str = "int8") -> Model:
        m = TfliteBuilder()
        shape = random_shape(rng, int(rng.integers(1, 5)))
        x = add_input(m, rng, shape, source)
        y = add_output(m, rng, shape, target)
        m.operator("QUANTIZE", [x], [y], "QuantizeOptions")
        return m, [x], [y]

    return make


def dequantize(source: str) -> Callable[..., Model]:
    def make(rng: Rng, dtype: str = "int8") -> Model:
        m = TfliteBuilder()
        shape = random_shape(rng, int(rng.integers(1, 5)))
        x = add_input(m, rng, shape, source)
        y = add_output(m, rng, shape, "float32")
        m.operator("DEQUANTIZE", [x], [y], "DequantizeOptions")
        return m, [x], [y]

    return make


def prelu(rng: Rng, dtype: str = "int8") -> Model:
    m = TfliteBuilder()
    shape = random_shape(rng)
    x = add_input(m, rng, shape, dtype)
    size = (1, 1, shape[3])
    slopes = rng.normal(size=size) if dtype == "float32" else rng.integers(-128, 128, size)
    alpha = m.constant(slopes, dtype, **({} if dtype == "float32" else quantization(rng)))
    y = add_output(m, rng, shape, dtype)
    m.operator("PRELU", [x, alpha], [y])
    return m, [x], [y]
