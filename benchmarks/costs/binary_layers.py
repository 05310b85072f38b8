"""Random layers of signs: binary convolutions of all output forms, and what packs their inputs."""

from __future__ import annotations

import numpy as np

from benchmarks.costs.ops import Part
from benchmarks.costs.shapes import COLUMNS, INPUT, Case, Rng, random_padding, tensor
from edgewright.converter.ops.binarize import Binarize
from edgewright.converter.ops.binary_conv import BinaryConv2D
from edgewright.converter.ops.bits import bits_type, pack_bits
from edgewright.converter.ops.mean_magnitude import MeanMagnitude
from edgewright.converter.ops.requantize import Requantize
from edgewright.converter.ops.window import output_size
from edgewright.converter.program import Quantization, TensorType

WINDOWS = ((1, 1), (3, 3), (3, 3), (5, 5), (1, 3), (3, 1))
CHANNELS = (3, 8, 16, 32, 32, 48, 64, 64, 96, 128, 128, 160, 256)
OUTPUTS = (4, 16, 32, 32, 64, 64, 96, 128, 128, 160, 192)


def signs(rng: Rng) -> Case:
    """Thresholds."""
    return _conv(rng, "bits")


def bounded(rng: Rng) -> Case:
    return _conv(rng, "bounded")


def general(rng: Rng) -> Case:
    return _conv(rng, "general")


def _conv(rng: Rng, form: str) -> Case:
    window = WINDOWS[rng.integers(len(WINDOWS))]
    channels, outputs = int(rng.choice(CHANNELS)), int(rng.choice(OUTPUTS))
    dilation = (2, 2) if rng.random() < 0.1 else (1, 1)
    reach = [d * (k - 1) + 1 for k, d in zip(window, dilation, strict=True)]
    shape = (reach[0] + int(rng.integers(0, 3)), max(int(rng.choice(COLUMNS[:11])), reach[1]))
    x = bits_type((*shape, channels))
    stride = (1, 1) if rng.random() < 0.6 else (2, 2)
    padding, sign = random_padding(rng, window, dilation), int(rng.integers(-1, 2))
    weights = pack_bits(rng.random((outputs, *window, channels)) < 0.5)
    depth = window[0] * window[1] * channels
    steps = {"stride": stride, "dilation": dilation, "padding": padding, "pad_sign": sign}
    if form == "bits":
        thresholds = rng.integers(-20, 21, outputs).astype(np.int32)
        return BinaryConv2D(weights, channels, thresholds, **steps), (x,)
    largest = 1 << 30 if form == "general" else 100
    bias = rng.integers(-largest, largest, outputs).astype(np.int32)
    bias[0] = largest
    scales = np.full(outputs, 1 / np.sqrt(depth), np.float32)
    call = Requantize.for_conv(0.5, scales, Quantization(0.1, 3), bias)
    types: tuple[TensorType, ...] = (x,)
    if form == "general" and rng.random() < 0.5:
        size = output_size(x.shape, window, stride, dilation, padding)
        types += (TensorType((1, 1, 1) if rng.random() < 0.5 else (*size, 1), "int32"),)
    return BinaryConv2D(weights, channels, requantize=call, **steps), types


def binarize(rng: Rng) -> Case:
    channels = int(rng.choice([1, 3, 8, 10, 16, 18, 20, 30, 32, 33, 64, 96, 128]))
    x = tensor(int(rng.integers(1, 5)), int(rng.choice(COLUMNS[:12])), channels, INPUT)
    return Binarize(rng.integers(-128, 129, channels).astype(np.int16)), (x,)


def magnitude(rng: Rng) -> Case:
    op, x = _magnitude(rng)
    return op, (x,)


def magnitude_rows(rng: Rng) -> Case:
    """What adds the distances of a row to their sum."""
    op, x = _magnitude(rng)
    return Part(op, x, 0), (x,)


def magnitude_finish(rng: Rng) -> Case:
    """What makes a mean of their sum."""
    return Part(*_magnitude(rng), 1), (tensor(1, 1, 4),)


def _magnitude(rng: Rng) -> tuple[MeanMagnitude, TensorType]:
    shape = (int(rng.integers(2, 9)), int(rng.choice(COLUMNS[4:12])), int(rng.choice(CHANNELS)))
    return MeanMagnitude(3), tensor(*shape)
