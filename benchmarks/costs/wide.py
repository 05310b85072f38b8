"""Random layers for the wide tiles of DSP cores: all numbers of pixels, depths, requantizations, borders."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.costs.shapes import Case, Rng, tensor
from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.ops.requantize import Requantize
from edgewright.converter.program import Array, Quantization

FORMS = ("step", "step", "relu", "linear", "once")
PIXELS = (1, 2, 3, 4, 5, 6, 8, 9, 16, 20, 25, 36, 64)
CHANNELS = (3, 4, 8, 10, 12, 16, 17, 24, 32, 40, 64, 96, 128)
OUTPUTS = (2, 3, 4, 7, 8, 12, 16, 24, 32, 48, 64)
COUNT = 20


def pointwise(rng: Rng) -> Case:
    """1x1 over joined rows, or a fully connected layer over as many pixels."""
    pixels, channels, outputs = (int(rng.choice(v)) for v in (PIXELS, CHANNELS, OUTPUTS))
    form = str(rng.choice(FORMS))
    x = tensor(1, pixels, channels)
    call = _requantize(rng, form, outputs, channels)
    if form == "once":
        return FullyConnected(_weights(rng, outputs, channels), call, x.zero_point), (x,)
    return Conv2D(_weights(rng, outputs, 1, 1, channels), call, input_zero_point=x.zero_point), (x,)


def window(rng: Rng) -> Case:
    """3x3 and others with borders, of narrow and wide rows."""
    height, width = ((3, 3), (3, 3), (1, 3), (5, 5), (2, 2))[rng.integers(5)]
    channels = int(rng.choice([2, 4, 5, 8, 16]))
    x = tensor(height + int(rng.integers(0, 5)), width + int(rng.integers(0, 14)), channels)
    return _conv(rng, x.shape, (height, width), int(rng.choice(OUTPUTS[:7])), rng.random() < 0.6)


def image(rng: Rng) -> Case:
    """Few input channels, as at the start of a network."""
    height, width, channels = ((3, 3, 3), (10, 4, 1), (3, 3, 1), (5, 5, 1), (4, 4, 2))[rng.integers(5)]
    shape = (height + int(rng.integers(0, 12)), width + int(rng.integers(0, 24)), channels)
    return _conv(rng, shape, (height, width), int(rng.choice(OUTPUTS)), rng.random() < 0.6)


def cases() -> list[Case]:
    """The layers whose costs are measured."""
    rng = np.random.default_rng(41)
    return [make(rng) for make in (pointwise, pointwise, window, image) for _ in range(COUNT)]


def _conv(rng: Rng, shape: tuple[int, int, int], kernel: tuple[int, int], outputs: int, padded: bool) -> Case:
    x = tensor(*shape)
    height, width = kernel
    half = Padding(height // 2, height // 2, width // 2, width // 2)
    stride = (2, 2) if x.shape[2] < 4 or rng.random() < 0.4 else (1, 1)
    call = _requantize(rng, str(rng.choice(FORMS[:4])), outputs, height * width * shape[2])
    weights = _weights(rng, outputs, height, width, shape[2])
    padding = half if padded else Padding()
    return Conv2D(weights, call, stride, (1, 1), padding, 1, x.zero_point), (x,)


def _requantize(rng: Rng, form: str, outputs: int, depth: int) -> Requantize:
    """Parameters for which tiles take the wanted form, one time in five with a narrower clamp."""
    scales = np.float32(rng.uniform(0.5, 2.0, outputs) / (128 * np.sqrt(depth)))
    bias = rng.integers(-1000, 1000, outputs).astype(np.int32)
    output = Quantization(1.0, -128 if form in ("step", "relu") else 5)
    activation = (None, 90.0) if rng.random() < 0.2 else (None, None)
    make = Requantize.for_fully_connected if form == "once" else Requantize.for_conv
    call = make(1.0, scales, output, bias, activation, channels=outputs)
    if form in ("relu", "once"):  # a factor of 0 has no steps that could be put in their places
        call = replace(call, multiplier=np.concatenate([[0], call.multiplier[1:]]).astype(np.int32))
    return call


def _weights(rng: Rng, *shape: int) -> Array:
    w = rng.integers(-127, 128, shape).astype(np.int8)
    w[w == 0] = 1
    return w
