"""Random models of one operator that moves data: joins, cuts, pads, reorders, resizes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.converter.importers.op_parts import (
    Model,
    Rng,
    add_input,
    add_output,
    like,
    quantization,
    random_shape,
)
from tests.tflite_builder import TfliteBuilder


def concatenation(rng: Rng, dtype: str = "int8") -> Model:
    m = TfliteBuilder()
    shape = list(random_shape(rng, int(rng.integers(2, 5))))
    axis = int(rng.integers(1, len(shape)))
    params = {} if dtype == "float32" else quantization(rng)
    inputs, total = [], 0
    for _ in range(int(rng.integers(1, 4))):
        shape[axis] = int(rng.integers(1, 5))
        total += shape[axis]
        inputs.append(add_input(m, rng, tuple(shape), dtype, **params))
    shape[axis] = total
    y = add_output(m, rng, tuple(shape), dtype, **params)
    axis -= len(shape) if rng.random() < 0.5 else 0
    m.operator("CONCATENATION", inputs, [y], "ConcatenationOptions", Axis=axis)
    return m, inputs, [y]


def pack(rng: Rng, dtype: str = "int8") -> Model:
    m = TfliteBuilder()
    shape = random_shape(rng, int(rng.integers(1, 4)))
    axis = int(rng.integers(0, len(shape) + 1))
    params = {} if dtype == "float32" else quantization(rng)
    inputs = [add_input(m, rng, shape, dtype, **params) for _ in range(int(rng.integers(1, 4)))]
    y = add_output(m, rng, (*shape[:axis], len(inputs), *shape[axis:]), dtype, **params)
    m.operator("PACK", inputs, [y], "PackOptions", Axis=axis, ValuesCount=len(inputs))
    return m, inputs, [y]


def unpack(rng: Rng, dtype: str = "int8") -> Model:
    m = TfliteBuilder()
    shape = random_shape(rng, int(rng.integers(2, 5)), high=4)
    axis = int(rng.integers(0, len(shape)))
    x = add_input(m, rng, shape, dtype)
    left = shape[:axis] + shape[axis + 1 :]
    outputs = [add_output(m, rng, left, dtype, **like(m, x)) for _ in range(shape[axis])]
    m.operator("UNPACK", [x], outputs, "UnpackOptions", Axis=axis, Num=shape[axis])
    return m, [x], outputs


def split(rng: Rng, dtype: str = "int8") -> Model:
    m = TfliteBuilder()
    shape = list(random_shape(rng, int(rng.integers(2, 5))))
    axis, parts = int(rng.integers(1, len(shape))), int(rng.integers(1, 4))
    size = shape[axis]
    shape[axis] = size * parts
    x = add_input(m, rng, tuple(shape), dtype)
    shape[axis] = size
    outputs = [add_output(m, rng, tuple(shape), dtype, **like(m, x)) for _ in range(parts)]
    m.operator("SPLIT", [m.constant(np.int32(axis)), x], outputs, "SplitOptions", NumSplits=parts)
    return m, [x], outputs


def split_v(rng: Rng, dtype: str = "int8") -> Model:
    m = TfliteBuilder()
    shape = list(random_shape(rng, int(rng.integers(2, 5))))
    axis = int(rng.integers(1, len(shape)))
    sizes = rng.integers(1, 4, int(rng.integers(1, 4))).tolist()
    shape[axis] = sum(sizes)
    x = add_input(m, rng, tuple(shape), dtype)
    outputs = []
    for size in sizes:
        shape[axis] = size
        outputs.append(add_output(m, rng, tuple(shape), dtype, **like(m, x)))
    listed = list(sizes)
    if rng.random() < 0.5:
        listed[-1] = -1
    operands = [x, m.constant(listed), m.constant(np.int32(axis))]
    m.operator("SPLIT_V", operands, outputs, "SplitVOptions", NumSplits=len(sizes))
    return m, [x], outputs


def pad(code: str) -> Callable[..., Model]:
    def make(rng: Rng, dtype: str = "int8") -> Model:
        m = TfliteBuilder()
        shape = random_shape(rng, int(rng.integers(1, 5)))
        amounts = rng.integers(0, 3, (len(shape), 2))
        amounts[0] = 0
        x = add_input(m, rng, shape, dtype)
        operands = [x, m.constant(amounts)]
        if code == "PADV2":
            value = rng.normal() if dtype == "float32" else rng.integers(-128, 128)
            operands.append(m.constant([value], dtype, **like(m, x)))
        result = tuple(int(d + a.sum()) for d, a in zip(shape, amounts, strict=True))
        y = add_output(m, rng, result, dtype, **like(m, x))
        m.operator(code, operands, [y], f"{'PadV2' if code == 'PADV2' else 'Pad'}Options")
        return m, [x], [y]

    return make


def reshape(rng: Rng, dtype: str = "int8") -> Model:
    m = TfliteBuilder()
    x = add_input(m, rng, random_shape(rng, int(rng.integers(1, 5))), dtype)
    size = int(np.prod(m.tensors[x].shape))
    divisor = int(rng.choice([d for d in range(1, size + 1) if size % d == 0]))
    result = (1, divisor, size // divisor)
    y = add_output(m, rng, result, dtype, **like(m, x))
    m.operator("RESHAPE", [x, m.constant(result)], [y], "ReshapeOptions", NewShape=list(result))
    return m, [x], [y]


def squeeze(rng: Rng, dtype: str = "int8") -> Model:
    m = TfliteBuilder()
    shape = tuple(1 if rng.random() < 0.5 else int(d) for d in rng.integers(2, 6, 4))
    ones = [i for i, d in enumerate(shape) if d == 1]
    dims = [i for i in ones if rng.random() < 0.5]
    gone = dims or ones
    x = add_input(m, rng, shape, dtype)
    result = tuple(d for i, d in enumerate(shape) if i not in gone)
    y = add_output(m, rng, result, dtype, **like(m, x))
    m.operator("SQUEEZE", [x], [y], "SqueezeOptions", SqueezeDims=[d - 4 if d == 2 else d for d in dims])
    return m, [x], [y]


def expand_dims(rng: Rng, dtype: str = "int8") -> Model:
    m = TfliteBuilder()
    shape = random_shape(rng, int(rng.integers(1, 4)))
    axis = int(rng.integers(0, len(shape) + 1))
    x = add_input(m, rng, shape, dtype)
    y = add_output(m, rng, (*shape[:axis], 1, *shape[axis:]), dtype, **like(m, x))
    m.operator("EXPAND_DIMS", [x, m.constant([axis])], [y], "ExpandDimsOptions")
    return m, [x], [y]


def transpose(rng: Rng, dtype: str = "int8") -> Model:
    m = TfliteBuilder()
    shape = random_shape(rng, int(rng.integers(2, 5)))
    perm = rng.permutation(len(shape))
    x = add_input(m, rng, shape, dtype)
    y = add_output(m, rng, tuple(shape[p] for p in perm), dtype, **like(m, x))
    m.operator("TRANSPOSE", [x, m.constant(perm)], [y], "TransposeOptions")
    return m, [x], [y]


def slice_(rng: Rng, dtype: str = "int8") -> Model:
    m = TfliteBuilder()
    shape = random_shape(rng, int(rng.integers(1, 5)))
    begins = [int(rng.integers(0, d)) for d in shape]
    sizes = [int(rng.integers(1, d - b + 1)) for d, b in zip(shape, begins, strict=True)]
    x = add_input(m, rng, shape, dtype)
    y = add_output(m, rng, tuple(sizes), dtype, **like(m, x))
    listed = [-1 if b + s == d else s for b, s, d in zip(begins, sizes, shape, strict=True)]
    m.operator("SLICE", [x, m.constant(begins), m.constant(listed)], [y], "SliceOptions")
    return m, [x], [y]


def strided_slice(rng: Rng, dtype: str = "int8") -> Model:
    """Random masks; numpy's indexing says what comes out."""
    m = TfliteBuilder()
    shape = random_shape(rng, int(rng.integers(2, 5)), low=2)
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
    x = add_input(m, rng, shape, dtype)
    y = add_output(m, rng, result, dtype, **like(m, x))
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
        _, h, w, c = random_shape(rng, high=12)
        size = [_resized(rng, extent) for extent in (h, w)]
        corners, centers = [(False, False), (True, False), (False, True)][int(rng.integers(3))]
        x = add_input(m, rng, (1, h, w, c), dtype)
        y = add_output(m, rng, (1, *(int(s) for s in size), c), dtype, **like(m, x))
        m.operator(code, [x, m.constant(size)], [y], options, AlignCorners=corners, HalfPixelCenters=centers)
        return m, [x], [y]

    return make
