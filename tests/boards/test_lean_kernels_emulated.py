"""Kernels with less scratch memory on emulated cores equal golden bit for bit."""

from __future__ import annotations

import pytest

from tests.boards.emulated_kernels import check, cpu_of, seeds
from tests.targets.codegen.lean_cases import lean_program


@seeds
@pytest.mark.parametrize(("board", "count"), [("mps2-an386", 8), ("mps2-an385", 8), ("microbit", 1)])
def test_kernels_equal_golden(board, count, seed, tmp_path):
    check(board, tmp_path, *lean_program(seed, count, cpu_of(board)))
