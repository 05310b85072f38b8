"""Time streaming on every emulated CPU class equals window inference bit for bit, within its memory."""

from __future__ import annotations

import os

import numpy as np
import pytest

from benchmarks.emulated_stream import run_emulated
from edgewright.converter.streaming import analyse, stream_program, windowed
from edgewright.targets.board import load_board
from tests.boards.test_kernels_emulated import BOARDS
from tests.converter.streaming.programs import random_program, random_signal
from tests.runtime.bare_metal import needs

SOAK = int(os.environ.get("EDGEWRIGHT_SOAK", "1"))
STEPS = 6


@pytest.mark.parametrize("case", range(2 * SOAK))
@pytest.mark.parametrize("board", BOARDS)
def test_random_programs(board, case):
    check(board, case)


@pytest.mark.parametrize("case", range(2, 2 + 6 * SOAK))
def test_on_a_core_without_unaligned_access(case):
    check("microbit", case)


def check(board_id, case):
    needs("qemu-system-arm", "arm-none-eabi-gcc")
    rng = np.random.default_rng([case, 6])
    program = random_program(rng)
    hop = analyse(program, 1).hop_multiple * int(rng.integers(1, 3))
    streamed = stream_program(program, hop)
    rows = streamed.warm_up_calls * hop + STEPS * hop
    signal = random_signal(rng, program, rows)
    run, memory = run_emulated(streamed, load_board(board_id), signal, windowed(program, signal, hop))
    assert (run.mismatches, run.compared) == (0, STEPS + 1)
    assert run.arena_used_bytes <= memory.arena_bytes
    assert run.instructions and min(run.instructions) > 0
