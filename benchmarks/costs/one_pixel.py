"""Layers whose weights meet one pixel, with one factor for all channels or one each; sums and windows.

What costs in them: calls, groups and pairs of channels, and quads of the depth of each, of which four are
taken together; so depths and channels of all remainders, short and long.
"""

from __future__ import annotations

import numpy as np

from benchmarks.costs.shapes import INPUT, OTHER_INPUT, Case, Rng, tensor
from edgewright.converter.ops.average_pool import AveragePool
from edgewright.converter.ops.binary import Add, Mul
from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.ops.max_pool import MaxPool
from edgewright.converter.ops.mean import Mean
from edgewright.converter.ops.requantize import Requantize
from edgewright.converter.program import Quantization

DEPTHS = (4, 8, 12, 16, 24, 28, 32, 40, 48, 64, 96, 100, 128, 192, 256, 384, 640)
OUTPUTS = (1, 2, 3, 4, 6, 8, 10, 12, 16, 17, 24, 26, 32, 40, 64)
MAX_WEIGHTS = 20_000
LAYERS = 64
ELEMENTS = (3, 16, 37, 64, 250, 1000, 2048, 4001)
# (columns, channels) of sums with one pixel for all.
CHANNELWISE = ((2, 8), (9, 16), (4, 64), (20, 12), (7, 128))
# (rows, columns, channels, window): a window of all the rows and columns is a global pool.
WINDOWS = (
    (4, 4, 8, 2),
    (7, 9, 12, 3),
    (6, 8, 32, 2),
    (5, 5, 20, 5),
    (8, 8, 64, 8),
    (3, 3, 128, 3),
    (9, 10, 16, 3),
)


def layers() -> list[Case]:
    """Fully connected layers of one pixel."""
    rng = np.random.default_rng(41)
    found: list[Case] = []
    while len(found) < LAYERS:
        depth, outputs = int(rng.choice(DEPTHS)), int(rng.choice(OUTPUTS))
        if depth * outputs <= MAX_WEIGHTS:
            found.append(_layer(rng, depth, outputs, shared=len(found) % 2 == 0))
    return found


def _layer(rng: Rng, depth: int, outputs: int, *, shared: bool) -> Case:
    weights = rng.integers(-127, 128, (outputs, depth)).astype(np.int8)
    scales = np.float32(rng.uniform(0.2, 2.0, 1 if shared else outputs) / (128 * np.sqrt(depth)))
    bias = rng.integers(-1000, 1000, outputs).astype(np.int32)
    call = Requantize.for_fully_connected(1.0, scales, Quantization(1.0, 5), bias, channels=outputs)
    return FullyConnected(weights, call, INPUT.zero_point), (tensor(1, 1, depth),)


def elements() -> list[Case]:
    """Sums, differences, pools and means."""
    output = Quantization(0.0613, 5)
    found: list[Case] = []
    both = (INPUT, OTHER_INPUT, output)
    pairwise = (Add.from_types(*both), Add.from_types(*both, sign=-1), Mul.from_types(*both))
    for count in ELEMENTS:
        types = (tensor(1, 1, count), tensor(1, 1, count, OTHER_INPUT))
        found += [(op, types) for op in pairwise]
    for columns, channels in CHANNELWISE:
        types = (tensor(2, columns, channels), tensor(1, 1, channels, OTHER_INPUT))
        found += [(op, types) for op in pairwise]
    for rows, columns, channels, size in WINDOWS:
        x = tensor(rows, columns, channels)
        for step in (1, 2, size):
            found += [(kind((size, size), (step, step)), (x,)) for kind in (AveragePool, MaxPool)]
        found += [(Mean.from_types(x, axes, output), (x,)) for axes in ((0, 1), (0,), (1,))]
    return found


def cases() -> list[Case]:
    return layers() + elements()
