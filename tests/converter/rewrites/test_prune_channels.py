"""Constant and unread channels go, wherever that is exact; everything else stays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgewright.converter.importers import load_model
from edgewright.converter.lower import lower
from edgewright.converter.ops import tables
from edgewright.converter.ops.average_pool import AveragePool
from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.binary import Add
from edgewright.converter.ops.concat import Concat
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.max_pool import MaxPool
from edgewright.converter.ops.mean import Mean
from edgewright.converter.ops.pad import Pad
from edgewright.converter.ops.reshape import Reshape
from edgewright.converter.ops.resize_nearest import ResizeNearest
from edgewright.converter.ops.slice import Slice
from edgewright.converter.ops.softmax import Softmax
from edgewright.converter.ops.transpose import Transpose
from edgewright.converter.rewrites.prune_channels import prune_channels
from edgewright.converter.summary import summarize
from tests.converter.rewrites.programs import OTHER, Q, Sketch, conv, dense, depthwise, requantize, same_after
from tests.converter.rewrites.programs import weights as random_weights
from tests.shared import shared_path

AROUND = Padding(1, 1, 1, 1)


def prune(program):
    """Without rounding up."""
    return prune_channels(program, 1)


def maker(*channels: int, values: tuple[int, ...] = (), outputs: int = 6) -> Conv2D:
    """A pointwise convolution of 4 channels; some of its 6 output channels are constant: 20, or as given."""
    w, r = random_weights(outputs, 1, 1, 4), requantize(outputs)
    r = replace(r, multiplier=r.multiplier.copy(), shift=r.shift.copy())
    for channel, value in zip(channels, values or (20,) * len(channels), strict=True):
        w[channel] = 0
        r.multiplier[channel], r.shift[channel] = 1 << 30, 1
        r.bias[channel] = value - Q.zero_point
    return Conv2D(w, r, input_zero_point=Q.zero_point)


def left(program, name: str) -> int:
    return program.values[name].shape[2]


@pytest.mark.parametrize("reader", [conv(inputs=6), dense(inputs=6)], ids=lambda op: op.kind)
def test_a_constant_channel_becomes_bias(reader):
    s = Sketch()
    a = s.add(maker(1, 4), "x")
    after = same_after(s.program(s.add(reader, a)), [prune])
    assert left(after, a) == 4
    assert not np.array_equal(after.nodes[1].op.requantize.bias, reader.requantize.bias)
    assert [n.name for n in after.nodes] == ["node_v0", "node_v1"]


def test_a_channel_that_nothing_reads_goes():
    s = Sketch()
    reader = conv(inputs=6, padding=AROUND)
    reader.weights[..., 3] = 0
    a = s.add(maker(), "x")
    after = same_after(s.program(s.add(reader, a)), [prune])
    assert left(after, a) == 5
    assert np.array_equal(after.nodes[1].op.requantize.bias, reader.requantize.bias)


def test_a_channel_with_another_reader_stays():
    s = Sketch()
    reader = conv(inputs=6)
    reader.weights[..., 3] = 0
    a = s.add(maker(), "x")
    program = s.program(s.add(reader, a), s.add(dense(inputs=6), a))
    assert left(same_after(program, [prune]), a) == 6


def test_borders_see_zero_points():
    """Of two constant channels only the one that equals the padding is the same at all positions."""
    s = Sketch()
    a = s.add(maker(1, 4, values=(20, Q.zero_point)), "x")
    program = s.program(s.add(conv(inputs=6, padding=AROUND), a))
    assert left(same_after(program, [prune]), a) == 5


def test_a_depthwise_convolution_may_hide_the_border():
    """Of 20 and the padding it makes one value in channel 1, where it clamps, but several in channel 4."""
    s = Sketch()
    a = s.add(maker(1, 4), "x")
    op = depthwise(6, padding=AROUND)
    op.weights[..., 1], op.weights[..., 4] = 127, 1
    op.requantize.bias[1] = 30_000
    b = s.add(op, a)
    after = same_after(s.program(s.add(dense(inputs=6), b)), [prune])
    assert (left(after, a), left(after, b)) == (5, 5)


CHANNELWISE = [
    depthwise(6),
    AveragePool((2, 2), (1, 1)),
    MaxPool((2, 2), (2, 2), Padding(1, 0, 0, 1)),
    tables.sigmoid(Q, Q),
    Mean.from_types(Sketch().values["x"], (0, 1), OTHER),
    ResizeNearest(np.arange(3, dtype=np.int32), np.arange(5, dtype=np.int32)),
    Pad(Padding(0, 0, 0, 0), 2, 1, 9),
    Slice((1, 1, 0), (6, 5, 6)),
    Slice((5, 0, 5), (-1, 5, -1), (-1, 1, -1)),
    Reshape((1, 30, 6)),
    Reshape((1, 1, 180)),
    Reshape((1, 60, 3)),
]


@pytest.mark.parametrize("op", CHANNELWISE, ids=lambda op: f"{op.kind}")
def test_channels_go_through_what_works_channel_by_channel(op):
    s = Sketch()
    a = s.add(maker(0, 1, 3, 4), "x")
    b = s.add(op, a)
    zero = s.values[b].zero_point
    reader = replace(dense(inputs=s.values[b].shape[2]), input_zero_point=zero)
    after = same_after(s.program(s.add(reader, b)), [prune])
    assert left(after, a) == 2
    assert left(after, b) < s.values[b].shape[2]


def test_channels_that_a_slice_leaves_out_go():
    s = Sketch()
    a = s.add(maker(3), "x")
    b = s.add(Slice((0, 0, 1), (6, 5, 4)), a)
    after = same_after(s.program(s.add(dense(inputs=3), b)), [prune])
    assert (left(after, a), left(after, b)) == (2, 2)


@pytest.mark.parametrize("op", [Softmax.from_scale(Q.scale), Transpose((6, 5, 6), (2, 0, 1), (6, 6, 5))])
def test_what_mixes_channels_keeps_them(op):
    s = Sketch()
    a = s.add(maker(0, 1), "x")
    b = s.add(op, a)
    program = s.program(s.add(replace(dense(inputs=s.values[b].shape[2])), b))
    assert left(same_after(program, [prune]), a) == 6


@pytest.mark.parametrize("other", [(1, 4), (4, 5), ()])
def test_a_sum_loses_the_channels_that_are_constant_on_both_sides(other):
    s = Sketch()
    a, b = s.add(maker(1, 4), "x"), s.add(maker(*other), "x")
    y = s.add(dense(inputs=6), s.add(Add.from_types(Q, Q, Q), a, b))
    after = same_after(s.program(y), [prune])
    assert left(after, a) == left(after, b) == 6 - len({1, 4} & set(other))


def test_a_sum_with_one_element_for_all_channels():
    s = Sketch()
    a = s.add(maker(1, 4), "x")
    one = s.add(Mean.from_types(s.values[a], (0, 1, 2), Q), s.add(tables.sigmoid(Q, Q), "x"))
    constant = s.add(Add.from_types(Q, Q, Q), one, a)
    after = same_after(s.program(s.add(dense(inputs=6), constant)), [prune])
    assert left(after, a) == 6  # the sum is not constant


def test_parts_of_a_concatenation():
    s = Sketch()
    a, b = s.add(maker(0, 2), "x"), s.add(maker(5), "x")
    c = s.add(Concat(2), a, "x", b)
    after = same_after(s.program(s.add(dense(inputs=16), c)), [prune])
    assert (left(after, a), left(after, b), left(after, c)) == (4, 5, 13)


def test_whole_groups_of_a_grouped_convolution():
    """Output channels 2 and 3, those of group 1, are unread; of group 0 only one is."""
    s = Sketch()
    a = s.add(maker(), "x")
    b = s.add(Conv2D(random_weights(6, 3, 3, 2), requantize(6), groups=3, input_zero_point=3), a)
    reader = dense(inputs=6)
    reader.weights[:, 1:4] = 0
    after = same_after(s.program(s.add(reader, b)), [prune])
    assert (left(after, a), left(after, b)) == (4, 4) and after.nodes[1].op.groups == 2


def test_all_channels_of_a_channel_multiplier():
    s = Sketch()
    a = s.add(maker(), "x")
    op = replace(depthwise(12), multiplier=2)
    reader = dense(inputs=12)
    reader.weights[:, [0, 4, 5]] = 0
    b = s.add(op, a)
    after = same_after(s.program(s.add(reader, b)), [prune])
    assert (left(after, a), left(after, b)) == (5, 10)


def test_channels_that_become_constant_or_unread_go_too():
    """Without channel 1 of the second layer nothing reads channel 2 of the first."""
    s = Sketch()
    first, second, third = maker(), replace(maker(3), weights=random_weights(6, 1, 1, 6)), dense(inputs=6)
    second.weights[[0, 2, 3, 4, 5], ..., 2] = 0
    third.weights[:, 1] = 0
    a = s.add(first, "x")
    b = s.add(second, a)
    after = same_after(s.program(s.add(third, b)), [prune])
    assert (left(after, a), left(after, b)) == (5, 5)


def test_inputs_and_outputs_keep_their_shape():
    s = Sketch()
    a = s.add(maker(0, 1, 2), "x")
    unread = dense(inputs=6)
    unread.weights[:] = 0
    program = s.program(s.add(unread, a), a)
    assert same_after(program, [prune]).values == program.values


@pytest.mark.parametrize("multiple,want", [(1, 3), (2, 4), (4, 4), (8, 6)])
def test_numbers_of_channels_are_rounded_up(multiple, want):
    s = Sketch()
    a = s.add(maker(0, 1, 3), "x")
    b = s.add(depthwise(6), a)

    def rounded(program):
        return prune_channels(program, multiple)

    after = same_after(s.program(s.add(dense(inputs=6), b)), [rounded])
    assert left(after, a) == left(after, b) == want


def test_one_channel_stays_where_all_are_constant():
    s = Sketch()
    a = s.add(maker(*range(6)), "x")
    after = same_after(s.program(s.add(dense(inputs=6), a)), [prune])
    assert left(after, a) == 1


def test_shares_that_leave_int32_stay():
    s = Sketch()
    reader = dense(inputs=6)
    reader.requantize.bias[:] = 2**31 - 100
    a = s.add(maker(1), "x")
    assert left(same_after(s.program(s.add(reader, a)), [prune]), a) == 6


def test_constant_operands_lose_channels():
    s = Sketch()
    a = s.add(maker(1, 2), "x")
    program = s.program(s.add(dense(inputs=6), s.add(Add.from_types(Q, Q, Q), a, a)))
    operand = np.arange(6, dtype=np.int8).reshape(1, 1, 6)
    values = {**program.values, "c": replace(program.values[a], shape=(1, 1, 6))}
    add = replace(program.nodes[1], inputs=(a, "c"))
    nodes = (program.nodes[0], add, program.nodes[2])
    after = same_after(replace(program, values=values, nodes=nodes, constants={"c": operand}), [prune])
    assert after.constants["c"].ravel().tolist() == [0, 3, 4, 5]


@pytest.mark.parametrize("multiple,macs,weights_bytes", [(1, 3_727_313, 33_122), (4, 3_766_476, 34_508)])
def test_visual_wake_words(multiple, macs, weights_bytes):
    """Of 7,489,664 products and 219,064 bytes: most channels of the later layers are dead."""
    before = lower(load_model(shared_path("models/mlperf_tiny/vww_96_int8.tflite")))
    after = prune_channels(before, multiple)
    assert (after.macs, summarize(after).weights_bytes) == (macs, weights_bytes)
    (source,), (result,) = before.inputs, before.outputs
    rng = np.random.default_rng(3)
    for _ in range(5):
        x = {source.name: rng.integers(-128, 128, source.source_shape).astype(np.int8)}
        assert np.array_equal(before.run(x)[result.name], after.run(x)[result.name])
