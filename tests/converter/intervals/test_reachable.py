"""Intervals hold for every input, and are tight where that can be proven."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest

from edgewright.converter.intervals import Reach, propagate, reachable
from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.binary import Add, Mul
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.ops.lookup import Lookup
from edgewright.converter.ops.max_pool import MaxPool
from edgewright.converter.ops.mean import Mean
from edgewright.converter.ops.quantize import Dequantize, Quantize
from edgewright.converter.ops.softmax import Softmax
from edgewright.converter.program import TensorType
from tests.converter.rewrites.programs import OTHER, Q, Sketch, conv, dense, depthwise, requantize, weights
from tests.converter.rewrites.random_programs import inputs_for, random_program

COUNT = 60 * int(os.environ.get("EDGEWRIGHT_SOAK", "1"))


@pytest.mark.parametrize("seed", range(COUNT))
def test_values_stay_within_their_intervals(seed):
    program = random_program(seed)
    reach = reachable(program)
    for x in inputs_for(program, np.random.default_rng(seed), 6):
        for name, value in program.run({"x": x}, keep_all=True).items():
            if name in reach:
                assert reach[name].low.shape == value.shape
                assert np.all(reach[name].low <= value) and np.all(value <= reach[name].high), name


def interval(shape, seed=0) -> Reach:
    """Different bounds for every element."""
    ends = np.sort(np.random.default_rng(seed).integers(-128, 128, (2, *shape)), axis=0)
    return Reach.of(*ends)


SUMS = [
    conv(padding=Padding(1, 0, 2, 1), stride=(2, 1)),
    conv(dilation=(2, 2), padding=Padding(2, 2, 2, 2)),
    Conv2D(weights(6, 2, 3, 2), requantize(6), groups=2, input_zero_point=3),
    depthwise(padding=Padding(1, 1, 1, 1)),
    DepthwiseConv2D(weights(3, 3, 8), requantize(8), multiplier=2, stride=(1, 2), input_zero_point=3),
    dense(),
]


@pytest.mark.parametrize("op", SUMS, ids=lambda op: op.kind)
def test_both_ends_of_a_sum_are_reached(op):
    """The input that makes an element smallest has the high end where the weight is negative."""
    x = interval((6, 5, 4))
    reach = op.reach(x)
    rng = np.random.default_rng(1)
    for _ in range(12):
        place = tuple(int(rng.integers(n)) for n in reach.low.shape)
        probe = np.zeros((6, 5, 4), np.int64) + op.input_zero_point
        slopes = np.zeros((6, 5, 4))
        for index in np.ndindex(6, 5, 4):
            slopes[index] = _slope(op, probe, index, place)
        least = np.where(slopes < 0, x.high, x.low).astype(np.int8)
        most = np.where(slopes < 0, x.low, x.high).astype(np.int8)
        assert op.golden(least)[place] == reach.low[place]
        assert op.golden(most)[place] == reach.high[place]


def _slope(op: Conv2D | DepthwiseConv2D | FullyConnected, probe, index, place) -> int:
    """The weight of an input element in an output element, by a requantization that keeps its sign."""
    steep = replace(op.requantize, bias=np.zeros_like(op.requantize.bias), clamp=(-128, 127))
    steep = replace(
        steep, multiplier=np.full_like(steep.multiplier, 1 << 30), shift=np.full_like(steep.shift, 1)
    )
    steep = replace(steep, output=replace(steep.output, zero_point=0))
    moved = probe.copy()
    moved[index] += 1
    return int(replace(op, requantize=steep).golden(moved)[place])


def test_borders_are_told_apart():
    """A constant 20 next to zero points of 3, with weights of 1: the sum counts the taps inside."""
    op = DepthwiseConv2D(
        np.ones((3, 3, 1), np.int8), requantize(1), padding=Padding(1, 1, 1, 1), input_zero_point=3
    )
    reach = op.reach(Reach.between(20, 20, (5, 4, 1)))
    assert np.array_equal(reach.low, op.golden(np.full((5, 4, 1), 20, np.int8)))
    assert np.array_equal(reach.low, reach.high)
    assert len(np.unique(reach.low)) > 1 and not reach.constant_channels[0]


@pytest.mark.parametrize("most,known", [(10_000, True), (400, True), (100, False)])
def test_too_many_different_windows(monkeypatch, most, known):
    """Positions are then no longer told apart, except by the border of this layer itself (9 kinds)."""
    monkeypatch.setattr("edgewright.converter.intervals.sums.MOST_TAPS", most)
    op, x = conv(padding=Padding(1, 1, 1, 1)), interval((6, 5, 4))
    reach = op.reach(x)
    assert (reach is not None) == known
    if most == 400:
        joined = op.reach(x.joined())
        assert np.array_equal(reach.low, joined.low) and np.array_equal(reach.high, joined.high)


@pytest.mark.parametrize("bias", [-(2**31) + 5, 2**31 - 5])
def test_sums_that_wrap_may_be_anything(bias):
    op = dense()
    op.requantize.bias[1] = bias
    reach = op.reach(Reach.everything(TensorType((1, 1, 4))))
    assert (reach.low[0, 0, 1], reach.high[0, 0, 1]) == (-128, 127)


@pytest.mark.parametrize(
    "op", [Add.from_types(Q, OTHER, Q), Add.from_types(Q, OTHER, Q, sign=-1), Mul.from_types(Q, OTHER, Q)]
)
def test_two_inputs(op):
    a, b = Reach.between(-20, 30, (1, 1, 1)), Reach.between(-50, 7, (1, 1, 1))
    x, y = np.meshgrid(np.arange(-20, 31), np.arange(-50, 8))
    results = op.golden(x[None].astype(np.int8), y[None].astype(np.int8))
    reach = op.reach(a, b)
    assert (reach.low.item(), reach.high.item()) == (results.min(), results.max())


def test_tables():
    table = np.random.default_rng(0).integers(-128, 128, 256).astype(np.int8)
    op = Lookup(table, "int8", "int8", Q, "any")
    x = interval((5, 5, 4))
    reach = op.reach(x)
    for place in np.ndindex(5, 5, 4):
        taken = table[x.low[place] + 128 : x.high[place] + 129]
        assert (reach.low[place], reach.high[place]) == (taken.min(), taken.max())


@pytest.mark.parametrize("shift", [1, 20, 31])
def test_scalings_that_wrap_may_be_anything(shift):
    x = Reach.between(-128, 127, (6, 5, 4))
    assert (replace(Mul.from_types(Q, Q, Q), output_shift=shift).reach(x, x) is None) == (shift > 14)
    assert (replace(Add.from_types(Q, Q, Q), output_shift=shift).reach(x, x) is None) == (shift > 1)
    assert (replace(Mean.from_types(Sketch().values["x"], (0, 1), Q), shift=shift).reach(x) is None) == (
        shift > 17
    )


def test_values_of_other_types_have_no_interval():
    s = Sketch()
    a = s.add(Dequantize(Q), "x")
    b = s.add(Softmax.from_scale(0.1), s.add(Quantize(Q), a))
    found = reachable(s.program(b))
    assert a not in found and (found[b].low.min(), found[b].high.max()) == (-128, 127)


def test_large_values_may_be_anything(monkeypatch):
    s = Sketch()
    y = s.add(MaxPool((2, 2), (2, 2), clamp=(3, 127)), s.add(MaxPool((1, 1), (1, 1), clamp=(3, 127)), "x"))
    program = s.program(y)
    assert reachable(program)[y].low.min() == 3
    monkeypatch.setattr(propagate, "MOST_ELEMENTS", 100)
    assert reachable(program)[y].low.min() == -128
