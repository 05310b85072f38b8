"""Kernels for Helium on the emulated Cortex-M55, in every variant offered, equal golden bit for bit."""

from __future__ import annotations

import pytest

from tests.boards.emulated_kernels import check, cpu_of, seeds
from tests.targets.codegen.mve_cases import KINDS, mve_program

BOARD = "mps3-an547"


@seeds
@pytest.mark.parametrize("kind", KINDS)
def test_kernels_equal_golden(kind, seed, tmp_path):
    check(BOARD, tmp_path, *mve_program(kind, seed, 8, cpu_of(BOARD)))
