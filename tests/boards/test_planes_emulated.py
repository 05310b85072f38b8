"""Depthwise kernels on planes, on emulated boards, equal golden bit for bit at the extremes too."""

from __future__ import annotations

import numpy as np
import pytest

from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.program import Program, TensorType
from edgewright.targets.codegen.kernels.depthwise_planes import planes_kernels, planes_row_kernel
from edgewright.targets.codegen.row_kernel import RowKernel
from edgewright.targets.cpu import CpuClass
from tests.boards.emulated_kernels import SOAK, check, cpu_of
from tests.targets.codegen.planes_cases import layer, random_layer, random_temporal
from tests.targets.codegen.side_by_side import Inputs, forced

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
    # Several bands of the code that all shapes share.
    ((30, 12, 8), (3, 3), (1, 1), SAME, True),
    ((30, 12, 4), (3, 3), (2, 2), END, True),
)


def kernels_of(cpu: CpuClass, op: DepthwiseConv2D, x: TensorType) -> list[RowKernel]:
    """The kernels on planes that a layer may choose; weights as bytes in bands only in a soak."""
    kernels = [
        k
        for k in planes_kernels(op, cpu, x)
        if SOAK > 1 or not ("bands" in k.variant and "int8" in k.variant)
    ]
    return [kernel for kernel in (*kernels, planes_row_kernel(op, cpu, x)) if kernel is not None]


def extremes(program: Program, rng: np.random.Generator) -> list[Inputs]:
    """Both ends of the range, each value at either end, and random ones."""
    ranges = ([-128], [127], [-128, 127], range(-128, 128))
    return [
        {port.name: rng.choice(values, port.source_shape).astype(np.int8) for port in program.inputs}
        for values in ranges
    ]


def check_layers(board: str, layers, rng: np.random.Generator, folder) -> None:
    cpu = cpu_of(board)
    cases = [(op, (x,)) for op, x in layers]
    program, kernels, _ = forced("planes", cases, lambda op, x: kernels_of(cpu, op, x), rng, shared=True)
    check(board, folder, program, kernels, *extremes(program, rng))


@pytest.mark.parametrize("board", ["mps2-an386", "mps2-an500"])
def test_shapes(board, tmp_path):
    rng = np.random.default_rng(11)
    layers = [layer(rng, *parameters) for parameters in LAYERS]
    assert all(len(kernels_of(cpu_of(board), *one)) > 1 for one in layers)
    check_layers(board, layers, rng, tmp_path)


def test_random_layers(tmp_path):
    rng = np.random.default_rng(12)
    kinds = [make for make in (random_layer, random_temporal) for _ in range(2 * SOAK)]
    layers = [make(rng, bool(rng.random() < 0.7)) for make in kinds]
    check_layers("mps2-an386", layers, rng, tmp_path)
