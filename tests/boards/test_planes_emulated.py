"""Depthwise kernels on planes, on emulated boards, equal golden bit for bit at the extremes too."""

from __future__ import annotations

import os

import numpy as np
import pytest

from benchmarks.costs.measure import board_of
from edgewright.converter.ops.base import Padding
from edgewright.targets.codegen.kernels.depthwise_planes import planes_kernels, planes_row_kernel
from edgewright.targets.cpu import cpu_class
from tests.targets.codegen.planes_cases import layer, random_layer, random_temporal, run

SOAK = int(os.environ.get("EDGEWRIGHT_SOAK", "1"))
SAME = Padding(1, 1, 1, 1)
END = Padding(0, 1, 0, 1)
NONE = Padding()
# Shape, window, stride, padding, whether an activation cuts off what is negative.
LAYERS = (
    ((25, 5, 8), (3, 3), (1, 1), SAME, True),
    ((3, 3, 8), (3, 3), (1, 1), SAME, True),
    ((7, 30, 4), (3, 3), (1, 1), SAME, True),
    ((8, 30, 4), (3, 3), (2, 2), END, True),
    ((9, 26, 4), (3, 3), (2, 2), SAME, True),
    ((9, 14, 4), (3, 3), (1, 2), NONE, True),
    ((6, 9, 8), (3, 3), (1, 1), SAME, False),
    ((9, 9, 4), (5, 5), (1, 1), Padding(2, 2, 2, 2), True),
    ((9, 10, 4), (5, 4), (2, 3), Padding(1, 2, 0, 2), False),
    ((8, 8, 4), (7, 7), (1, 1), Padding(3, 3, 3, 3), True),
    ((30, 1, 8), (3, 1), (1, 1), NONE, False),
    ((24, 1, 8), (10, 1), (1, 1), NONE, True),
    ((15, 1, 8), (15, 1), (1, 1), NONE, False),
)


def kernels_of(cpu, op, x):
    """The kernels on planes that a layer may choose; weights as bytes in bands only in a soak."""
    kernels = [
        k
        for k in planes_kernels(op, cpu, x)
        if SOAK > 1 or not ("bands" in k.variant and "int8" in k.variant)
    ]
    kernels.append(planes_row_kernel(op, cpu, x))
    return [(op, x, kernel) for kernel in kernels if kernel is not None]


def check(model, chosen, folder, seed):
    for output, golden in run(model, chosen, folder, seed):
        np.testing.assert_array_equal(output, golden)


@pytest.mark.parametrize("model", ["m4", "m7"])
def test_shapes(model, tmp_path):
    board = board_of(model)
    cpu = cpu_class(board.features, board.cpu)
    rng = np.random.default_rng(11)
    chosen = [kernels_of(cpu, *layer(rng, *parameters)) for parameters in LAYERS]
    assert all(len(kernels) > 1 for kernels in chosen)
    check(model, [one for kernels in chosen for one in kernels], tmp_path, 1)


def test_random_layers(tmp_path):
    board = board_of("m4")
    cpu = cpu_class(board.features, board.cpu)
    rng = np.random.default_rng(12)
    made = [
        make(rng, bool(rng.random() < 0.7))
        for make in (random_layer, random_temporal)
        for _ in range(2 * SOAK)
    ]
    check("m4", [one for parameters in made for one in kernels_of(cpu, *parameters)], tmp_path, 2)
