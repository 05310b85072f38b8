"""Random 3 x 3 convolutions for the Winograd kernels: odd sizes, any padding, extreme weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.requantize import Requantize
from edgewright.converter.program import Quantization, TensorType
from edgewright.targets.codegen.kernels.winograd import winograd_kernels
from edgewright.targets.cpu import CpuClass
from tests.targets.codegen.side_by_side import Forced, forced

FORMS = ("step_relu", "step_linear", "relu", "linear", "bounded", "general")
Rng = np.random.Generator


def convolution(
    rng: Rng, form: str, *, rows=0, columns=0, channels=0, outputs=0
) -> tuple[Conv2D, TensorType]:
    """A layer for which `form` is the cheapest requantization with tiles of 4 x 4; sizes of 0 are drawn."""
    rows, columns = rows or int(rng.integers(1, 11)), columns or int(rng.integers(1, 11))
    most = 4 if form.startswith("step") else 7  # with extreme weights more have sums that are too large
    channels, outputs = channels or 4 * int(rng.integers(1, most)), outputs or 2 * int(rng.integers(1, 5))
    sides = [int(v) for v in rng.integers(0, 3, 4)]
    if rows + sides[0] + sides[1] < 3:
        sides[0] = 2
    if columns + sides[2] + sides[3] < 3:
        sides[2] = 2
    weights = rng.integers(-128, 128, (outputs, 3, 3, channels)).astype(np.int8)
    weights[0], weights[-1] = rng.choice([-128, 127], 2).astype(np.int8)[:, None, None, None]
    scales = np.float32(rng.uniform(1.0, 1.9, outputs) / (128 * np.sqrt(9 * channels)))
    bias = rng.integers(-1000, 1000, outputs).astype(np.int32)
    if form in ("relu", "linear"):  # 576 times this is no int32
        bias[0], scales[0] = 1 << 22, 1e-5
    output = Quantization(0.5, -128 if form.endswith("relu") else int(rng.integers(-100, 100)))
    activation = (0.0, 20.0) if form in ("bounded", "general") else (None, None)
    call = Requantize.for_conv(1.0, scales, output, bias, activation)
    if form == "general":
        shift = np.where(np.arange(outputs) % 2, 1, call.shift).astype(np.int32)
        call = replace(call, shift=shift)
    zero_point = int(rng.choice([-128, 127, 0, int(rng.integers(-128, 128))]))
    x = TensorType((rows, columns, channels), "int8", Quantization(0.1, zero_point))
    return Conv2D(weights, call, padding=Padding(*sides), input_zero_point=zero_point), x


def winograd_program(seed: int, cpu: CpuClass) -> Forced:
    """A program with a node for every kernel of a layer of every requantization, and of three other sizes."""
    rng = np.random.default_rng([seed, 21])
    cases = [convolution(rng, form) for form in FORMS]
    # Distances that need other instructions, and more pairs of channels than one piece of two lengths.
    cases += [
        convolution(rng, "step_linear", rows=2, columns=30, channels=28),
        convolution(rng, "step_relu", rows=4, columns=4, channels=44),
        convolution(rng, "linear", rows=3, columns=4, channels=64),
    ]
    layers = [(op, (x,)) for op, x in cases]
    return forced("winograd", layers, lambda op, x: winograd_kernels(op, cpu, x), rng)
