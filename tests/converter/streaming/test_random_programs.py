"""Streams of random programs equal window inference, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from edgewright.converter.streaming import analyse, stream_program
from edgewright.errors import ModelError, UsageError
from tests.converter.streaming.programs import assert_streams_exactly, random_program, random_signal

CASES = 80


def _aligned_hop(program, rng) -> int:
    """A random hop every stride divides, at most the window."""
    multiple = analyse(program, 1).hop_multiple
    steps = program.values["x"].shape[0]
    return multiple * int(rng.integers(1, max(2, min(6, steps // multiple + 1))))


@pytest.mark.parametrize("case", range(CASES))
def test_valid_programs(case):
    rng = np.random.default_rng([case, 1])
    program = random_program(rng)
    hop = _aligned_hop(program, rng)
    streamed = stream_program(program, hop)
    assert streamed.before == streamed.after == 0
    assert analyse(program, hop).exact
    assert (
        assert_streams_exactly(streamed, random_signal(rng, program, streamed.window_rows + 6 * hop), program)
        >= 6
    )
    assert streamed.macs <= program.macs


@pytest.mark.parametrize("case", range(CASES // 2))
def test_signal_padding_is_exact_to_the_longer_window(case):
    rng = np.random.default_rng([case, 2])
    program = random_program(rng, same=0.6)
    hop = _aligned_hop(program, rng)
    streamed = stream_program(program, hop, padding="signal")
    rows = program.values["x"].shape[0]
    assert streamed.window_rows == rows + streamed.before + streamed.after
    assert_streams_exactly(streamed, random_signal(rng, program, streamed.window_rows + 5 * hop))


@pytest.mark.parametrize("case", range(CASES // 2))
def test_recomputing_is_exact_to_the_model(case):
    rng = np.random.default_rng([case, 3])
    program = random_program(rng, same=0.4)
    hop = int(rng.integers(1, 5))
    streamed = stream_program(program, hop, padding="recompute", alignment="recompute")
    assert assert_streams_exactly(streamed, random_signal(rng, program, 45), program) >= 4


def test_the_cases_are_worth_something():
    """Most of them stream, some are refused for every reason there is, and their outputs vary."""
    saved, refused, varied = 0, set(), 0
    for case in range(CASES):
        rng = np.random.default_rng([case, 4])
        program = random_program(rng, same=0.3)
        try:
            saved += stream_program(program, 1).macs < 0.7 * program.macs
        except (ModelError, UsageError) as error:
            refused.add(error.code)
        x = random_signal(rng, program, program.values["x"].shape[0])
        (first, *_) = program.run({"x": x}).values()
        (second, *_) = program.run({"x": x[::-1]}).values()
        varied += not np.array_equal(first, second)
    assert saved >= 15
    assert refused == {"EW-STREAM-HOP", "EW-STREAM-INEXACT"}
    assert varied > 0.8 * CASES
