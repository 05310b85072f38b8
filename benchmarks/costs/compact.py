"""Layers for the compact kernels: depths, channels, windows and borders that separate what a call does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.costs.shapes import INPUT, OTHER_INPUT, Case, Rng, tensor
from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.binary import Add
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.ops.requantize import Requantize
from edgewright.converter.program import Array, Quantization, TensorType

# Pixels, channels, outputs.
POINTWISE = ((9, 16, 16), (12, 64, 64), (30, 8, 16), (7, 128, 20), (1, 64, 40), (24, 32, 7), (60, 4, 4))
FULL = ((1, 64, 10), (1, 256, 4), (1, 40, 31), (6, 32, 16), (1, 128, 64))
# Rows, columns, channels, outputs, window, stride, groups.
WINDOWS = (
    *((8, 8, 16, 16, (3, 3), 1, 1), (10, 10, 3, 8, (3, 3), 1, 1), (12, 12, 3, 8, (3, 3), 2, 1)),
    *((7, 9, 8, 8, (5, 5), 1, 1), (10, 10, 1, 16, (10, 4), 2, 1), (6, 8, 32, 8, (3, 3), 1, 1)),
    *((9, 9, 6, 5, (2, 2), 1, 1), (8, 8, 16, 16, (3, 3), 1, 2), (6, 9, 12, 12, (3, 3), 1, 3)),
    *((12, 1, 16, 16, (3, 1), 1, 1), (9, 9, 16, 16, (1, 1), 2, 1), (8, 8, 20, 12, (1, 1), 2, 1)),
    *((6, 6, 8, 8, (3, 3), 1, 8), (16, 1, 5, 32, (4, 1), 2, 1), (5, 20, 7, 3, (1, 5), 1, 1)),
    *((5, 5, 64, 6, (3, 3), 1, 1), (4, 16, 4, 30, (3, 3), 1, 1), (7, 7, 10, 10, (1, 1), 1, 5)),
)
# Rows, columns, channels, window, stride.
DEPTHWISE = (
    *((8, 8, 8, (3, 3), 1), (6, 6, 64, (3, 3), 1), (12, 12, 16, (3, 3), 2), (5, 9, 4, (3, 3), 1)),
    *((9, 9, 12, (5, 5), 1), (8, 8, 32, (1, 1), 1), (16, 1, 40, (9, 1), 1), (20, 1, 24, (5, 1), 1)),
    *((7, 7, 30, (3, 3), 1), (10, 10, 4, (7, 7), 1), (12, 3, 128, (3, 3), 1), (6, 14, 20, (2, 2), 2)),
    *((14, 6, 8, (1, 3), 1), (4, 24, 6, (3, 3), 1), (10, 10, 16, (2, 3), 1), (6, 6, 100, (3, 1), 1)),
)
# A narrow one, of every ninth layer once more.
CLAMP = (-100, 90)
# Elements of sums; pools are those of other kinds of the grid.
ELEMENTS = (5, 40, 300, 2048)


def cases() -> list[Case]:
    """The layers."""
    rng = np.random.default_rng(31)
    found: list[Case] = []
    for pixels, channels, outputs in POINTWISE:
        found.append(_conv(rng, tensor(1, pixels, channels), outputs, (1, 1), 1, 1))
    for pixels, channels, outputs in FULL:
        found.append(_full(rng, tensor(1, pixels, channels), outputs))
    for rows, columns, channels, outputs, window, stride, groups in WINDOWS:
        found.append(_conv(rng, tensor(rows, columns, channels), outputs, window, stride, groups))
    for rows, columns, channels, window, stride in DEPTHWISE:
        found.append(_depthwise(rng, tensor(rows, columns, channels), window, stride))
    for op, types in found[::9]:
        assert isinstance(op, Conv2D | DepthwiseConv2D | FullyConnected)
        found.append((replace(op, requantize=replace(op.requantize, clamp=CLAMP)), types))
    add = Add.from_types(INPUT, OTHER_INPUT, Quantization(0.0613, 5))
    return found + [(add, (tensor(1, 1, n), tensor(1, 1, n, OTHER_INPUT))) for n in ELEMENTS]


def _padding(window: tuple[int, int]) -> Padding:
    height, width = window
    return Padding((height - 1) // 2, height // 2, (width - 1) // 2, width // 2)


def _call(rng: Rng, outputs: int, depth: int) -> tuple[float, Array, Quantization, Array]:
    scales = np.float32(rng.uniform(0.5, 1.9, outputs) / (128 * np.sqrt(depth)))
    zero_point = int(rng.choice([-128, 5]))
    return 1.0, scales, Quantization(1.0, zero_point), rng.integers(-1000, 1000, outputs).astype(np.int32)


def _weights(rng: Rng, *shape: int) -> Array:
    return rng.integers(-127, 128, shape).astype(np.int8)


def _conv(rng: Rng, x: TensorType, outputs: int, window: tuple[int, int], stride: int, groups: int) -> Case:
    weights = _weights(rng, outputs, *window, x.shape[2] // groups)
    call = Requantize.for_conv(*_call(rng, outputs, weights[0].size))
    steps, padding = (stride, stride), _padding(window)
    return Conv2D(weights, call, steps, (1, 1), padding, groups, x.zero_point), (x,)


def _full(rng: Rng, x: TensorType, outputs: int) -> Case:
    depth = x.shape[2]
    call = Requantize.for_fully_connected(*_call(rng, outputs, depth), channels=outputs)
    return FullyConnected(_weights(rng, outputs, depth), call, x.zero_point), (x,)


def _depthwise(rng: Rng, x: TensorType, window: tuple[int, int], stride: int) -> Case:
    channels = x.shape[2]
    call = Requantize.for_conv(*_call(rng, channels, window[0] * window[1]))
    weights, steps = _weights(rng, *window, channels), (stride, stride)
    return DepthwiseConv2D(weights, call, steps, (1, 1), _padding(window), input_zero_point=x.zero_point), (
        x,
    )
