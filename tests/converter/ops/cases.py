"""Random operator cases, run through LiteRT's reference kernels and compared bit for bit.

EDGEWRIGHT_SOAK multiplies the number of cases of every operator.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.requantize import ActivationRange
from edgewright.converter.ops.window import same_padding
from edgewright.converter.program import Quantization
from tests.tflite_builder import SAME, VALID, TfliteBuilder, run_reference

RANGE = {"int8": (-128, 127), "uint8": (0, 255)}
# Fused activations by the name TFLite gives them.
ACTIVATION_RANGES: dict[str, ActivationRange] = {
    "NONE": (None, None),
    "RELU": (0.0, None),
    "RELU6": (0.0, 6.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
}


def cases(name: str, count: int) -> Iterator[tuple[str, np.random.Generator]]:
    """(label, generator) of `count` reproducible cases, times EDGEWRIGHT_SOAK."""
    for index in range(count * int(os.environ.get("EDGEWRIGHT_SOAK", "1"))):
        yield f"{name} case {index}", np.random.default_rng([zlib.crc32(name.encode()), index])


@dataclass
class Operand:
    """One input of an operator: its values, one or several scales, and whether it is a constant."""

    values: np.ndarray
    scale: Any = None
    zero_point: Any = 0
    constant: bool = False
    axis: int = 0


def activation(values: np.ndarray, quantization: Quantization) -> Operand:
    """A quantized operand that the graph gets as an input."""
    return Operand(values, quantization.scale, quantization.zero_point)


def run_operator(
    code: str,
    operands: Sequence[Operand | None],
    output_shape: Sequence[int],
    output: Quantization | None,
    options: str | None = None,
    *,
    output_dtype: str = "int8",
    version: int = 1,
    **fields: Any,
) -> np.ndarray:
    """Output of one operator as LiteRT's reference kernel computes it."""
    model = TfliteBuilder()
    indices, graph_inputs, data = [], [], []
    for operand in operands:
        if operand is None:
            indices.append(-1)
            continue
        index = model.tensor(
            operand.values.shape,
            str(operand.values.dtype),
            scale=operand.scale,
            zero_point=operand.zero_point,
            axis=operand.axis,
            data=operand.values if operand.constant else None,
        )
        indices.append(index)
        if not operand.constant:
            graph_inputs.append(index)
            data.append(operand.values)
    scale = None if output is None else output.scale
    zero_point = 0 if output is None else output.zero_point
    y = model.tensor(output_shape, output_dtype, scale=scale, zero_point=zero_point)
    model.operator(code, indices, [y], options, version, **fields)
    return run_reference(model.build(graph_inputs, [y]), data)[0]


def random_scale(rng: np.random.Generator, low: float = 1e-3, high: float = 1.0) -> float:
    """Log-uniform scale, a float32 value; sometimes a power of two."""
    exponent = rng.uniform(np.log2(low), np.log2(high))
    if rng.random() < 0.1:
        exponent = np.round(exponent)
    return float(np.float32(2.0**exponent))


def near_tie_scale(rng: np.random.Generator, scale: float, steps: int | None = None) -> float:
    """An output scale that puts `steps` (default: 1 to 255) of the scale `scale` next to a half."""
    steps = int(rng.integers(1, 256)) if steps is None else steps
    return float(np.float32(scale * steps / (int(rng.integers(0, 100)) + 0.5)))


def random_quantization(
    rng: np.random.Generator, low: float = 1e-3, high: float = 1.0, dtype: str = "int8"
) -> Quantization:
    """Random scale, and a zero point that is often at an end of the dtype's range."""
    smallest, largest = RANGE[dtype]
    zero_point = int(rng.integers(smallest, largest + 1))
    if rng.random() < 0.4:
        zero_point = int(rng.choice([smallest, 0, largest]))
    return Quantization(random_scale(rng, low, high), zero_point)


def random_values(rng: np.random.Generator, shape: Sequence[int], dtype: str = "int8") -> np.ndarray:
    """Uniform values, sometimes only the extremes or with many of them."""
    low, high = RANGE[dtype]
    values = rng.integers(low, high + 1, shape)
    mode = rng.random()
    if mode < 0.1:
        values = rng.choice([low, high], shape)
    elif mode < 0.3:
        values = np.where(rng.random(shape) < 0.3, rng.choice([low, high], shape), values)
    return values.astype(dtype)


def random_geometry(rng, dilated=True):
    """(input rows and columns, window, stride, dilation, padding name, Padding) with some output."""
    window = (int(rng.integers(1, 6)), int(rng.integers(1, 6)))
    stride = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
    dilation = (
        (1, 1) if not dilated or rng.random() < 0.6 else (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
    )
    same = bool(rng.random() < 0.5)
    least = [1, 1] if same else [d * (w - 1) + 1 for d, w in zip(dilation, window, strict=True)]
    size = (int(least[0] + rng.integers(0, 9)), int(least[1] + rng.integers(0, 9)))
    padding = same_padding(size, window, stride, dilation) if same else Padding()
    return size, window, stride, dilation, SAME if same else VALID, padding


def random_requantization(rng, x, channels, accumulator):
    """(weight scales, bias, output quantization): outputs in range, saturating, constant or huge.

    A tenth of the channels are dead: tiny weight scales, so shifts near -31, with huge biases.
    """
    per_channel = bool(rng.random() < 0.7)
    scales = np.array([random_scale(rng, 1e-4, 0.1) for _ in range(channels if per_channel else 1)])
    typical = float(np.median(scales)) * x.scale * accumulator
    low, high = typical / 2000, typical / 5
    if rng.random() < 0.15:  # factors from 1/4 to 256: left shifts, most outputs saturate
        low, high = typical / accumulator / 256, typical / accumulator * 4
    # LiteRT refuses RELU6 where 6 / scale leaves int32.
    output = random_quantization(rng, max(low, 1e-8), max(high, 1e-8))
    bias = rng.integers(-accumulator, accumulator + 1, channels)
    if per_channel:
        dead = rng.random(channels) < 0.1
        factor = 2.0 ** rng.uniform(-40, -20, channels)
        scales = np.where(dead, output.scale * factor / x.scale, scales)
        bias = np.where(dead, rng.integers(-(2**30), 2**30, channels), bias)
    return scales.astype(np.float32), bias.astype(np.int32), output


def near_ties(factor: float, zero_point: int) -> np.ndarray:
    """int32 accumulators at and around the boundaries of all 255 steps of a requantization."""
    steps = np.arange(-127, 128) - zero_point - 0.5
    around = np.round(steps / factor)[:, None] + np.arange(-1, 2)
    return np.unique(around[np.abs(around) < 2**31 - 1]).astype(np.int32)


def assert_exact(got: np.ndarray, want: np.ndarray, label: str, **details: Any) -> None:
    """Both arrays hold the same elements; `want` may have a batch dimension more."""
    want = want.reshape(got.shape)
    if not np.array_equal(got, want):
        where = np.argwhere(got != want)
        first = tuple(where[0])
        raise AssertionError(
            f"{label}: {len(where)} of {got.size} differ, first at {first}: "
            f"golden {got[first]}, LiteRT {want[first]}; {details}"
        )
