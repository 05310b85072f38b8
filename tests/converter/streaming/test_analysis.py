"""What streams, what is computed again, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.binary import Add
from edgewright.converter.ops.concat import Concat
from edgewright.converter.ops.pad import Pad
from edgewright.converter.ops.reshape import Reshape
from edgewright.converter.ops.transpose import Transpose
from edgewright.converter.program import Port, Program, TensorType
from edgewright.converter.streaming import analyse, deviation, run_stream, stream_program
from edgewright.errors import ModelError, UsageError
from tests.converter.rewrites.programs import Q
from tests.converter.streaming.programs import TimeSketch, assert_streams_exactly, random_signal


@pytest.fixture
def sketch():
    return TimeSketch(np.random.default_rng(5))


def _reasons(program, hop=1, **policy):
    return [n.reason for n in analyse(program, hop, **policy).nodes]


def _error(call, *arguments, **options):
    with pytest.raises((ModelError, UsageError)) as caught:
        call(*arguments, **options)
    return caught.value


def test_new_rows_follow_the_strides(sketch):
    a = sketch.conv("x", 4, stride=2)
    b = sketch.pool(a, 3, stride=3)
    program = sketch.program(sketch.dense(b))
    assert analyse(program, 12).new_rows == {"x": 12, "v0": 2 * 3, "v1": 2, "v2": 2}
    for hop in (2, 3, 8):
        error = _error(stream_program, program, hop)
        assert error.code == "EW-STREAM-HOP"
        assert error.details["hop_multiple"] == 6
        assert "multiple of 6" in error.hint
    assert _error(stream_program, program, 3).details["nodes"] == ["node_v0"]
    assert _error(stream_program, program, 2).details["nodes"] == ["node_v1"]


@pytest.mark.parametrize("hop", [0, -1, 25])
def test_hop_is_within_the_window(sketch, hop):
    error = _error(analyse, sketch.program(sketch.conv("x")), hop)
    assert error.code == "EW-STREAM-HOP"
    assert str(hop) in error.message


def test_a_model_of_one_row_has_no_time_axis():
    sketch = TimeSketch(np.random.default_rng(0), (1, 24, 3))
    error = _error(analyse, sketch.program(sketch.dense("x")), 1)
    assert error.code == "EW-STREAM-AXIS"
    assert "24 columns" in error.message
    assert "transpose" in error.hint


def test_time_needs_an_axis_of_its_own_in_the_source(sketch):
    program = sketch.program(sketch.dense("x"))
    flat = Port("x", "x", (1, 72), (0, 1))
    error = _error(analyse, replace(program, inputs=(flat,)), 1)
    assert error.code == "EW-STREAM-AXIS"
    assert "(1, 72)" in error.message


def test_ports_carry_the_new_rows(sketch):
    program = sketch.program(sketch.conv("x", 3), sketch.mean("x"))
    channels_first = Port("x", "x", (1, 3, 24, 1), (0, 2, 3, 1))
    program = replace(program, inputs=(channels_first,))
    streamed = stream_program(program, 4)
    assert streamed.input.source_shape == (1, 3, 4, 1)
    assert [p.source_shape for p in streamed.outputs] == [(4, 1, 3), (1, 1, 3)]


def test_unknown_axis_and_policies(sketch):
    program = sketch.program(sketch.conv("x"))
    assert _error(analyse, program, 1, "columns").code == "EW-STREAM-AXIS"
    assert _error(stream_program, program, 1, padding="zero").code == "EW-STREAM-POLICY"
    assert _error(stream_program, program, 1, alignment="signal").code == "EW-STREAM-POLICY"


def test_ops_that_mix_time_are_computed_again(sketch):
    a = sketch.conv("x", 3)
    b = sketch.add(Transpose((22, 3), (1, 0), (22, 1, 3)), a)
    program = sketch.program(sketch.conv(b, 3))
    assert _reasons(program) == ["", "it mixes all time steps", "its input is new in every call"]
    streamed = stream_program(program, 1)
    assert streamed.values["v0"].history == 21
    assert_streams_exactly(streamed, random_signal(sketch.rng, program, 40), program)


def test_rows_one_after_the_other_mix_time(sketch):
    program = sketch.program(sketch.add(Concat(0), sketch.conv("x"), sketch.conv("x")))
    assert _reasons(program) == ["", "", "it mixes all time steps"]
    assert_streams_exactly(stream_program(program, 3), random_signal(sketch.rng, program, 40), program)


def test_reshapes_that_split_rows_mix_time():
    sketch = TimeSketch(np.random.default_rng(1), (9, 1, 2))
    program = sketch.program(sketch.conv(sketch.add(Reshape((6, 1, 3)), "x")))
    assert _reasons(program)[0] == "it mixes all time steps"
    assert_streams_exactly(stream_program(program, 1), random_signal(sketch.rng, program, 20), program)


def test_constants_along_time(sketch):
    rng = sketch.rng
    for name, rows in (("each", 24), ("all", 1)):
        sketch.values[name] = TensorType((rows, 1, 3), "int8", Q)
    a = sketch.add(Add.from_types(Q, Q, Q), "x", "all")
    b = sketch.add(Add.from_types(Q, Q, Q), a, "each")
    program = Program(
        name="constants",
        source_sha256="0" * 64,
        inputs=(Port("x", "x", (24, 1, 3), (0, 1, 2)),),
        outputs=(Port(b, b, (24, 1, 3), (0, 1, 2)),),
        values=sketch.values,
        nodes=tuple(sketch.nodes),
        constants={
            n: rng.integers(-128, 128, (r, 1, 3)).astype(np.int8) for n, r in (("each", 24), ("all", 1))
        },
    )
    assert _reasons(program) == ["", "it reads a constant that differs from step to step"]
    assert_streams_exactly(stream_program(program, 1), random_signal(rng, program, 40), program)


def test_branches_of_different_rates_are_computed_again(sketch):
    slow = sketch.conv("x", 2, stride=2)
    fast = sketch.crop(sketch.conv("x", 3), 5, sketch.rows(slow))
    program = sketch.program(sketch.add_values(slow, fast))
    assert _reasons(program, 2)[-1] == "its inputs move at different rates"
    assert_streams_exactly(stream_program(program, 2), random_signal(sketch.rng, program, 40), program)


def test_padding_that_no_row_reads_is_no_padding(sketch):
    # Rows 0, 2, ... of 24: the row of padding below is never reached.
    a = sketch.conv("x", 2, stride=2)
    (node,) = sketch.nodes
    sketch.nodes = [replace(node, op=replace(node.op, padding=Padding(bottom=1)))]
    program = sketch.program(a)
    assert analyse(program, 2).exact
    assert_streams_exactly(stream_program(program, 2), random_signal(sketch.rng, program, 40), program)


def test_row_slices_are_read_where_they_lie(sketch):
    a = sketch.conv("x", 3)
    program = sketch.program(sketch.add_values(sketch.crop("x", 1, 22), a))
    streamed = stream_program(program, 1)
    assert [s.node.op.kind for s in streamed.nodes] == ["conv", "add"]
    # Of x: three rows for the convolution, of which the sum takes the middle one.
    assert streamed.nodes[1].reads == (range(1, 2), range(0, 1))
    assert {n: v.history for n, v in streamed.values.items() if v.history} == {"x": 2}


def test_the_last_step_alone_needs_no_history(sketch):
    a = sketch.conv("x", 3)
    streamed = stream_program(sketch.program(sketch.dense(sketch.crop(a, 21, 1))), 1)
    assert streamed.values[a].history == 0
    assert streamed.state_bytes == 2 * 3


def test_signal_padding_is_the_inside_of_a_long_window():
    """With a residual around padded convolutions: rows far from the border of a long input."""

    def network(rows):
        sketch = TimeSketch(np.random.default_rng(7), (rows, 1, 3))
        a = sketch.conv("x", 3, same=True)
        b = sketch.add_values(sketch.depthwise(a, 5, dilation=2, same=True), a)
        c = sketch.conv(b, 4, same=True)
        return sketch.program(
            sketch.add_values(c, sketch.add(Pad(Padding(1, 1)), sketch.crop(b, 1, rows - 2)))
        )

    signal = random_signal(np.random.default_rng(3), network(12), 80)
    streamed = stream_program(network(12), 1, padding="signal")
    (inside,) = network(80).run({"x": signal}).values()
    calls = run_stream(streamed, signal)
    for call in range(streamed.warm_up_calls, 81):
        (got,) = calls[call - 1].values()
        assert np.array_equal(got[-1], inside[call - streamed.after - 1])


def test_deviation_of_an_exact_stream_is_zero(sketch):
    program = sketch.program(sketch.dense(sketch.mean(sketch.conv("x"))))
    (found,) = deviation(program, stream_program(program, 1), random_signal(sketch.rng, program, 30)).values()
    assert (found.windows, found.nrmse, found.largest, found.same_class) == (7, 0, 0, 1)


def test_signals_are_checked(sketch):
    program = sketch.program(sketch.conv("x"))
    streamed = stream_program(program, 1)
    for signal in (np.zeros((40, 1, 2), np.int8), np.zeros((40, 1, 3)), np.zeros((23, 1, 3), np.int8)):
        assert _error(deviation, program, streamed, signal).code == "EW-STREAM-SIGNAL"


def test_a_stream_begins_with_silence(sketch):
    program = sketch.program(sketch.dense(sketch.flatten(sketch.conv("x"))))
    signal = random_signal(sketch.rng, program, 10)
    padded = np.concatenate([np.full((24, 1, 3), Q.zero_point, np.int8), signal])
    for call, got in enumerate(run_stream(stream_program(program, 1), signal), start=1):
        (want,) = program.run({"x": padded[call : call + 24]}).values()
        assert np.array_equal(next(iter(got.values())), want)
