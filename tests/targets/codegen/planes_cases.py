"""Random depthwise layers for the kernels on planes."""

from __future__ import annotations

import numpy as np

from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.ops.requantize import Requantize
from edgewright.converter.program import Quantization, TensorType


def layer(rng, shape, window=(3, 3), stride=(1, 1), padding=None, relu=True, zero=None):
    """A layer whose sums saturate both ends; some channels are dead or far off."""
    channels, taps = shape[2], window[0] * window[1]
    weights = rng.integers(-128, 128, (*window, channels)).astype(np.int8)
    if rng.random() < 0.3:
        weights[:, :, rng.integers(channels)] = 0
    if rng.random() < 0.3:
        weights[:] = rng.choice([-128, 127], weights.shape)
    scales = np.float32(rng.uniform(0.1, 4.0, channels) / (64 * np.sqrt(taps)))
    bias = rng.integers(-9000, 9000, channels).astype(np.int32) * int(rng.integers(2))
    output = Quantization(float(rng.uniform(0.5, 8)), -128 if relu else int(rng.integers(-127, 128)))
    call = Requantize.for_conv(1.0, scales, output, bias)
    zero = int(rng.choice([-128, 127, 0, rng.integers(-128, 128)])) if zero is None else zero
    padding = Padding() if padding is None else padding
    op = DepthwiseConv2D(weights, call, stride, (1, 1), padding, input_zero_point=zero)
    return op, TensorType(shape, "int8", Quantization(0.02, zero))


def random_layer(rng, relu=True):
    """3x3, any stride and padding that leaves no window outside."""
    rows, columns = int(rng.integers(1, 20)), int(rng.choice([*range(1, 18), 23, 24, 25, 27, 31, 48]))
    stride = int(rng.integers(1, 3)), int(rng.integers(1, 3))
    top, left = (int(rng.integers(0, 2)) for _ in range(2))
    bottom, right = (max(int(rng.integers(0, 2)), 3 - n - p) for n, p in ((rows, top), (columns, left)))
    shape = rows, columns, int(rng.choice([4, 8, 12]))
    return layer(rng, shape, (3, 3), stride, Padding(top, bottom, left, right), relu)


def random_temporal(rng, relu=True):
    """Over the rows of one column."""
    taps = int(rng.integers(1, 16))
    rows = taps + int(rng.integers(0, 20))
    top, bottom = (int(rng.integers(0, taps)) if rng.random() < 0.3 else 0 for _ in range(2))
    stride = int(rng.integers(1, 4)), int(rng.integers(1, 3))
    channels = int(rng.choice([4, 8, 40]))
    return layer(rng, (rows, 1, channels), (taps, 1), stride, Padding(top, bottom, 0, 0), relu)
