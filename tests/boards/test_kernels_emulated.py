"""Generated kernels on every emulated CPU class equal golden bit for bit, through the real serial path."""

from __future__ import annotations

import pytest

from tests.boards.emulated_kernels import check, seeds
from tests.targets.codegen.op_cases import make_mixed_program, make_program

BOARDS = ("mps2-an385", "mps2-an386", "mps2-an500", "mps2-an505", "mps3-an547")


@seeds
@pytest.mark.parametrize("board", BOARDS)
def test_kernels_equal_golden(board, seed, tmp_path):
    program, inputs = make_mixed_program(seed=100 + seed, count=12)
    check(board, tmp_path, program, None, inputs)


@pytest.mark.parametrize("kind", ["conv", "depthwise", "fully_connected", "binary", "convert"])
def test_kernels_on_a_core_without_unaligned_access(kind, tmp_path):
    """The Cortex-M0 faults on unaligned words and has neither long multiplies nor an FPU."""
    program, inputs = make_program(kind, seed=3, count=4)
    check("microbit", tmp_path, program, None, inputs)
