"""The largest moment of a plan in words."""

from __future__ import annotations

import re

from edgewright.converter.schedule import Wish, peak_text
from edgewright.converter.schedule.search import Path
from edgewright.targets.cpu import SCALAR
from edgewright.targets.planning import planning_for
from tests.converter.schedule.programs import Builder, Toy, layer_plan
from tests.targets.codegen.row_nets import Net


class Named(Toy):
    """A toy with a kind."""

    kind = "toy"


def test_layer_and_buffers_with_their_sizes():
    b = Builder()
    last = b.op("model/act_1/Relu;model/conv_1/Conv", [b.input("x", 100)], 400, Named)
    last = b.op("model/act_2/Relu;model/conv_2/Conv", [last], 300, Named)
    program = b.program(b.op("out", [last], 10))
    result = layer_plan(program, {"model/act_2/Relu;model/conv_2/Conv_op": 1000})
    text = "act_2/Relu (toy): scratch 1,000 B, act_1/Relu 400 B, act_2/Relu 300 B"
    assert peak_text(result) == text


def test_many_buffers_are_counted():
    b = Builder()
    inputs = [b.input(f"x{i}", 100 - 4 * i) for i in range(6)]
    result = layer_plan(b.program(b.op("y", inputs, 50)))
    assert peak_text(result).endswith(": x0 100 B, x1 96 B, x2 92 B, x3 88 B and 3 more")


def test_a_streamed_segment_names_its_ends():
    net = Net(1)
    program = net.program(net.conv(net.conv(net.conv("x", same=True), same=True), same=True))
    planner = planning_for(program, SCALAR).planner("rows", Wish(input="rows"))
    whole = next(c for c in planner.edges[0] if c.stop == 3 and c.strips == 1)
    result = planner.place(Path((whole,), whole.peak_bytes, whole.cycles, whole.macs))
    (step,) = result.steps
    text = peak_text(result)
    assert text.startswith("n0 … n2 (streamed): ")
    assert [f"{size:,} B" for _, size in step.in_use[:4]] == re.findall(r"[\d,]+ B", text)
