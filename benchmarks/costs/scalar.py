"""Layers that separate the costs of the kernels for cores without DSP instructions.

What costs in them: pixels, fields spread in runs of words or of bytes, border columns, tiles and steps of the
depth, outputs of every requantization; of depthwise layers planes, lines, tiles and taps.
"""

from __future__ import annotations

import numpy as np

from benchmarks.costs.shapes import INPUT, Case, Rng, tensor
from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.ops.requantize import Requantize
from edgewright.converter.program import Array, Quantization

CHANNELS = (1, 3, 4, 6, 8, 12, 16, 20, 24, 32, 40, 64)
MAX_MACS = 60_000
# (rows, columns) of the output, and windows, of depthwise layers.
PLANES = ((1, 24), (24, 1), (5, 5), (6, 12), (12, 6), (3, 3), (9, 17), (2, 30))
WINDOWS = ((3, 3), (3, 3), (5, 1), (1, 4), (5, 5), (2, 2))
# Two pieces of the multiplier, three, these with two offsets, and 64 bits.
FORMS = ("relu", "deep", "linear", "deep linear", "wide")


def cases() -> list[Case]:
    """All of them."""
    return [*layers(), *planes()]


def layers() -> list[Case]:
    """Convolutions and fully connected layers."""
    rng = np.random.default_rng(61)
    found: list[Case] = []
    while len(found) < 100:
        case = (_pointwise, _window, _fully_connected)[len(found) % 3](rng)
        if case[0].macs(*case[1]) <= MAX_MACS:
            found.append(case)
    return found


def planes() -> list[Case]:
    """Depthwise convolutions."""
    rng = np.random.default_rng(62)
    return [_depthwise(rng, PLANES[n % len(PLANES)], WINDOWS[n % len(WINDOWS)]) for n in range(60)]


def _weights(rng: Rng, *shape: int) -> Array:
    w = rng.integers(-127, 128, shape).astype(np.int8)
    w[w == 0] = 1
    return w


def _call(rng: Rng, outputs: int, depth: int, *, once: bool = False) -> Requantize:
    form = str(rng.choice(FORMS))
    scales = np.float32(rng.uniform(0.2, 2.0, outputs) / (128 * np.sqrt(depth)))
    bias = rng.integers(-1000, 1000, outputs).astype(np.int32)
    if "deep" in form:  # factors far apart, and sums larger than their channels' steps
        scales[1::2] /= np.float32(20)
        bias[0] = int(3000 / scales[0])
    if form == "wide":
        bias[0] = 1 << 30
    output = Quantization(1.0, 5 if "linear" in form else -128)
    if once:
        return Requantize.for_fully_connected(1.0, scales, output, bias, channels=outputs)
    return Requantize.for_conv(1.0, scales, output, bias)


def _pointwise(rng: Rng) -> Case:
    channels, outputs = (int(v) for v in rng.choice(CHANNELS, 2))
    x = tensor(1, int(rng.integers(1, 30)), channels)
    call = _call(rng, outputs, channels)
    return Conv2D(_weights(rng, outputs, 1, 1, channels), call, input_zero_point=INPUT.zero_point), (x,)


def _window(rng: Rng) -> Case:
    channels, outputs = (int(v) for v in rng.choice(CHANNELS[:9], 2))
    height, width = ((3, 3), (3, 3), (5, 5), (10, 4), (1, 3))[int(rng.integers(5))]
    groups = int(rng.choice([1, 1, 1, 2]))
    x = tensor(height + 1, width + int(rng.integers(0, 12)), channels * groups)
    side = int(rng.integers(0, width))
    call = _call(rng, outputs * groups, height * width * channels)
    stride, dilation = ((1, 1), (1, 1)) if rng.random() < 0.6 else ((2, 2), (1, 1))
    weights = _weights(rng, outputs * groups, height, width, channels)
    return Conv2D(weights, call, stride, dilation, Padding(1, 1, side, side), groups, INPUT.zero_point), (x,)


def _fully_connected(rng: Rng) -> Case:
    inputs, outputs = int(rng.choice((8, 31, 64, 128, 250, 640))), int(rng.choice(CHANNELS))
    call = _call(rng, outputs, inputs, once=True)
    x = tensor(1, int(rng.choice((1, 1, 4, 7))), inputs)
    return FullyConnected(_weights(rng, outputs, inputs), call, INPUT.zero_point), (x,)


def _depthwise(rng: Rng, size: tuple[int, int], window: tuple[int, int]) -> Case:
    channels, multiplier = int(rng.choice(CHANNELS[1:9])), int(rng.choice((1, 1, 1, 2)))
    stride = 1 if rng.random() < 0.6 else 2
    inputs = [stride * (n - 1) + k for n, k in zip(size, window, strict=True)]
    # Padding that keeps the size, where there is some.
    pads = [
        int(rng.integers(0, min(k, n))) if rng.random() < 0.7 else 0
        for k, n in zip(window, size, strict=True)
    ]
    x = tensor(max(1, inputs[0] - pads[0]), max(1, inputs[1] - pads[1]), channels)
    call = _call(rng, channels * multiplier, window[0] * window[1])
    weights = _weights(rng, *window, channels * multiplier)
    padding = Padding(pads[0], 0, pads[1], 0)
    return DepthwiseConv2D(weights, call, (stride, stride), (1, 1), padding, multiplier, INPUT.zero_point), (
        x,
    )
