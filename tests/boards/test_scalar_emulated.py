"""Kernels for cores without DSP instructions equal golden bit for bit where they run as assembler."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgewright.targets.board import load_board
from tests.boards.emulated_kernels import check, seeds
from tests.targets.codegen.scalar_cases import scalar_program


@seeds
@pytest.mark.parametrize(
    ("board", "core", "count", "most"),
    [
        ("mps2-an385", "cortex-m3", 3, None),
        # Armv6-M code with the memory of another board; the Cortex-M0 itself faults on unaligned words.
        ("mps2-an385", "cortex-m0", 3, None),
        ("microbit", "cortex-m0", 1, 16),
    ],
)
def test_kernels_equal_golden(board, core, count, most, seed, tmp_path):
    check(replace(load_board(board), cpu=core), tmp_path, *scalar_program(seed, count, most))
