"""Kernels with packed weights on emulated cores of every class equal golden bit for bit."""

from __future__ import annotations

import pytest

from tests.boards.emulated_kernels import check, cpu_of, seeds
from tests.targets.codegen.packed_cases import FORMATS, packed_program


@seeds
@pytest.mark.parametrize(
    ("board", "formats"),
    [
        ("mps2-an386", FORMATS),
        ("mps2-an385", FORMATS),
        ("mps3-an547", FORMATS),
        # The Cortex-M0 faults on unaligned words; its memory holds few layers.
        *(("microbit", (name,)) for name in FORMATS),
    ],
)
def test_kernels_equal_golden(board, formats, seed, tmp_path):
    check(board, tmp_path, *packed_program(seed, 1, cpu_of(board), formats))
