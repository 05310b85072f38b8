"""Binary layers on emulated boards of every CPU class equal golden bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from tests.boards.test_kernels_emulated import check
from tests.targets.codegen.binary_cases import KINDS, program_of


def cases(seed, count):
    rng = np.random.default_rng(seed)
    return [KINDS[kind](rng) for kind in sorted(KINDS) for _ in range(count)]


@pytest.mark.parametrize("board", ["mps2-an385", "mps2-an386", "mps2-an500", "mps3-an547"])
def test_binary_layers(board, tmp_path):
    check(board, *program_of(cases(21, 8), 1), tmp_path)


def test_binary_layers_on_a_core_without_unaligned_access(tmp_path):
    check("microbit", *program_of(cases(22, 2), 1), tmp_path)
