"""Kernels of one pixel, sums, pools and means on emulated cores equal golden bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from edgewright.converter.ops.average_pool import AveragePool
from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.binary import Add, Mul
from edgewright.converter.ops.max_pool import MaxPool
from edgewright.converter.ops.mean import Mean
from edgewright.converter.program import Quantization, TensorType
from edgewright.targets.codegen.kernels.fully_connected_dsp import fc_kernels
from tests.boards.emulated_kernels import check, cpu_of, seeds
from tests.targets.codegen.fc_cases import layer, layers
from tests.targets.codegen.side_by_side import Case, forced, side_by_side


@seeds
@pytest.mark.parametrize("board", ["mps2-an386", "mps2-an500", "mps2-an505"])
def test_layers_of_one_pixel(board, seed, tmp_path):
    rng, cpu = np.random.default_rng([seed, 3]), cpu_of(board)
    found = [*layers(seed, 8), layer(rng, rows=3), layer(rng, depth=640), layer(rng, depth=1000)]
    cases = [(op, (x,)) for op, x in found]
    made = forced("ones", cases, lambda op, x: fc_kernels(op, cpu, x), rng)
    assert len(made.kernels) > 24
    check(board, tmp_path, *made)


def element_cases(seed: int) -> list[Case]:
    """Sums of all kinds of scales and odd sizes; windows that reach over the border, and very large ones."""
    rng = np.random.default_rng([seed, 4])

    def tensor(*shape: int) -> TensorType:
        return TensorType(
            shape, "int8", Quantization(float(rng.uniform(0.01, 0.1)), int(rng.integers(-128, 128)))
        )

    cases: list[Case] = []
    for n in range(8):
        shape = tuple(int(v) for v in rng.integers(1, [6, 9, 30]))
        a, b = tensor(*shape), tensor(*shape)
        if n % 4 == 3:  # the second for every pixel
            a, b = tensor(3, 5, 16), tensor(1 if n == 3 else 3, 1, 16)
        output = Quantization(float(rng.uniform(0.02, 0.2)), int(rng.choice([-128, 0, 3])))
        scales = (a.quantization, b.quantization, output)
        cases.append((Add.from_types(*scales, sign=1 if n % 2 else -1), (a, b)))
        cases.append((Mul.from_types(*scales), (a, b)))
    for channels in (4, 8, 12, 5):
        x, border = tensor(7, 9, channels), Padding(1, 1, 1, 1)
        cases += [(kind((3, 3), (2, 2), border, (-90, 80)), (x,)) for kind in (AveragePool, MaxPool)]
        large = tensor(18, 17, channels)
        cases += [
            (AveragePool((18, 17), (1, 1)), (large,)),
            (Mean.from_types(large, (0, 1), x.quantization), (large,)),
        ]
    return cases


def check_elements(board: str, cases: list[Case], seed: int, folder) -> None:
    program, inputs = side_by_side("elements", cases, np.random.default_rng(seed))
    check(board, folder, program, None, inputs)


@seeds
@pytest.mark.parametrize("board", ["mps2-an386", "mps2-an500", "mps2-an385", "mps3-an547"])
def test_sums_pools_and_means(board, seed, tmp_path):
    check_elements(board, element_cases(seed), seed, tmp_path)


def test_pools_on_a_core_without_unaligned_access(tmp_path):
    check_elements("microbit", element_cases(1)[16:22], 1, tmp_path)
