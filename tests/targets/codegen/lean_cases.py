"""Random convolutions and fully connected layers for the kernels with less scratch memory."""

from __future__ import annotations

import re

import numpy as np

from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.ops.requantize import Requantize
from edgewright.converter.program import Quantization
from edgewright.targets.codegen.row_kernel import RowKernel
from edgewright.targets.cpu import CpuClass
from tests.targets.codegen import op_cases
from tests.targets.codegen.op_cases import Case, Rng
from tests.targets.codegen.side_by_side import Forced, forced

FORMS = ("relu", "linear", "bounded", "general")
ONCE_FORMS = ("once_right", "once")


def _call(rng: Rng, form: str, outputs: int, depth: int) -> Requantize:
    """Parameters that make `form` the cheapest exact one where the kernel offers it."""
    scales = np.float32(rng.uniform(0.2, 2.0, outputs) / (128 * np.sqrt(depth)))
    bias = rng.integers(-1000, 1000, outputs).astype(np.int32)
    if form == "general":
        bias[-1] = 1 << 30
    output = Quantization(0.5, -128 if form == "relu" else int(rng.integers(-100, 100)))
    activation = (0.0, 20.0) if form in ("bounded", "general") else (None, None)
    if form in ONCE_FORMS:
        scales = scales * np.float32(1 if form == "once_right" else 2e5)
        return Requantize.for_fully_connected(1.0, scales, output, bias, activation, channels=outputs)
    return Requantize.for_conv(1.0, scales, output, bias, activation)


def _weights(rng: Rng, *shape: int) -> np.ndarray:
    w = rng.integers(-128, 128, shape).astype(np.int8)
    w.reshape(shape[0], -1)[:, 0] = 7  # no dead channels
    return w


def windows(rng: Rng, form: str) -> Case:
    """Windows of several pixels: padded, dilated, grouped."""
    height, width, rows, stride = (int(v) for v in rng.integers(1, [4, 4, 4, 3]))
    dilation = 2 if rng.random() < 0.2 else 1
    groups = int(rng.choice([1, 1, 2]))
    channels, outputs = int(rng.choice([1, 3, 4, 8, 20])), int(rng.choice([1, 2, 3, 4, 6, 8]))
    columns = dilation * (width - 1) + int(rng.integers(1, 9))
    padding = Padding(
        *(int(v) for v in rng.integers(0, height, 2)), *(int(v) for v in rng.integers(0, width, 2))
    )
    x = op_cases.tensor(rng, dilation * (height - 1) + rows, columns, channels * groups)
    w = _weights(rng, outputs * groups, height, width, channels)
    call = _call(rng, form, outputs * groups, height * width * channels)
    steps = (stride, int(rng.integers(1, 3)))
    return Conv2D(w, call, steps, (dilation, dilation), padding, groups, x.zero_point), (x,)


def pointwise(rng: Rng, form: str) -> Case:
    """1x1, some with strides, groups, or columns of padding."""
    groups, channels = int(rng.choice([1, 1, 3])), int(rng.choice([4, 8, 12, 16, 28]))
    outputs, columns, stride = (int(v) for v in rng.integers(1, [12, 12, 4]))
    x = op_cases.tensor(rng, int(rng.integers(1, 3)), columns, channels * groups)
    w = _weights(rng, outputs * groups, 1, 1, channels)
    side = (int(v) for v in rng.integers(0, 3, 2)) if rng.random() < 0.2 else (0, 0)
    call = _call(rng, form, outputs * groups, channels)
    return Conv2D(w, call, (stride, stride), (1, 1), Padding(0, 0, *side), groups, x.zero_point), (x,)


def fully_connected(rng: Rng, form: str) -> Case:
    inputs, outputs, columns = int(rng.choice([3, 4, 8, 31, 40])), *(int(v) for v in rng.integers(1, 10, 2))
    x = op_cases.tensor(rng, int(rng.integers(1, 3)), columns, inputs)
    call = _call(rng, form, outputs, inputs)
    return FullyConnected(_weights(rng, outputs, inputs), call, x.zero_point), (x,)


def cases(seed: int, count: int) -> list[Case]:
    """`count` ops of every kind and requantization."""
    rng = np.random.default_rng([seed, 11])
    found = [kind(rng, form) for kind in (windows, pointwise) for form in FORMS for _ in range(count)]
    return found + [fully_connected(rng, form) for form in ONCE_FORMS for _ in range(count)]


def tile_forms(kernel: RowKernel) -> set[str]:
    """Tile functions that a kernel calls, without the distance of the pixels."""
    return set(re.findall(r"\bew_tile_(?:s8_2x[123]|4x1)_(?:[a-z]+_?)+[a-z](?=_\d|\()", kernel.source))


def lean_program(seed: int, count: int, cpu: CpuClass) -> Forced:
    """A program with a node for every lean kernel of the cases, which stands as the layer's kernel."""
    rng = np.random.default_rng([seed, 12])
    return forced("lean", cases(seed, count), lambda op, x: op.lean_kernels(cpu, x), rng)
