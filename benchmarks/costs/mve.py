"""Random layers for the kernels of Helium: in place, copied, gathered; strips; sums and averages."""

from __future__ import annotations

import numpy as np

from benchmarks.costs.shapes import OTHER_INPUT, Case, Rng, tensor
from edgewright.converter.ops.average_pool import AveragePool
from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.binary import Add
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.ops.requantize import Requantize
from edgewright.converter.program import Array, Quantization
from edgewright.targets.codegen.kernels.linear_sum import linear_sum

FORMS = ("relu", "linear", "bounded")
PIXELS = (1, 2, 3, 5, 8, 15, 25, 36, 64)
CHANNELS = (4, 8, 16, 20, 32, 48, 64, 96, 128)
OUTPUTS = (3, 4, 8, 12, 16, 24, 32, 60, 64)
STRIP_CHANNELS = (8, 12, 16, 24, 32, 40, 64, 72)
COUNT = 14


def pointwise(rng: Rng) -> Case:
    """1x1 over joined rows."""
    pixels, channels, outputs = (int(rng.choice(v)) for v in (PIXELS, CHANNELS, OUTPUTS))
    x = tensor(1, pixels, channels)
    call = _requantize(rng, outputs, channels)
    return Conv2D(_weights(rng, outputs, 1, 1, channels), call, input_zero_point=x.zero_point), (x,)


def fully_connected(rng: Rng) -> Case:
    """Of one or some pixels, every other so deep that its steps run in a loop."""
    deep = rng.random() < 0.5
    inputs = int(rng.choice([656, 784, 1024] if deep else [16, 64, 100, 128, 256, 640]))
    outputs = int(rng.choice(OUTPUTS[:5] if deep else OUTPUTS))
    x = tensor(1, int(rng.choice([1, 1, 1, 4])), inputs)
    call = Requantize.for_fully_connected(
        1.0, np.full(outputs, 1 / (100 * np.sqrt(inputs))), Quantization(1.0, 3), None, channels=outputs
    )
    return FullyConnected(_weights(rng, outputs, inputs), call, x.zero_point), (x,)


def window(rng: Rng) -> Case:
    """Whole vectors of channels, with and without borders."""
    channels = int(rng.choice([16, 16, 32, 48]))
    size = (3 + int(rng.integers(0, 5)), 3 + int(rng.integers(0, 14)), channels)
    return _conv(rng, size, (3, 3), int(rng.choice(OUTPUTS[:7])))


def image(rng: Rng) -> Case:
    """Few input channels, as at the start of a network, and other windows that are gathered."""
    height, width, channels = ((3, 3, 3), (10, 4, 1), (3, 3, 1), (5, 5, 1), (3, 3, 8), (4, 4, 2))[
        rng.integers(6)
    ]
    size = (height + int(rng.integers(0, 12)), width + int(rng.integers(0, 24)), channels)
    return _conv(rng, size, (height, width), int(rng.choice(OUTPUTS)))


def depthwise(rng: Rng) -> Case:
    """Windows that fit a vector, of tensors of all proportions."""
    height, width = ((3, 3), (3, 3), (3, 3), (5, 1), (10, 1), (3, 5), (2, 2))[rng.integers(7)]
    channels = int(rng.choice(STRIP_CHANNELS))
    rows, columns = (int(rng.choice([1, 2, 4, 8, 12, 24])) for _ in range(2))
    x = tensor(height - 1 + rows, 1 if width == 1 else width - 1 + columns, channels)
    w = np.moveaxis(_weights(rng, channels, height, width), 0, 2)
    stride = (2, 2) if rng.random() < 0.25 else (1, 1)
    call = _requantize(rng, channels, height * width)
    op = DepthwiseConv2D(np.ascontiguousarray(w), call, stride, (1, 1), _border(rng, height, width))
    return op, (x,)


def add(rng: Rng) -> Case:
    a = tensor(1, int(rng.choice(PIXELS)), int(rng.choice(CHANNELS)))
    b = tensor(*a.shape, OTHER_INPUT)
    while True:
        op = Add.from_types(a.quantization, b.quantization, Quantization(float(rng.uniform(0.05, 0.1)), -5))
        if linear_sum(op) is not None:
            return op, (a, b)


def average(rng: Rng) -> Case:
    shape = (int(rng.integers(1, 28)), int(rng.integers(1, 16)), int(rng.choice([8, 12, 16, 24, 32, 40])))
    return AveragePool(shape[:2], (1, 1)), (tensor(*shape),)


def cases() -> list[Case]:
    """The layers whose costs are measured."""
    rng = np.random.default_rng(53)
    makers = (pointwise, fully_connected, window, image, depthwise, depthwise, add, average)
    return [make(rng) for make in makers for _ in range(COUNT)]


def _conv(rng: Rng, size: tuple[int, int, int], kernel: tuple[int, int], outputs: int) -> Case:
    x = tensor(*size)
    stride = (2, 2) if rng.random() < 0.4 else (1, 1)
    call = _requantize(rng, outputs, kernel[0] * kernel[1] * size[2])
    w = _weights(rng, outputs, *kernel, size[2])
    return Conv2D(w, call, stride, (1, 1), _border(rng, *kernel), 1, x.zero_point), (x,)


def _border(rng: Rng, height: int, width: int) -> Padding:
    if rng.random() < 0.4:
        return Padding()
    return Padding((height - 1) // 2, height // 2, (width - 1) // 2, width // 2)


def _weights(rng: Rng, *shape: int) -> Array:
    return rng.integers(-100, 100, shape).astype(np.int8)


def _requantize(rng: Rng, outputs: int, depth: int) -> Requantize:
    """A requantization of one of the forms; all shifts go right."""
    form = str(rng.choice(FORMS))
    scales = np.float32(rng.uniform(0.5, 1.0, outputs) / (100 * np.sqrt(depth)))
    output = Quantization(1.0, {"relu": -128, "linear": 3, "bounded": -7}[form])
    bounds = (0.0, 6.0) if form == "bounded" else (None, None)
    return Requantize.for_conv(1.0, scales, output, None, bounds, channels=outputs)
