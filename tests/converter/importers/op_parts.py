"""Parts of the random models in `op_compute.py` and `op_moves.py`."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.tflite_builder import ACTIVATION, SAME, VALID, TfliteBuilder

Rng = np.random.Generator
Model = tuple[TfliteBuilder, list[int], list[int]]
FUSED = ["NONE", "RELU", "RELU6", "RELU_N1_TO_1"]


def quantization(rng: Rng, dtype: str = "int8") -> dict[str, Any]:
    """A random scale and zero point."""
    limits = np.iinfo(dtype)
    zero_point = int(rng.integers(limits.min, limits.max + 1))
    return {"scale": float(np.float32(rng.uniform(0.01, 0.1))), "zero_point": zero_point}


def random_shape(rng: Rng, rank: int = 4, low: int = 1, high: int = 8) -> tuple[int, ...]:
    return (1, *(int(d) for d in rng.integers(low, high, rank - 1)))


def add_input(m: TfliteBuilder, rng: Rng, shape: tuple[int, ...], dtype: str = "int8", **params: Any) -> int:
    if dtype != "float32" and not params:
        params = quantization(rng, dtype)
    return m.tensor(shape, dtype, name=f"in{len(m.tensors)}", **params)


def add_output(m: TfliteBuilder, rng: Rng, shape: tuple[int, ...], dtype: str = "int8", **params: Any) -> int:
    if dtype != "float32" and not params:
        params = quantization(rng, dtype)
    return m.tensor(shape, dtype, name=f"out{len(m.tensors)}", **params)


def like(m: TfliteBuilder, index: int) -> dict[str, Any]:
    """The quantization of a tensor, for operators that keep it."""
    t = m.tensors[index]
    return {} if t.scales is None else {"scale": t.scales[0], "zero_point": t.zero_points[0]}


def random_activation(rng: Rng) -> int:
    return ACTIVATION[FUSED[int(rng.integers(len(FUSED)))]]


def windows(rng: Rng) -> tuple[int, int, int, int, int]:
    """Stride (w, h), dilation (w, h), padding; a stride and a dilation exclude each other."""
    dilated = rng.random() < 0.25
    stride = (1, 1) if dilated else rng.integers(1, 4, 2)
    dilation = rng.integers(1, 3, 2) if dilated else (1, 1)
    padding = SAME if rng.random() < 0.7 else VALID
    return int(stride[0]), int(stride[1]), int(dilation[0]), int(dilation[1]), padding


def extent(size: int, window: int, stride: int, dilation: int, padding: int) -> int:
    return -(-size // stride) if padding == SAME else (size - (window - 1) * dilation - 1) // stride + 1
