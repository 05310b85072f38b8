"""Compact kernels on emulated cores equal golden bit for bit."""

from __future__ import annotations

from tests.boards.emulated_kernels import check, cpu_of, seeds
from tests.targets.codegen.compact_cases import compact_program

BOARD = "mps2-an386"


@seeds
def test_kernels_equal_golden(seed, tmp_path):
    check(BOARD, tmp_path, *compact_program(seed, 15, cpu_of(BOARD)))
