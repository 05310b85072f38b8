"""Fully connected layers and 1x1 convolutions of a single pixel, for the kernels that take these alone."""

from __future__ import annotations

import numpy as np

from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.ops.requantize import Requantize
from edgewright.converter.program import Quantization, TensorType

Rng = np.random.Generator
Layer = tuple[FullyConnected | Conv2D, TensorType]


def requantize(rng: Rng, outputs: int, depth: int, *, once: bool, shared: bool, activation=(None, None)):
    """Parameters of outputs that use their range, with the same factor for all channels or not."""
    scales = np.float32(rng.uniform(0.2, 2.0, 1 if shared else outputs) / (128 * np.sqrt(depth)))
    bias = rng.integers(-1000, 1000, outputs).astype(np.int32)
    output = Quantization(float(np.float32(rng.uniform(0.3, 1.5))), int(rng.choice([-128, -128, 0, 37])))
    if once:
        return Requantize.for_fully_connected(1.0, scales, output, bias, activation, channels=outputs)
    return Requantize.for_conv(1.0, scales, output, bias, activation)


def weights(rng: Rng, outputs: int, depth: int) -> np.ndarray:
    """Normal ones, or extreme ones."""
    if rng.random() < 0.2:
        return rng.choice(np.array([-127, 127], np.int8), (outputs, depth))
    return np.clip(np.rint(rng.normal(0, 40, (outputs, depth))), -127, 127).astype(np.int8)


def layer(rng: Rng, *, once: bool = True, shared: bool = True, rows: int = 1, depth: int = 0) -> Layer:
    depth = depth or int(rng.choice([1, 3, 4, 8, 12, 16, 20, 31, 36, 64, 100, 128]))
    outputs = int(rng.integers(1, 40))
    x = TensorType((rows, 1, depth), "int8", Quantization(0.1, int(rng.choice([-128, 0, 5, 127]))))
    w = weights(rng, outputs, depth)
    call = requantize(rng, outputs, depth, once=once, shared=shared)
    if once:
        return FullyConnected(w, call, x.zero_point), x
    return Conv2D(w.reshape(outputs, 1, 1, depth), call, input_zero_point=x.zero_point), x


def layers(seed: int, count: int) -> list[Layer]:
    """`count` of every kind: one factor for all channels, one each, convolutions."""
    rng = np.random.default_rng([seed, 21])
    kinds = ((True, True), (True, False), (False, False))
    return [layer(rng, once=once, shared=shared) for once, shared in kinds for _ in range(count)]
