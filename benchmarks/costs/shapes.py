"""Random shapes of small networks: rows of 1 to 112 columns, 1 to 384 channels."""

from __future__ import annotations

import numpy as np

from edgewright.converter.ops.base import OpKind, Padding
from edgewright.converter.program import Quantization, TensorType

Rng = np.random.Generator
Case = tuple[OpKind, tuple[TensorType, ...]]

COLUMNS = (1, 2, 3, 4, 5, 7, 8, 10, 14, 16, 20, 25, 28, 32, 48, 56, 64, 96, 112)
CHANNELS = (1, 2, 3, 4, 5, 8, 12, 16, 17, 24, 30, 32, 40, 64, 96, 128, 192, 256, 384)
WINDOWS = ((1, 1), (1, 1), (3, 3), (3, 3), (5, 5), (7, 7), (1, 3), (3, 1), (10, 4), (2, 2))
DILATION_PROBABILITY = 0.1
MAX_MACS = 150_000
MAX_INPUT_BYTES = 12_000
MAX_WEIGHTS_BYTES = 20_000
INPUT = Quantization(0.05, 3)
OTHER_INPUT = Quantization(0.02, -7)


def tensor(rows: int, columns: int, channels: int, quantization: Quantization = INPUT) -> TensorType:
    return TensorType((rows, columns, channels), "int8", quantization)


def random_padding(rng: Rng, window: tuple[int, int], dilation: tuple[int, int]) -> Padding:
    height, width = (d * (k - 1) for k, d in zip(window, dilation, strict=True))
    kind = rng.random()
    if kind < 0.3:
        return Padding()
    if kind < 0.45:
        return Padding(height, height, width, width)
    return Padding(height // 2, height - height // 2, width // 2, width - width // 2)


def random_view(
    rng: Rng, window: tuple[int, int], channels: int, dilate: float = DILATION_PROBABILITY
) -> tuple[TensorType, tuple[int, int], Padding]:
    """(input of a few rows, dilation, padding) for a window."""
    dilation = (2, 2) if rng.random() < dilate else (1, 1)
    reach = [d * (k - 1) + 1 for k, d in zip(window, dilation, strict=True)]
    columns = max(int(rng.choice(COLUMNS)), reach[1])
    return (
        tensor(reach[0] + int(rng.integers(0, 3)), columns, channels),
        dilation,
        random_padding(rng, window, dilation),
    )


def random_shape(rng: Rng) -> tuple[int, int, int]:
    return int(rng.integers(1, 6)), int(rng.choice(COLUMNS[:12])), int(rng.choice(CHANNELS[2:14]))
