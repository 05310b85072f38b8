"""Binary layers on emulated boards of every CPU class equal golden bit for bit."""

from __future__ import annotations

import pytest

from tests.boards.emulated_kernels import check
from tests.targets.codegen.binary_cases import binary_program


@pytest.mark.parametrize("board", ["mps2-an385", "mps2-an386", "mps2-an500", "mps3-an547"])
def test_binary_layers(board, tmp_path):
    program, inputs = binary_program(21, 8)
    check(board, tmp_path, program, None, inputs)


def test_binary_layers_on_a_core_without_unaligned_access(tmp_path):
    program, inputs = binary_program(22, 2)
    check("microbit", tmp_path, program, None, inputs)
