"""The C of time streaming equals window inference, bit for bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.concat import Concat
from edgewright.converter.ops.reshape import Reshape
from edgewright.converter.ops.transpose import Transpose
from edgewright.converter.program import Port
from edgewright.converter.streaming import analyse, stream_program
from edgewright.errors import WorkError
from edgewright.targets.build import load_program_of
from edgewright.targets.codegen.stream_calls import stream_calls
from edgewright.targets.codegen.stream_library import emit_stream_library
from edgewright.targets.codegen.stream_memory import place_stream
from edgewright.targets.cpu import DSP, MVE, SCALAR
from tests.converter.streaming.programs import TimeSketch, random_program, random_signal
from tests.shared import shared_path
from tests.targets.codegen.stream_host import HostStream, assert_equals_windows

CASES = 25


@pytest.fixture
def sketch():
    return TimeSketch(np.random.default_rng(5))


@pytest.fixture(scope="module")
def wakeword():
    return load_program_of(shared_path("models/mlperf_tiny/str_ww_ref_model.tflite"))


def check(program, hop, folder, *, calls=5, **options) -> HostStream:
    """Stream a random signal through the C of a program; returns the stream."""
    stream = HostStream(stream_program(program, hop, **options), SCALAR, folder)
    rows = stream.streamed.window_rows + calls * hop
    assert assert_equals_windows(stream, random_signal(np.random.default_rng(hop), program, rows)) >= calls
    return stream


def test_wakeword_over_a_thousand_steps(wakeword, tmp_path):
    # The features as well as the classes: those are the same for most noise.
    features = wakeword.nodes[-3].output
    program = replace(
        wakeword, outputs=(*wakeword.outputs, Port("features", features, (1, 1, 32), (0, 1, 2)))
    )
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 60, (1029, 1, 40)) * np.sin(np.arange(1029) / 37)[:, None, None]
    signal = np.clip(noise - 40, -128, 127).astype(np.int8)
    stream = HostStream(stream_program(program, 1), SCALAR, tmp_path)
    assert assert_equals_windows(stream, signal) == 1000


@pytest.mark.parametrize("cpu", [SCALAR, DSP, MVE], ids=lambda c: c.name)
def test_wakeword_memory(wakeword, cpu):
    memory = place_stream(stream_calls(stream_program(wakeword, 1), cpu))
    # Rows that are kept, and where the oldest of each of the four rings lies.
    assert memory.state_bytes == 3_536 + 4 * 2 <= 4_200
    # On Helium depthwise kernels bring the taps of a channel side by side first.
    assert memory.arena_bytes == memory.bound_bytes <= (4_300 if cpu is MVE else 4_200)
    assert not memory.calls.linear


@pytest.mark.parametrize("hop", [2, 15, 30])
def test_wakeword_of_longer_hops(wakeword, hop, tmp_path):
    check(wakeword, hop, tmp_path)


def test_header_states_the_numbers(wakeword, tmp_path):
    memory = emit_stream_library(stream_program(wakeword, 2), DSP, tmp_path, stack_bytes=123)
    header = (tmp_path / "str_ww_ref_model_stream.h").read_text()
    for name, value in {
        "ARENA_BYTES": memory.arena_bytes,
        "STATE_BYTES": memory.state_bytes,
        "STACK_BYTES": 123,
        "HOP": 2,
        "WINDOW": 30,
        "WARM_UP_CALLS": 15,
        "DELAY": 0,
        "INPUT_BYTES": 80,
        "OUTPUT_BYTES": 3,
    }.items():
        assert f"_STREAM_{name} {value}u" in header


@pytest.mark.parametrize("case", range(CASES))
def test_valid_programs(case, tmp_path):
    rng = np.random.default_rng([case, 1])
    program = random_program(rng)
    multiple = analyse(program, 1).hop_multiple
    check(program, multiple * int(rng.integers(1, 4)), tmp_path)


@pytest.mark.parametrize("case", range(CASES // 2))
def test_signal_padding(case, tmp_path):
    rng = np.random.default_rng([case, 2])
    program = random_program(rng, same=0.6)
    check(program, analyse(program, 1).hop_multiple, tmp_path, padding="signal")


@pytest.mark.parametrize("case", range(CASES // 2))
def test_recomputing(case, tmp_path):
    rng = np.random.default_rng([case, 3])
    program = random_program(rng, same=0.4)
    check(program, int(rng.integers(1, 5)), tmp_path, padding="recompute", alignment="recompute")


def test_rows_written_in_place_are_not_copied(sketch, tmp_path):
    program = sketch.program(sketch.dense(sketch.conv("x", 3)))
    stream = HostStream(stream_program(program, 2), SCALAR, tmp_path, in_place=True)
    assert assert_equals_windows(stream, random_signal(sketch.rng, program, 40)) == 9


def test_outputs_that_are_kept_too(sketch, tmp_path):
    a = sketch.conv("x", 3)
    check(sketch.program(a, sketch.conv(a, 4), sketch.mean(a)), 2, tmp_path)


@pytest.mark.parametrize("hop", [1, 4, 11])
def test_rows_read_as_one_piece(sketch, hop, tmp_path):
    a = sketch.conv("x", 3)
    turned = sketch.add(Transpose((22, 3), (1, 0), (22, 1, 3)), a)
    program = sketch.program(sketch.conv(turned, 3), sketch.conv(a, 3), a)
    stream = check(program, hop, tmp_path)
    assert stream.memory.calls.linear == {a}


@pytest.mark.parametrize("hop", [1, 4])
def test_reshapes_of_all_rows(sketch, hop, tmp_path):
    """Aligned ones are another name for the rows, others copy them: 24 rows of 3 bytes, the last 21."""
    a = sketch.add(Reshape((1, 1, 72)), "x")
    b = sketch.add(Reshape((1, 1, 63)), sketch.crop("x", 3, 21))
    stream = check(sketch.program(sketch.dense(a), sketch.dense(b)), hop, tmp_path)
    assert stream.memory.calls.linear == {"x"}
    assert set(stream.memory.calls.aliases) == {a}


def test_reshapes_of_new_rows_that_are_kept(tmp_path):
    sketch = TimeSketch(np.random.default_rng(3), (12, 1, 4))
    wide = sketch.add(Reshape((12, 2, 2)), "x")
    joined = sketch.add(Reshape((6, 1, 8)), "x")
    program = sketch.program(
        sketch.pool(wide, 3), sketch.conv(joined, 2), sketch.dense(sketch.add(Reshape((6, 1, 8)), "x"))
    )
    check(program, 2, tmp_path)


def test_rows_one_after_the_other(sketch, tmp_path):
    program = sketch.program(sketch.add(Concat(0), sketch.conv("x"), sketch.conv("x", dilation=2)))
    check(program, 3, tmp_path)


def test_padding_made_again_inside_a_longer_history(sketch, tmp_path):
    """A padded op reads rows 4 and on of a value that keeps more for another reader."""
    a = sketch.conv("x", 3)
    late = sketch.conv(sketch.crop(a, 4, 18), 3, same=True)
    program = sketch.program(late, sketch.mean(a))
    assert program.nodes[2].op.padding == Padding(1, 1)
    stream = check(program, 1, tmp_path, padding="recompute")
    (call,) = [c for c in stream.memory.calls.calls if c.node.output == late]
    assert call.reads == (range(4, 22),)


def test_no_history_at_all(sketch, tmp_path):
    program = sketch.program(sketch.conv("x", 3))
    stream = check(program, 24, tmp_path)
    assert stream.memory.state_bytes == 0
    assert not stream.memory.histories


def test_nothing_to_run(sketch, tmp_path):
    """The window itself, as one row: a call only moves it on."""
    stream = check(sketch.program(sketch.flatten("x")), 5, tmp_path)
    assert not stream.memory.calls.calls
    assert stream.memory.state_bytes == 19 * 3 + 2


def test_histories_too_long_for_the_driver(tmp_path):
    sketch = TimeSketch(np.random.default_rng(0), (70_000, 1, 1))
    program = sketch.program(sketch.pool("x", 70_000))
    with pytest.raises(WorkError) as refused:
        emit_stream_library(stream_program(program, 1), SCALAR, tmp_path)
    assert refused.value.code == "EW-CODEGEN-SIZE"
