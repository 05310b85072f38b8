"""Kernels with packed weights equal golden bit for bit on an emulated board of every CPU class."""

from __future__ import annotations

import os

import pytest

from tests.boards.test_kernels_emulated import check
from tests.targets.codegen.packed_cases import KINDS, make_packed_program, mixed_packed_program

SOAK = int(os.environ.get("EDGEWRIGHT_SOAK", "1"))


@pytest.mark.parametrize("seed", range(SOAK))
@pytest.mark.parametrize("board", ["mps2-an386", "mps3-an547"])
def test_packed_kernels_equal_golden(board, seed, tmp_path):
    check(board, *mixed_packed_program(seed=200 + seed, count=5), tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_packed_kernels_on_a_core_without_unaligned_access(kind, tmp_path):
    check("microbit", *make_packed_program(kind, "int4", seed=5, count=4), tmp_path)
