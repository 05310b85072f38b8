"""Random single ops of every kind, gathered into programs with one output an op."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgewright.converter.ops import tables
from edgewright.converter.ops.average_pool import AveragePool
from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.binary import Add, Mul
from edgewright.converter.ops.concat import Concat
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.ops.max_pool import MaxPool
from edgewright.converter.ops.mean import Mean
from edgewright.converter.ops.pad import Pad
from edgewright.converter.ops.quantize import Dequantize, Quantize
from edgewright.converter.ops.requantize import Requantize
from edgewright.converter.ops.resize_nearest import ResizeNearest
from edgewright.converter.ops.slice import Slice
from edgewright.converter.ops.softmax import Softmax
from edgewright.converter.ops.transpose import Transpose
from edgewright.converter.program import Node, Port, Program, Quantization, TensorType
from tests.targets.codegen.side_by_side import Case, Inputs, Rng, side_by_side


def quantization(rng: Rng) -> Quantization:
    zero = int(rng.choice([-128, 127, 0, rng.integers(-128, 128)]))
    return Quantization(float(np.float32(np.exp(rng.uniform(-6, 1)))), zero)


def tensor(rng: Rng, rows: int, columns: int, channels: int) -> TensorType:
    return TensorType((rows, columns, channels), "int8", quantization(rng))


def requantize(rng: Rng, outputs: int, depth: int, once: bool) -> Requantize:
    """Scales around what keeps the output in range, sometimes far off, dead or saturating."""
    spread = 10.0 ** rng.uniform(-0.5, 0.5)
    if rng.random() < 0.15:
        spread *= 10.0 ** rng.uniform(-3, 3)
    weight_scales = np.float32(rng.uniform(0.2, 2.0, outputs) / (128 * np.sqrt(depth)))
    bias_range = int(rng.choice([1, 1000, 1 << 20, 1 << 30]))
    bias = rng.integers(-bias_range, bias_range, outputs).astype(np.int32)
    output = Quantization(float(np.float32(spread)), int(rng.choice([-128, 0, rng.integers(-128, 128)])))
    activation = [(None, None), (0.0, None), (0.0, 6.0)][rng.integers(3)]
    if once:
        scales = weight_scales if rng.random() < 0.5 else weight_scales[:1]
        return Requantize.for_fully_connected(1.0, scales, output, bias, activation, channels=outputs)
    return Requantize.for_conv(1.0, weight_scales, output, bias, activation)


def weights(rng: Rng, *shape: int) -> np.ndarray:
    w = rng.integers(-128, 128, shape).astype(np.int8)
    if rng.random() < 0.3:
        w[rng.random(shape[0]) < 0.4] = 0
    return w


def _padding(rng: Rng, kernel: tuple[int, int], dilation: tuple[int, int]) -> Padding:
    reach = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    sides = [int(rng.integers(0, r + 1)) if rng.random() < 0.7 else 0 for r in reach for _ in range(2)]
    return Padding(*sides)


def _window(rng: Rng) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int], tuple[int, int]]:
    kernel = tuple(int(v) for v in rng.choice([1, 2, 3, 3, 5], 2))
    dilation = tuple(int(v) if rng.random() < 0.2 else 1 for v in rng.integers(1, 3, 2))
    size = tuple(int(d * (k - 1) + 1 + rng.integers(0, 9)) for k, d in zip(kernel, dilation, strict=True))
    return kernel, dilation, size, tuple(int(v) for v in rng.integers(1, 4, 2))


def conv(rng: Rng) -> Case:
    kernel, dilation, (rows, columns), stride = _window(rng)
    groups = int(rng.choice([1, 1, 1, 2, 3]))
    channels = groups * int(rng.choice([1, 2, 3, 4, 8, 12, 17]))
    outputs = groups * int(rng.integers(1, 9))
    w = weights(rng, outputs, *kernel, channels // groups)
    x = tensor(rng, rows, columns, channels)
    depth = kernel[0] * kernel[1] * (channels // groups)
    return (
        Conv2D(
            w,
            requantize(rng, outputs, depth, False),
            stride,
            dilation,
            _padding(rng, kernel, dilation),
            groups,
            x.zero_point,
        ),
        (x,),
    )


def pointwise(rng: Rng) -> Case:
    channels, outputs = int(rng.choice([4, 8, 16, 20])), int(rng.integers(1, 20))
    x = tensor(rng, int(rng.integers(1, 6)), int(rng.integers(1, 9)), channels)
    w = weights(rng, outputs, 1, 1, channels)
    return Conv2D(w, requantize(rng, outputs, channels, False), input_zero_point=x.zero_point), (x,)


def depthwise(rng: Rng) -> Case:
    kernel, dilation, (rows, columns), stride = _window(rng)
    if rng.random() < 0.5:
        kernel, dilation = (3, 3), (1, 1)
        rows, columns = int(rng.integers(3, 9)), int(rng.integers(3, 9))
    multiplier = int(rng.choice([1, 1, 1, 2, 3]))
    channels = int(rng.choice([1, 3, 4, 8, 16]))
    x = tensor(rng, rows, columns, channels)
    w = np.moveaxis(weights(rng, channels * multiplier, *kernel), 0, 2)
    op = DepthwiseConv2D(
        np.ascontiguousarray(w),
        requantize(rng, channels * multiplier, kernel[0] * kernel[1], False),
        stride,
        dilation,
        _padding(rng, kernel, dilation),
        multiplier,
        x.zero_point,
    )
    return op, (x,)


def fully_connected(rng: Rng) -> Case:
    inputs, outputs = int(rng.choice([1, 3, 4, 8, 31, 64, 128])), int(rng.integers(1, 21))
    x = tensor(rng, int(rng.choice([1, 1, 3])), int(rng.choice([1, 1, 4])), inputs)
    w = weights(rng, outputs, inputs)
    return FullyConnected(w, requantize(rng, outputs, inputs, True), x.zero_point), (x,)


def binary(rng: Rng) -> Case:
    shape = [int(v) for v in rng.integers(1, 8, 3)]
    other = [n if rng.random() < 0.7 else 1 for n in shape]
    a, b = tensor(rng, *shape), tensor(rng, *other)
    if rng.random() < 0.2:
        a, b = b, a
    output = quantization(rng)
    activation = [(None, None), (0.0, None), (0.0, 6.0)][rng.integers(3)]
    kind = rng.integers(3)
    if kind == 2:
        return Mul.from_types(a.quantization, b.quantization, output, activation), (a, b)
    sign = 1 if kind else -1
    return Add.from_types(a.quantization, b.quantization, output, activation, sign), (a, b)


def pool(rng: Rng) -> Case:
    kernel, _, (rows, columns), stride = _window(rng)
    padding = Padding(*(int(rng.integers(0, k)) for k in (kernel[0], kernel[0], kernel[1], kernel[1])))
    clamp = (-128, 127) if rng.random() < 0.7 else tuple(sorted(int(v) for v in rng.integers(-128, 128, 2)))
    op = AveragePool if rng.random() < 0.6 else MaxPool
    return op(kernel, stride, padding, clamp), (tensor(rng, rows, columns, int(rng.integers(1, 9))),)


def mean(rng: Rng) -> Case:
    axes = [(0, 1), (0,), (1,), (2,), (0, 1, 2), (1, 2)][rng.integers(6)]
    x = tensor(rng, *(int(v) for v in rng.integers(1, 8, 3)))
    return Mean.from_types(x, axes, quantization(rng)), (x,)


def softmax(rng: Rng) -> Case:
    channels = int(rng.integers(1, 20)) if rng.random() < 0.9 else int(rng.integers(500, 700))
    x = tensor(rng, int(rng.integers(1, 4)), int(rng.integers(1, 4)), channels)
    return Softmax.from_scale(x.scale, float(rng.choice([1.0, 0.5, 2.0]))), (x,)


def movement(rng: Rng) -> Case:
    shape = tuple(int(v) for v in rng.integers(1, 7, 3))
    x = tensor(rng, *shape)
    kind = rng.integers(5)
    if kind == 0:
        axis = int(rng.integers(3))
        sizes = rng.integers(1, 6, int(rng.integers(2, 4)))
        parts = [tuple(int(n) if i == axis else s for i, s in enumerate(shape)) for n in sizes]
        return Concat(axis), tuple(TensorType(p, "int8", x.quantization) for p in parts)
    if kind == 1:
        padding = Padding(*(int(v) for v in rng.integers(0, 4, 4)))
        return Pad(padding, int(rng.integers(0, 3)), int(rng.integers(0, 3)), int(rng.integers(-128, 128))), (
            x,
        )
    if kind == 2:
        begin = tuple(int(rng.integers(0, n)) for n in shape)
        if rng.random() < 0.3:
            return Slice(begin, (-1, -1, -1), (-1, -1, -1)), (x,)
        end = tuple(int(rng.integers(b + 1, n + 1)) for b, n in zip(begin, shape, strict=True))
        return Slice(begin, end, tuple(int(v) for v in rng.integers(1, 4, 3))), (x,)
    if kind == 3:
        axes = tuple(int(v) for v in rng.permutation(3))
        return Transpose(shape, axes, tuple(shape[a] for a in axes)), (x,)
    rows = rng.integers(0, shape[0], int(rng.integers(1, 9))).astype(np.int32)
    columns = rng.integers(0, shape[1], int(rng.integers(1, 9))).astype(np.int32)
    return ResizeNearest(rows, columns), (x,)


def convert(rng: Rng) -> Case:
    shape = tuple(int(v) for v in rng.integers(1, 6, 3))
    x = TensorType(shape, "int8", quantization(rng))
    kind = rng.integers(3)
    if kind == 0:
        return tables.requantize(x.quantization, quantization(rng)), (x,)
    if kind == 1:
        return Quantize(quantization(rng), str(rng.choice(["int8"]))), (TensorType(shape, "float32"),)
    return Dequantize(x.quantization), (x,)


KINDS: dict[str, Callable[[Rng], Case]] = {
    f.__name__: f
    for f in (conv, pointwise, depthwise, fully_connected, binary, pool, mean, softmax, movement, convert)
}


def make_program(kind: str, seed: int, count: int) -> tuple[Program, Inputs]:
    """`count` independent random ops of a kind, and inputs with extreme values for them."""
    rng = np.random.default_rng([seed, sorted(KINDS).index(kind)])
    return side_by_side(f"ops_{kind}", (KINDS[kind](rng) for _ in range(count)), rng)


def make_mixed_program(seed: int, count: int) -> tuple[Program, Inputs]:
    """`count` ops of every kind in one program."""
    parts = {kind: make_program(kind, seed, count) for kind in sorted(KINDS)}

    def own(kind: str, name: str) -> str:
        return f"{kind}_{name}"

    def ports(kind: str, source: tuple[Port, ...]) -> list[Port]:
        return [Port(own(kind, p.name), own(kind, p.value), p.source_shape, p.axes) for p in source]

    programs = {kind: program for kind, (program, _) in parts.items()}
    merged = Program(
        "ops",
        "0" * 64,
        tuple(port for k, p in programs.items() for port in ports(k, p.inputs)),
        tuple(port for k, p in programs.items() for port in ports(k, p.outputs)),
        {own(k, name): t for k, p in programs.items() for name, t in p.values.items()},
        tuple(
            Node(n.name, n.op, tuple(own(k, i) for i in n.inputs), own(k, n.output))
            for k, p in programs.items()
            for n in p.nodes
        ),
    )
    data = {own(k, name): array for k, (_, inputs) in parts.items() for name, array in inputs.items()}
    return merged, data
