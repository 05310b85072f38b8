"""Random convolutions and fully connected layers, in all requantizations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.costs.shapes import CHANNELS, DILATION_PROBABILITY, WINDOWS, Case, Rng, random_view, tensor
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.ops.requantize import Requantize
from edgewright.converter.program import Array, Quantization


def _requantize(rng: Rng, form: str, outputs: int, depth: int) -> Requantize:
    """Parameters for which the wanted form is the cheapest exact one."""
    scales = np.float32(rng.uniform(0.2, 2.0, outputs) / (128 * np.sqrt(depth)))
    largest = 1 << 30 if form == "general" else 1000
    bias = rng.integers(-largest, largest, outputs).astype(np.int32)
    bias[0] = largest
    output = Quantization(1.0, -128 if form == "relu" else 5)
    activation = (None, 90.0) if form in ("bounded", "general") else (None, None)
    if form.startswith("once"):
        factors = scales * np.float32(1.0 if form == "once_right" else 2e5)
        return Requantize.for_fully_connected(1.0, factors, output, bias, activation, channels=outputs)
    return Requantize.for_conv(1.0, scales, output, bias, activation)


def _weights(rng: Rng, *shape: int) -> Array:
    w = rng.integers(-127, 128, shape).astype(np.int8)
    w[w == 0] = 1
    return w


def _form(rng: Rng) -> str:
    return str(rng.choice(["relu", "linear", "bounded", "general"]))


def conv(rng: Rng) -> Case:
    window = WINDOWS[rng.integers(len(WINDOWS))]
    groups = int(rng.choice([1, 1, 1, 1, 1, 2]))
    channels, outputs = (int(v) for v in rng.choice(CHANNELS, 2))
    if rng.random() < 0.2:
        outputs = int(rng.integers(1, 12))
    channels, outputs = channels * groups, outputs * groups
    x, dilation, padding = random_view(rng, window, channels)
    if window == (1, 1) and rng.random() < 0.5:  # as a layer schedule joins the rows
        x = tensor(1, x.shape[0] * x.shape[1], channels)
    depth = window[0] * window[1] * channels // groups
    call = _requantize(rng, _form(rng), outputs, depth)
    stride = (1, 1) if rng.random() < 0.6 else (2, 2)
    weights = _weights(rng, outputs, *window, channels // groups)
    return Conv2D(weights, call, stride, dilation, padding, groups, x.zero_point), (x,)


def narrow(rng: Rng) -> Case:
    """Of a single column."""
    height, channels, outputs = (int(rng.choice(v)) for v in ((1, 1, 3, 5), CHANNELS, CHANNELS))
    x = tensor(height + int(rng.integers(0, 3)), 1, channels)
    call = _requantize(rng, _form(rng), outputs, height * channels)
    weights = _weights(rng, outputs, height, 1, channels)
    return Conv2D(weights, call, input_zero_point=x.zero_point), (x,)


def depthwise(rng: Rng) -> Case:
    """3x3 in programs of its own, as in most models: what else runs changes what gcc specializes."""
    return _depthwise(rng, (3, 3), 0.0)


def depthwise_other(rng: Rng) -> Case:
    return _depthwise(rng, WINDOWS[rng.integers(len(WINDOWS))])


def _depthwise(rng: Rng, window: tuple[int, int], dilate: float = DILATION_PROBABILITY) -> Case:
    channels = int(rng.choice(CHANNELS))
    multiplier = 1 if rng.random() < 0.9 else 2
    x, dilation, padding = random_view(rng, window, channels, dilate)
    if x.shape[1] == 1:
        x = replace(x, shape=(x.shape[0], 2, channels))
    stride = (1, 1) if rng.random() < 0.6 else (2, 2)
    call = _requantize(rng, _form(rng), channels * multiplier, window[0] * window[1])
    weights = _weights(rng, *window, channels * multiplier)
    return DepthwiseConv2D(weights, call, stride, dilation, padding, multiplier, x.zero_point), (x,)


def temporal(rng: Rng) -> Case:
    """Depthwise over the rows of a single column."""
    height, channels = int(rng.choice([2, 3, 5, 7, 10, 15])), int(rng.choice([4, 8, 16, 32, 40, 64, 128]))
    x = tensor(height + int(rng.integers(0, 6)), 1, channels)
    call = _requantize(rng, _form(rng), channels, height)
    return DepthwiseConv2D(_weights(rng, height, 1, channels), call, input_zero_point=x.zero_point), (x,)


def fully_connected(rng: Rng) -> Case:
    inputs, outputs = (int(v) for v in rng.choice(CHANNELS, 2))
    if rng.random() < 0.4:
        inputs = -(-inputs // 4) * 4
    x = tensor(int(rng.choice([1, 1, 3])), int(rng.choice([1, 1, 1, 1, 2, 3, 4, 5, 9, 16])), inputs)
    if rng.random() < 0.4:
        outputs = int(rng.integers(1, 20))
    call = _requantize(rng, str(rng.choice(["once", "once_right"])), outputs, inputs)
    return FullyConnected(_weights(rng, outputs, inputs), call, x.zero_point), (x,)
