"""Every Winograd kernel on emulated cores: the assembler equals golden too."""

from __future__ import annotations

import pytest

from tests.boards.emulated_kernels import check, cpu_of, seeds
from tests.targets.codegen.winograd_cases import winograd_program


@seeds
@pytest.mark.parametrize("board", ["mps2-an386", "mps2-an500"])  # one and two instructions at a time
def test_kernels_equal_golden(board, seed, tmp_path):
    made = winograd_program(seed, cpu_of(board))
    # Tiles of 2 x 2 and 4 x 4, weights in flash and in memory.
    assert len({own.layer[0].variant for own in made.kernels.values()}) == 4
    check(board, tmp_path, *made)
