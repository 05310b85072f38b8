"""Layers that the Winograd kernels take, in all requantizations: even and odd sizes, few to many channels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.costs.shapes import Case, Rng, tensor
from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.requantize import Requantize
from edgewright.converter.program import Quantization

LAYERS = 72
FORMS = ("step_relu", "step_linear", "relu", "linear", "bounded", "general")
CHANNELS = (4, 8, 12, 16, 16, 20, 24, 32, 32, 48, 64, 96)
OUTPUTS = (2, 4, 8, 12, 16, 24, 32, 48)
SIZES = (2, 3, 4, 5, 6, 7, 8, 8, 10, 12, 16, 16, 24, 32, 48)
MAX_MACS = 400_000
MAX_INPUT_BYTES = 12_000
# Transformed weights take eight times as much.
MAX_WEIGHTS_BYTES = 5_000


def cases(seed: int = 0) -> list[Case]:
    """The layers, seeded."""
    rng = np.random.default_rng([seed, 31])
    return [_layer(rng, FORMS[i % len(FORMS)]) for i in range(LAYERS)]


def _layer(rng: Rng, form: str) -> Case:
    while True:
        rows, columns = (int(v) for v in rng.choice(SIZES, 2))
        channels, outputs = int(rng.choice(CHANNELS)), int(rng.choice(OUTPUTS))
        small = max(rows * columns * channels, rows * columns * outputs) <= MAX_INPUT_BYTES
        weights = 9 * channels * outputs
        if small and weights <= MAX_WEIGHTS_BYTES and rows * columns * weights <= MAX_MACS:
            break
    padding = Padding(1, 1, 1, 1)
    if rng.random() < 0.3 and min(rows, columns) > 2:
        padding = Padding()
    x = tensor(rows, columns, channels)
    w = rng.integers(-127, 128, (outputs, 3, 3, channels)).astype(np.int8)
    call = _requantize(rng, form, outputs, 9 * channels)
    return Conv2D(w, call, padding=padding, input_zero_point=x.zero_point), (x,)


def _requantize(rng: Rng, form: str, outputs: int, depth: int) -> Requantize:
    """Parameters for which the wanted form is the cheapest exact one, with small sums."""
    scales = np.float32(rng.uniform(0.8, 2.0, outputs) / (128 * np.sqrt(depth)))
    bias = rng.integers(-1000, 1000, outputs).astype(np.int32)
    if form in ("relu", "linear"):  # sums that are too large for the forms with steps
        bias[0], scales[0] = 1 << 22, 1e-5
    output = Quantization(1.0, -128 if form.endswith("relu") else 5)
    activation = (None, 90.0) if form in ("bounded", "general") else (None, None)
    call = Requantize.for_conv(1.0, scales, output, bias, activation)
    if form == "general":  # a shift to the left
        call = replace(call, shift=np.where(np.arange(outputs) % 2, 1, call.shift).astype(np.int32))
    return call
