"""Wide tiles on emulated DSP cores equal golden bit for bit."""

from __future__ import annotations

import pytest

from tests.boards.emulated_kernels import check, cpu_of, seeds
from tests.targets.codegen.wide_cases import wide_program


@seeds
@pytest.mark.parametrize(("board", "count"), [("mps2-an386", 2), ("mps2-an500", 1)])
def test_kernels_equal_golden(board, count, seed, tmp_path):
    check(board, tmp_path, *wide_program(seed, count, cpu_of(board)))
