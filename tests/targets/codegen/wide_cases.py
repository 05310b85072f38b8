"""Random convolutions and fully connected layers for the wide tiles of DSP cores, in every requantization."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.ops.requantize import Requantize
from edgewright.converter.program import Quantization, TensorType
from edgewright.targets.codegen.kernels.dot_wide import wide_kernels, wide_row_kernel
from edgewright.targets.codegen.row_kernel import RowKernel
from edgewright.targets.cpu import CpuClass
from tests.targets.codegen import op_cases
from tests.targets.codegen.op_cases import Case, Rng
from tests.targets.codegen.side_by_side import Forced, forced

FORMS = ("step", "relu", "linear", "once")


def call_of(rng: Rng, form: str, outputs: int, depth: int) -> Requantize:
    """Parameters for which the tiles take `form`; a multiplier of 0 has no steps to put in their places."""
    zero_point = -128 if form in ("step", "relu") else int(rng.integers(-100, 100))
    bias = rng.integers(-1000, 1000, outputs).astype(np.int32)
    output = Quantization(0.5, zero_point)
    activation = (None, 20.0) if rng.random() < 0.25 else (None, None)
    scales = np.float32(rng.uniform(0.2, 2.0, outputs) / (128 * np.sqrt(depth)))
    if form == "once":
        call = Requantize.for_fully_connected(1.0, scales, output, bias, activation, channels=outputs)
    else:
        call = Requantize.for_conv(1.0, scales, output, bias, activation)
    if form == "relu" or (form == "once" and rng.random() < 0.5):
        multiplier = call.multiplier.copy()
        multiplier[rng.integers(outputs)] = 0
        call = replace(call, multiplier=multiplier)
    return call


def weights_of(rng: Rng, *shape: int) -> np.ndarray:
    """Sometimes only the smallest or the largest ones, sometimes with a dead channel."""
    low, high = [(-128, 128), (-128, -127), (127, 128)][rng.choice(3, p=[0.8, 0.1, 0.1])]
    w = rng.integers(low, high, shape).astype(np.int8)
    w.reshape(shape[0], -1)[:, 0] = 7
    if rng.random() < 0.15:
        w[rng.integers(shape[0])] = 0
    return w


def windows(rng: Rng, form: str) -> Case:
    """Windows of several pixels: padded, dilated, grouped, of narrow and wide rows."""
    height, width = (int(v) for v in rng.choice([1, 2, 3, 4, 7], 2, p=[0.2, 0.1, 0.5, 0.1, 0.1]))
    dilation = (2, 2) if rng.random() < 0.15 else (1, 1)
    groups = int(rng.choice([1, 1, 1, 2]))
    channels = int(rng.choice([1, 2, 3, 4, 5, 6, 8, 16]))
    stride = (int(rng.integers(1, 3)), int(rng.integers(1, 3)))
    size = [d * (k - 1) + int(rng.integers(1, 10)) for d, k in zip(dilation, (height, width), strict=True)]
    padding = Padding(*_border(rng, height), *_border(rng, width))
    outputs = int(rng.integers(2, 9)) * groups
    x = op_cases.tensor(rng, *size, channels * groups)
    call = call_of(rng, form, outputs, height * width * channels)
    weights = weights_of(rng, outputs, height, width, channels)
    return Conv2D(weights, call, stride, dilation, padding, groups, x.zero_point), (x,)


def _border(rng: Rng, size: int) -> tuple[int, int]:
    if rng.random() < 0.3:
        return 0, 0
    low, high = rng.integers(0, size, 2)
    return int(low), int(high)


def images(rng: Rng, form: str) -> Case:
    """Few input channels, as at the start of a network."""
    height, width, channels = int(rng.integers(1, 11)), int(rng.integers(2, 5)), int(rng.choice([1, 2, 3]))
    stride = (int(rng.integers(1, 3)), int(rng.choice([1, 2])))
    x = op_cases.tensor(rng, height + int(rng.integers(0, 9)), width + int(rng.integers(0, 12)), channels)
    padding = Padding(*_border(rng, height), *_border(rng, width))
    outputs = int(rng.integers(2, 9))
    call = call_of(rng, form, outputs, height * width * channels)
    weights = weights_of(rng, outputs, height, width, channels)
    return Conv2D(weights, call, stride, (1, 1), padding, 1, x.zero_point), (x,)


def pointwise(rng: Rng, form: str) -> Case:
    """1x1; deep ones whose loops are not unrolled whole."""
    groups, outputs = int(rng.choice([1, 1, 1, 3])), int(rng.integers(2, 12))
    channels = int(rng.choice([1, 2, 3, 4, 7, 8, 12, 30, 64, 70, 129, 260]))
    stride = int(rng.choice([1, 1, 2]))
    x = op_cases.tensor(rng, int(rng.choice([1, 1, 3])), int(rng.integers(1, 15)), channels * groups)
    if form == "once":
        x = op_cases.tensor(rng, *x.shape[:2], channels)
        call = call_of(rng, form, outputs, channels)
        return FullyConnected(weights_of(rng, outputs, channels), call, x.zero_point), (x,)
    call = call_of(rng, form, outputs * groups, channels)
    weights = weights_of(rng, outputs * groups, 1, 1, channels)
    return Conv2D(weights, call, (stride, stride), (1, 1), Padding(), groups, x.zero_point), (x,)


def cases(seed: int, count: int) -> list[Case]:
    """`count` layers of every kind and requantization."""
    rng = np.random.default_rng([seed, 31])
    found = [pointwise(rng, form) for form in FORMS for _ in range(count)]
    return found + [kind(rng, form) for kind in (windows, images) for form in FORMS[:3] for _ in range(count)]


def wide_program(seed: int, count: int, cpu: CpuClass) -> Forced:
    """A program with a node for every kernel of the cases."""
    rng = np.random.default_rng([seed, 32])

    def kernels(op: Conv2D | FullyConnected, x: TensorType) -> tuple[RowKernel, ...]:
        row = wide_row_kernel(op, cpu, x)
        return (*wide_kernels(op, cpu, x), *([row] if row else []))

    return forced("wide", cases(seed, count), kernels, rng)
