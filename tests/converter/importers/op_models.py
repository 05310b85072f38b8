"""Random models of one operator each, for the .tflite importer's tests.

Each function makes one model of its kind from a random generator, with awkward sizes. The shape of
an output is what LiteRT computes: `_out` asks it, so that no shape rule is written twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tflite

from tests.tflite_builder import ACTIVATION, SAME, VALID, TfliteBuilder

Rng = np.random.Generator
Model = tuple[TfliteBuilder, list[int], list[int]]
FUSED = ["NONE", "RELU", "RELU6", "RELU_N1_TO_1"]


def quantization(rng: Rng, dtype: str = "int8") -> dict[str, Any]:
    """A random scale and zero point."""
    limits = np.iinfo(dtype)
    zero_point = int(rng.integers(limits.min, limits.max + 1))
    return {"scale": float(np.float32(rng.uniform(0.01, 0.1))), "zero_point": zero_point}


def _shape(rng: Rng, rank: int = 4, low: int = 1, high: int = 8) -> tuple[int, ...]:
    return (1, *(int(d) for d in rng.integers(low, high, rank - 1)))


def _input(m: TfliteBuilder, rng: Rng, shape: tuple[int, ...], dtype: str = "int8", **params: Any) -> int:
    if dtype != "float32" and not params:
        params = quantization(rng, dtype)
    return m.tensor(shape, dtype, name=f"in{len(m.tensors)}", **params)


def _output(m: TfliteBuilder, rng: Rng, shape: tuple[int, ...], dtype: str = "int8", **params: Any) -> int:
    if dtype != "float32" and not params:
        params = quantization(rng, dtype)
    return m.tensor(shape, dtype, name=f"out{len(m.tensors)}", **params)


def _like(m: TfliteBuilder, index: int) -> dict[str, Any]:
    """The quantization of a tensor, for operators that keep it."""
    t = m.tensors[index]
    return {} if t.scales is None else {"scale": t.scales[0], "zero_point": t.zero_points[0]}


def _fused(rng: Rng) -> int:
    return ACTIVATION[FUSED[int(rng.integers(len(FUSED)))]]


def _windows(rng: Rng) -> tuple[int, int, int, int, int]:
    """Stride (w, h), dilation (w, h), padding; a stride and a dilation exclude each other."""
    dilated = rng.random() < 0.25
    stride = (1, 1) if dilated else rng.integers(1, 4, 2)
    dilation = rng.integers(1, 3, 2) if dilated else (1, 1)
    padding = SAME if rng.random() < 0.7 else VALID
    return int(stride[0]), int(stride[1]), int(dilation[0]), int(dilation[1]), padding


def _extent(size: int, window: int, stride: int, dilation: int, padding: int) -> int:
    return -(-size // stride) if padding == SAME else (size - (window - 1) * dilation - 1) // stride + 1


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
    _, h, w, c = _shape(rng, high=11)
    sw, sh, dw, dh, padding = _windows(rng)
    kh, kw = (int(rng.integers(1, 5)) for _ in range(2))
    h, w = max(h, (kh - 1) * dh + 1), max(w, (kw - 1) * dw + 1)
    groups = int(rng.choice([1, 1, 1, c])) if dtype == "int8" else 1
    outputs = groups * int(rng.integers(1, 5))
    x = _input(m, rng, (1, h, w, c), dtype)
    weights, bias, scale = _weights(m, rng, (outputs, kh, kw, c // groups), 0, x, dtype)
    shape = (1, _extent(h, kh, sh, dh, padding), _extent(w, kw, sw, dw, padding), outputs)
    params = {} if dtype == "float32" else {"scale": scale, "zero_point": int(rng.integers(-128, 128))}
    y = _output(m, rng, shape, dtype, **params)
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
        FusedActivationFunction=_fused(rng),
    )
    return m, [x], [y]


def depthwise(rng: Rng, dtype: str = "int8") -> Model:
    m = TfliteBuilder()
    _, h, w, c = _shape(rng, high=9)
    sw, _, dw, dh, padding = _windows(rng)
    kh, kw = (int(rng.integers(1, 5)) for _ in range(2))
    h, w = max(h, (kh - 1) * dh + 1), max(w, (kw - 1) * dw + 1)
    multiplier = int(rng.integers(1, 4))
    x = _input(m, rng, (1, h, w, c), dtype)
    weights, bias, scale = _weights(m, rng, (1, kh, kw, c * multiplier), 3, x, dtype)
    shape = (1, _extent(h, kh, sw, dh, padding), _extent(w, kw, sw, dw, padding), c * multiplier)
    params = {} if dtype == "float32" else {"scale": scale, "zero_point": int(rng.integers(-128, 128))}
    y = _output(m, rng, shape, dtype, **params)
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
        FusedActivationFunction=_fused(rng),
    )
    return m, [x], [y]


def fully_connected(rng: Rng, dtype: str = "int8") -> Model:
    m = TfliteBuilder()
    rank = int(rng.integers(2, 5))
    shape = _shape(rng, rank)
    keep = bool(rng.random() < 0.5)
    inputs = shape[-1] if keep else int(np.prod(shape))
    outputs = int(rng.integers(1, 10))
    x = _input(m, rng, shape, dtype)
    weights, bias, scale = _weights(m, rng, (outputs, inputs), 0, x, dtype)
    params = {} if dtype == "float32" else {"scale": scale, "zero_point": int(rng.integers(-128, 128))}
    y = _output(m, rng, (*shape[:-1], outputs) if keep else (1, outputs), dtype, **params)
    m.operator(
        "FULLY_CONNECTED",
        [x, weights, bias] if bias >= 0 else [x, weights],
        [y],
        "FullyConnectedOptions",
        KeepNumDims=keep,
        FusedActivationFunction=_fused(rng),
    )
    return m, [x], [y]


def binary(code: str, options: str | None, *, fused: bool = True, same: bool = False) -> Callable[..., Model]:
    """A function of two tensors: broadcast, with a constant of any rank, or of equal shapes."""

    def make(rng: Rng, dtype: str = "int8") -> Model:
        m = TfliteBuilder()
        shape = _shape(rng, int(rng.integers(2, 5)))
        other = tuple(d if rng.random() < 0.6 else 1 for d in shape)
        x = _input(m, rng, shape, dtype)
        params = (_like(m, x) if same else quantization(rng)) if dtype != "float32" else {}
        inputs = [x]
        if rng.random() < 0.4:
            other = other[int(rng.integers(0, len(other))) :]
            data = rng.normal(size=other) if dtype == "float32" else rng.integers(-128, 128, other)
            second = m.constant(data, dtype, name="operand", **params)
        else:
            second = _input(m, rng, other, dtype, **params)
            inputs.append(second)
        out = dict(params) if same else {}
        y = _output(m, rng, shape, dtype, **out)
        fields = {"FusedActivationFunction": _fused(rng)} if fused else {}
        operands = [x, second] if rng.random() < 0.7 or len(other) != len(shape) else [second, x]
        m.operator(code, operands, [y], options, **fields)
        return m, inputs, [y]

    return make


def pool(code: str) -> Callable[..., Model]:
    def make(rng: Rng, dtype: str = "int8") -> Model:
        m = TfliteBuilder()
        _, h, w, c = _shape(rng, high=12)
        sw, sh, *_ = _windows(rng)
        padding = SAME if rng.random() < 0.6 else VALID
        kh, kw = int(rng.integers(1, h + 1)), int(rng.integers(1, w + 1))
        x = _input(m, rng, (1, h, w, c), dtype)
        shape = (1, _extent(h, kh, sh, 1, padding), _extent(w, kw, sw, 1, padding), c)
        y = _output(m, rng, shape, dtype, **_like(m, x))
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
            FusedActivationFunction=_fused(rng),
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
        shape = _shape(rng, int(rng.integers(1, 5)))
        params = {"scale": 0.05, "zero_point": -128} if positive and dtype == "int8" else {}
        x = _input(m, rng, shape, dtype, **params)
        result = dict(out or {}) or (_like(m, x) if keeps else {})
        y = _output(m, rng, shape, dtype, **(result if dtype == "int8" else {}))
        m.operator(code, [x], [y], options, **(fields or {}))
        return m, [x], [y]

    return make


def reduction(code: str, *, keeps: bool = False) -> Callable[..., Model]:
    def make(rng: Rng, dtype: str = "int8") -> Model:
        m = TfliteBuilder()
        shape = _shape(rng, int(rng.integers(2, 5)))
        rank = len(shape)
        axes = sorted(rng.choice(range(1, rank), int(rng.integers(1, rank)), replace=False).tolist())
        keep = bool(rng.random() < 0.5)
        x = _input(m, rng, shape, dtype)
        result = [1 if i in axes else d for i, d in enumerate(shape) if keep or i not in axes]
        y = _output(m, rng, tuple(result), dtype, **(_like(m, x) if keeps else {}))
        listed = [a - rank if rng.random() < 0.3 else a for a in axes]
        m.operator(code, [x, m.constant(listed)], [y], "ReducerOptions", KeepDims=keep)
        return m, [x], [y]

    return make


def concatenation(rng: Rng, dtype: str = "int8") -> Model:
    m = TfliteBuilder()
    shape = list(_shape(rng, int(rng.integers(2, 5))))
    axis = int(rng.integers(1, len(shape)))
    params = {} if dtype == "float32" else quantization(rng)
    inputs, total = [], 0
    for _ in range(int(rng.integers(1, 4))):
        shape[axis] = int(rng.integers(1, 5))
        total += shape[axis]
        inputs.append(_input(m, rng, tuple(shape), dtype, **params))
    shape[axis] = total
    y = _output(m, rng, tuple(shape), dtype, **params)
    axis -= len(shape) if rng.random() < 0.5 else 0
    m.operator("CONCATENATION", inputs, [y], "ConcatenationOptions", Axis=axis)
    return m, inputs, [y]


def pack(rng: Rng, dtype: str = "int8") -> Model:
    m = TfliteBuilder()
    shape = _shape(rng, int(rng.integers(1, 4)))
    axis = int(rng.integers(0, len(shape) + 1))
    params = {} if dtype == "float32" else quantization(rng)
    inputs = [_input(m, rng, shape, dtype, **params) for _ in range(int(rng.integers(1, 4)))]
    y = _output(m, rng, (*shape[:axis], len(inputs), *shape[axis:]), dtype, **params)
    m.operator("PACK", inputs, [y], "PackOptions", Axis=axis, ValuesCount=len(inputs))
    return m, inputs, [y]


def unpack(rng: Rng, dtype: str = "int8") -> Model:
    m = TfliteBuilder()
    shape = _shape(rng, int(rng.integers(2, 5)), high=4)
    axis = int(rng.integers(0, len(shape)))
    x = _input(m, rng, shape, dtype)
    left = shape[:axis] + shape[axis + 1 :]
    outputs = [_output(m, rng, left, dtype, **_like(m, x)) for _ in range(shape[axis])]
    m.operator("UNPACK", [x], outputs, "UnpackOptions", Axis=axis, Num=shape[axis])
    return m, [x], outputs


def split(rng: Rng, dtype: str = "int8") -> Model:
    m = TfliteBuilder()
    shape = list(_shape(rng, int(rng.integers(2, 5))))
    axis, parts = int(rng.integers(1, len(shape))), int(rng.integers(1, 4))
    size = shape[axis]
    shape[axis] = size * parts
    x = _input(m, rng, tuple(shape), dtype)
    shape[axis] = size
    outputs = [_output(m, rng, tuple(shape), dtype, **_like(m, x)) for _ in range(parts)]
    m.operator("SPLIT", [m.constant(np.int32(axis)), x], outputs, "SplitOptions", NumSplits=parts)
    return m, [x], outputs


def split_v(rng: Rng, dtype: str = "int8") -> Model:
    m = TfliteBuilder()
    shape = list(_shape(rng, int(rng.integers(2, 5))))
    axis = int(rng.integers(1, len(shape)))
    sizes = rng.integers(1, 4, int(rng.integers(1, 4))).tolist()
    shape[axis] = sum(sizes)
    x = _input(m, rng, tuple(shape), dtype)
    outputs = []
    for size in sizes:
        shape[axis] = size
        outputs.append(_output(m, rng, tuple(shape), dtype, **_like(m, x)))
    listed = list(sizes)
    if rng.random() < 0.5:
        listed[-1] = -1
    operands = [x, m.constant(listed), m.constant(np.int32(axis))]
    m.operator("SPLIT_V", operands, outputs, "SplitVOptions", NumSplits=len(sizes))
    return m, [x], outputs


def pad(code: str) -> Callable[..., Model]:
    def make(rng: Rng, dtype: str = "int8") -> Model:
        m = TfliteBuilder()
        shape = _shape(rng, int(rng.integers(1, 5)))
        amounts = rng.integers(0, 3, (len(shape), 2))
        amounts[0] = 0
        x = _input(m, rng, shape, dtype)
        operands = [x, m.constant(amounts)]
        if code == "PADV2":
            value = rng.normal() if dtype == "float32" else rng.integers(-128, 128)
            operands.append(m.constant([value], dtype, **_like(m, x)))
        result = tuple(int(d + a.sum()) for d, a in zip(shape, amounts, strict=True))
        y = _output(m, rng, result, dtype, **_like(m, x))
        m.operator(code, operands, [y], f"{'PadV2' if code == 'PADV2' else 'Pad'}Options")
        return m, [x], [y]

    return make


def reshape(rng: Rng, dtype: str = "int8") -> Model:
    m = TfliteBuilder()
    x = _input(m, rng, _shape(rng, int(rng.integers(1, 5))), dtype)
    size = int(np.prod(m.tensors[x].shape))
    divisor = int(rng.choice([d for d in range(1, size + 1) if size % d == 0]))
    result = (1, divisor, size // divisor)
    y = _output(m, rng, result, dtype, **_like(m, x))
    m.operator("RESHAPE", [x, m.constant(result)], [y], "ReshapeOptions", NewShape=list(result))
    return m, [x], [y]


def squeeze(rng: Rng, dtype: str = "int8") -> Model:
    m = TfliteBuilder()
    shape = tuple(1 if rng.random() < 0.5 else int(d) for d in rng.integers(2, 6, 4))
    ones = [i for i, d in enumerate(shape) if d == 1]
    dims = [i for i in ones if rng.random() < 0.5]
    gone = dims or ones
    x = _input(m, rng, shape, dtype)
    result = tuple(d for i, d in enumerate(shape) if i not in gone)
    y = _output(m, rng, result, dtype, **_like(m, x))
    m.operator("SQUEEZE", [x], [y], "SqueezeOptions", SqueezeDims=[d - 4 if d == 2 else d for d in dims])
    return m, [x], [y]


def expand_dims(rng: Rng, dtype: str = "int8") -> Model:
    m = TfliteBuilder()
    shape = _shape(rng, int(rng.integers(1, 4)))
    axis = int(rng.integers(0, len(shape) + 1))
    x = _input(m, rng, shape, dtype)
    y = _output(m, rng, (*shape[:axis], 1, *shape[axis:]), dtype, **_like(m, x))
    m.operator("EXPAND_DIMS", [x, m.constant([axis])], [y], "ExpandDimsOptions")
    return m, [x], [y]


def transpose(rng: Rng, dtype: str = "int8") -> Model:
    m = TfliteBuilder()
    shape = _shape(rng, int(rng.integers(2, 5)))
    perm = rng.permutation(len(shape))
    x = _input(m, rng, shape, dtype)
    y = _output(m, rng, tuple(shape[p] for p in perm), dtype, **_like(m, x))
    m.operator("TRANSPOSE", [x, m.constant(perm)], [y], "TransposeOptions")
    return m, [x], [y]


def slice_(rng: Rng, dtype: str = "int8") -> Model:
    m = TfliteBuilder()
    shape = _shape(rng, int(rng.integers(1, 5)))
    begins = [int(rng.integers(0, d)) for d in shape]
    sizes = [int(rng.integers(1, d - b + 1)) for d, b in zip(shape, begins, strict=True)]
    x = _input(m, rng, shape, dtype)
    y = _output(m, rng, tuple(sizes), dtype, **_like(m, x))
    listed = [-1 if b + s == d else s for b, s, d in zip(begins, sizes, shape, strict=True)]
    m.operator("SLICE", [x, m.constant(begins), m.constant(listed)], [y], "SliceOptions")
    return m, [x], [y]


def strided_slice(rng: Rng, dtype: str = "int8") -> Model:
    """Random masks; numpy's indexing says what comes out."""
    m = TfliteBuilder()
    shape = _shape(rng, int(rng.integers(2, 5)), low=2)
    masks = dict.fromkeys(("BeginMask", "EndMask", "ShrinkAxisMask", "NewAxisMask", "EllipsisMask"), 0)
    begins, ends, steps, index = [], [], [], []
    for i, dim in enumerate(shape):
        step = int(rng.choice([1, 1, 2, -1, -2]))
        begin, end = sorted(int(v) for v in rng.choice(range(dim + 1), 2, replace=False))
        if step < 0:
            begin, end = min(end, dim - 1), begin - 1
        listed = (begin, end) if end >= 0 else (begin, -dim - 1)
        kind = rng.random()
        start: int | None = begin
        stop: int | None = listed[1]
        if kind < 0.15:
            masks["BeginMask"] |= 1 << i
            start = None
        elif kind < 0.3:
            masks["EndMask"] |= 1 << i
            stop = None
        elif kind < 0.4 and i:
            masks["ShrinkAxisMask"] |= 1 << i
            begin, step = min(begin, dim - 1), 1
            listed = (begin, begin + 1)
        shrinks = masks["ShrinkAxisMask"] >> i & 1
        index.append(begin if shrinks else slice(start, stop, step))
        begins.append(begin if shrinks else listed[0])
        ends.append(listed[1])
        steps.append(step)
    result = np.zeros(shape)[tuple(index)].shape
    x = _input(m, rng, shape, dtype)
    y = _output(m, rng, result, dtype, **_like(m, x))
    operands = [x, m.constant(begins), m.constant(ends), m.constant(steps)]
    m.operator("STRIDED_SLICE", operands, [y], "StridedSliceOptions", **masks)
    return m, [x], [y]


def _resized(rng: Rng, extent: int) -> int:
    """A size for which onnxruntime's float32 finds the pixel that exact arithmetic does.

    It divides by a rounded ratio: of 14 pixels, the second of 2 is number 6.9999995. LiteRT, and
    edgewright's own code, take pixel 7.
    """
    while True:
        size = int(rng.integers(1, 25))
        position = np.arange(size, dtype=np.float32) / (np.float32(size) / np.float32(extent))
        if np.array_equal(np.floor(position), np.arange(size) * extent // size):
            return size


def resize(code: str, options: str) -> Callable[..., Model]:
    def make(rng: Rng, dtype: str = "int8") -> Model:
        m = TfliteBuilder()
        _, h, w, c = _shape(rng, high=12)
        size = [_resized(rng, extent) for extent in (h, w)]
        corners, centers = [(False, False), (True, False), (False, True)][int(rng.integers(3))]
        x = _input(m, rng, (1, h, w, c), dtype)
        y = _output(m, rng, (1, *(int(s) for s in size), c), dtype, **_like(m, x))
        m.operator(code, [x, m.constant(size)], [y], options, AlignCorners=corners, HalfPixelCenters=centers)
        return m, [x], [y]

    return make


def softmax(rng: Rng, dtype: str = "int8") -> Model:
    m = TfliteBuilder()
    shape = _shape(rng, int(rng.integers(2, 5)), high=12)
    x = _input(m, rng, shape, dtype)
    params = {} if dtype == "float32" else {"scale": 1 / 256, "zero_point": -128}
    y = _output(m, rng, shape, dtype, **params)
    beta = float(rng.choice([1.0, 1.0, 0.5, 2.0]))
    m.operator("SOFTMAX", [x], [y], "SoftmaxOptions", Beta=beta)
    return m, [x], [y]


def requantize(source: str, target: str) -> Callable[..., Model]:
    """QUANTIZE from one type to another."""

    def make(rng: Rng, dtype: str = "int8") -> Model:
        m = TfliteBuilder()
        shape = _shape(rng, int(rng.integers(1, 5)))
        x = _input(m, rng, shape, source)
        y = _output(m, rng, shape, target)
        m.operator("QUANTIZE", [x], [y], "QuantizeOptions")
        return m, [x], [y]

    return make


def dequantize(source: str) -> Callable[..., Model]:
    def make(rng: Rng, dtype: str = "int8") -> Model:
        m = TfliteBuilder()
        shape = _shape(rng, int(rng.integers(1, 5)))
        x = _input(m, rng, shape, source)
        y = _output(m, rng, shape, "float32")
        m.operator("DEQUANTIZE", [x], [y], "DequantizeOptions")
        return m, [x], [y]

    return make


def prelu(rng: Rng, dtype: str = "int8") -> Model:
    m = TfliteBuilder()
    shape = _shape(rng)
    x = _input(m, rng, shape, dtype)
    size = (1, 1, shape[3])
    slopes = rng.normal(size=size) if dtype == "float32" else rng.integers(-128, 128, size)
    alpha = m.constant(slopes, dtype, **({} if dtype == "float32" else quantization(rng)))
    y = _output(m, rng, shape, dtype)
    m.operator("PRELU", [x, alpha], [y])
    return m, [x], [y]


UNIT = {"scale": 1 / 256, "zero_point": -128}
TANH = {"scale": 1 / 128, "zero_point": 0}

QUANTIZED: dict[str, Callable[..., Model]] = {
    "CONV_2D": conv,
    "DEPTHWISE_CONV_2D": depthwise,
    "FULLY_CONNECTED": fully_connected,
    "ADD": binary("ADD", "AddOptions"),
    "SUB": binary("SUB", "SubOptions"),
    "MUL": binary("MUL", "MulOptions"),
    "MAXIMUM": binary("MAXIMUM", "MaximumMinimumOptions", fused=False, same=True),
    "MINIMUM": binary("MINIMUM", "MaximumMinimumOptions", fused=False, same=True),
    "SQUARED_DIFFERENCE": binary("SQUARED_DIFFERENCE", None, fused=False),
    "PRELU": prelu,
    "AVERAGE_POOL_2D": pool("AVERAGE_POOL_2D"),
    "MAX_POOL_2D": pool("MAX_POOL_2D"),
    "RELU": unary("RELU"),
    "RELU6": unary("RELU6"),
    "RELU_N1_TO_1": unary("RELU_N1_TO_1"),
    "LOGISTIC": unary("LOGISTIC", out=UNIT),
    "TANH": unary("TANH", out=TANH),
    "HARD_SWISH": unary("HARD_SWISH"),
    "LEAKY_RELU": unary("LEAKY_RELU", "LeakyReluOptions", fields={"Alpha": 0.2}),
    "ABS": unary("ABS", keeps=True),
    "EXP": unary("EXP"),
    "LOG": unary("LOG", positive=True, out={"scale": 0.05, "zero_point": 20}),
    "RSQRT": unary("RSQRT", positive=True, out={"scale": 0.05, "zero_point": -128}),
    "GELU": unary("GELU", "GeluOptions", fields={"Approximate": False}),
    "MEAN": reduction("MEAN"),
    "REDUCE_MAX": reduction("REDUCE_MAX", keeps=True),
    "REDUCE_MIN": reduction("REDUCE_MIN", keeps=True),
    "CONCATENATION": concatenation,
    "PACK": pack,
    "UNPACK": unpack,
    "SPLIT": split,
    "SPLIT_V": split_v,
    "PAD": pad("PAD"),
    "PADV2": pad("PADV2"),
    "RESHAPE": reshape,
    "SQUEEZE": squeeze,
    "EXPAND_DIMS": expand_dims,
    "TRANSPOSE": transpose,
    "SLICE": slice_,
    "STRIDED_SLICE": strided_slice,
    "RESIZE_NEAREST_NEIGHBOR": resize("RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighborOptions"),
    "RESIZE_BILINEAR": resize("RESIZE_BILINEAR", "ResizeBilinearOptions"),
    "SOFTMAX": softmax,
    "LOG_SOFTMAX": unary("LOG_SOFTMAX", "LogSoftmaxOptions", out={"scale": 16 / 256, "zero_point": 127}),
    "QUANTIZE int8": requantize("int8", "int8"),
    "QUANTIZE uint8": requantize("uint8", "int8"),
    "QUANTIZE float": requantize("float32", "int8"),
    "QUANTIZE to uint8": requantize("int8", "uint8"),
    "DEQUANTIZE": dequantize("int8"),
    "DEQUANTIZE uint8": dequantize("uint8"),
}

# LiteRT's int8 SUM starts from whatever its scratch memory holds, ELU, CEIL and ROUND are missing
# from its reference kernels: no oracle for those.
FLOAT_ONLY: dict[str, Callable[..., Model]] = {
    "SUM": reduction("SUM"),
    "DIV": binary("DIV", "DivOptions"),
    "RELU_0_TO_1": unary("RELU_0_TO_1"),
    "NEG": unary("NEG", "NegOptions"),
    "SIN": unary("SIN"),
    "COS": unary("COS", "CosOptions"),
    "SQRT": unary("SQRT"),
    "SQUARE": unary("SQUARE", "SquareOptions"),
    "FLOOR": unary("FLOOR"),
}


def inputs_for(rng: Rng, model: Model) -> list[np.ndarray]:
    """Random data for the inputs of a model."""
    m, inputs, _ = model
    result = []
    for index in inputs:
        t = m.tensors[index]
        if t.dtype == "float32":
            result.append(rng.normal(scale=3, size=t.shape).astype(np.float32))
        else:
            limits = np.iinfo(t.dtype)
            result.append(rng.integers(limits.min, limits.max + 1, t.shape).astype(t.dtype))
    return result


assert set(tflite.BuiltinOperator.__dict__) >= {k.split()[0] for k in (*QUANTIZED, *FLOAT_ONLY)}
