"""The largest moment of a plan in words."""

from __future__ import annotations

from dataclasses import replace

from edgewright.converter.schedule import Buffer, Plan, peak_text, plan
from tests.converter.schedule.programs import Builder, Toy


class Named(Toy):
    """A toy with a kind."""

    kind = "toy"


def test_layer_and_buffers_with_their_sizes():
    b = Builder()
    last = b.op("model/act_1/Relu;model/conv_1/Conv", [b.input("x", 100)], 400, Named)
    last = b.op("model/act_2/Relu;model/conv_2/Conv", [last], 300, Named)
    program = b.program(b.op("out", [last], 10))
    result = plan(program, {"model/act_2/Relu;model/conv_2/Conv_op": 1000})
    assert peak_text(result) == "act_2/Relu (toy): scratch 1,000 B, act_1/Relu 400 B, act_2/Relu 300 B"


def test_many_buffers_are_counted():
    b = Builder()
    inputs = [b.input(f"x{i}", 100 - i) for i in range(6)]
    result = plan(b.program(b.op("y", inputs, 50)))
    assert peak_text(result).endswith(": x0 100 B, x1 99 B, x2 98 B, x3 97 B and 3 more")


def test_an_output_that_overtakes_its_input_says_what_it_adds():
    b = Builder()
    program = b.program(b.op("y", [b.input("x", 100)], 80))
    node = program.nodes[0]
    x = Buffer("x", "x", 20, 100, 0, 0, "tensor")
    y = Buffer("y", "y", 0, 80, 0, 1, "tensor", shares="x", lead_bytes=20)
    assert peak_text(Plan((node,), (x, y), 120, 120, True, 0, 0)).endswith(
        ": x 100 B, y 80 B (20 B added, overlapping)"
    )
    apart = replace(y, offset=120)
    assert peak_text(Plan((node,), (x, apart), 200, 200, True, 0, 0)).endswith(": x 100 B, y 80 B")
