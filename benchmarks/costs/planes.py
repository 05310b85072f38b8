"""Depthwise layers for the kernels on planes: 3x3, one column, and larger windows."""

from __future__ import annotations

import numpy as np

from benchmarks.costs.shapes import Case, Rng, tensor
from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.ops.requantize import Requantize
from edgewright.converter.program import Array, Quantization, TensorType

# Rows and columns; those that are unrolled, and those that take loops.
SMALL = ((3, 3), (4, 4), (6, 6), (7, 5), (12, 12), (25, 5), (10, 16), (6, 24), (10, 24), (7, 30), (6, 48))
LARGE = ((7, 7), (8, 6), (12, 12), (6, 20), (10, 9), (14, 7))
# With enough channels to tell what comes once from what comes with every four of them.
CHANNELS = (
    (6, 6, 64),
    (12, 12, 32),
    (24, 24, 16),
    (3, 3, 64),
    (16, 8, 32),
    (30, 12, 8),
    (12, 24, 16),
    (20, 4, 40),
)
COLUMNS = ((14, 3), (28, 5), (24, 10), (15, 15), (12, 4), (20, 2), (9, 9), (16, 7), (24, 6), (30, 3))


def cases() -> list[Case]:
    """The layers."""
    rng = np.random.default_rng(5)
    found = []
    for rows, columns in SMALL:
        for stride in (1, 2):
            channels = int(rng.choice([4, 8, 12, 24]))
            pad = Padding(1, 1, 1, 1) if stride == 1 else Padding(0, 1, 0, 1)
            found.append(_layer(rng, tensor(rows, columns, channels), (3, 3), stride, pad, "relu"))
        found.append(_layer(rng, tensor(rows, columns, 8), (3, 3), 1, Padding(), "relu"))
    for rows, columns, channels in CHANNELS:
        for stride in (1, 2):
            pad = Padding(1, 1, 1, 1) if stride == 1 else Padding(0, 1, 0, 1)
            found.append(_layer(rng, tensor(rows, columns, channels), (3, 3), stride, pad, "relu"))
    for rows, columns in LARGE:
        for size, form, stride in ((3, "linear", 1), (5, "relu", 1), (5, "linear", 2), (7, "relu", 1)):
            half = size // 2
            channels = int(rng.choice([4, 8, 16]))
            pad = Padding(half, half, half, half)
            found.append(_layer(rng, tensor(rows, columns, channels), (size, size), stride, pad, form))
    for rows, taps in COLUMNS:
        for form in ("relu", "linear"):
            channels = int(rng.choice([4, 8, 32, 64]))
            found.append(_layer(rng, tensor(rows, 1, channels), (taps, 1), 1, Padding(), form))
    return found


def _layer(
    rng: Rng, x: TensorType, window: tuple[int, int], stride: int, padding: Padding, form: str
) -> Case:
    channels, taps = x.shape[2], window[0] * window[1]
    weights: Array = rng.integers(-127, 128, (*window, channels)).astype(np.int8)
    scales = np.float32(rng.uniform(0.5, 1.9, channels) / (128 * np.sqrt(taps)))
    bias = rng.integers(-1000, 1000, channels).astype(np.int32)
    call = Requantize.for_conv(1.0, scales, Quantization(1.0, -128 if form == "relu" else 5), bias)
    strides = stride, stride
    return DepthwiseConv2D(weights, call, strides, (1, 1), padding, input_zero_point=x.zero_point), (x,)
