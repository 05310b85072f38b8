"""Slices, constants, equal operations, clamps that never act, pads before maxima, offsets of tables."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgewright.converter.ops import tables
from edgewright.converter.ops.average_pool import AveragePool
from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.binary import Add, Mul
from edgewright.converter.ops.concat import Concat
from edgewright.converter.ops.lookup import Lookup
from edgewright.converter.ops.max_pool import MaxPool
from edgewright.converter.ops.pad import Pad
from edgewright.converter.ops.slice import Slice
from edgewright.converter.program import Quantization
from edgewright.converter.rewrites import REWRITES, rewrite_with_savings
from edgewright.converter.rewrites.clamps import clamp_of, with_clamp
from edgewright.converter.rewrites.compose_slices import compose_slices
from edgewright.converter.rewrites.fold_clamps import fold_clamps
from edgewright.converter.rewrites.fold_constants import fold_constants
from edgewright.converter.rewrites.fold_padding import fold_padding
from edgewright.converter.rewrites.remove_identities import remove_identities
from edgewright.converter.rewrites.share_equal import share_equal
from edgewright.converter.rewrites.widen_clamps import widen_clamps
from edgewright.converter.rewrites.zero_constants import zero_constants
from tests.converter.rewrites.programs import (
    OTHER,
    Q,
    Sketch,
    conv,
    dense,
    depthwise,
    kinds,
    same_after,
)


@pytest.mark.parametrize(
    "first,second,want",
    [
        (Slice((1, 0, 0), (6, 5, 4)), Slice((1, 2, 0), (3, 5, 2)), Slice((2, 2, 0), (4, 5, 2))),
        (Slice((0, 4, 0), (6, -1, 4), (2, -1, 1)), Slice((2, 0, 0), (-1, 5, 4), (-2, 2, 1)), None),
        (Slice((5, 0, 3), (-1, 5, -1), (-1, 1, -3)), Slice((5, 0, 1), (-1, 5, -1), (-1, 1, -1)), None),
    ],
)
def test_slices_of_slices(first, second, want):
    s = Sketch()
    y = s.add(second, s.add(first, "x"))
    (node,) = same_after(s.program(y), [compose_slices]).nodes
    assert node.name == "node_v1" and (want is None or node.op == want or vars(node.op) == vars(want))


def test_slices_that_undo_a_concatenation():
    s = Sketch()
    a, b = s.add(dense(), "x"), s.add(dense(2), "x")
    c = s.add(Concat(2), a, b)
    outputs = [s.add(Slice((0, 0, i), (6, 5, j)), c) for i, j in ((0, 3), (3, 5), (1, 2))]
    read = [s.add(dense(inputs=s.values[o].shape[2]), o) for o in outputs]
    after = same_after(s.program(*read), [compose_slices, remove_identities])
    assert kinds(after) == ["fc", "fc", "slice", "fc", "fc", "fc"]


@pytest.mark.parametrize("why", ["of both", "output", "another reader"])
def test_slices_that_stay(why):
    s = Sketch()
    c = s.add(Concat(0), s.add(dense(), "x"), s.add(dense(), "x"))
    taken = (4, 8) if why == "of both" else (0, 3)
    outputs = [s.add(Slice((taken[0], 0, 0), (taken[1], 5, 3)), c)]
    outputs += [c] if why == "output" else []
    outputs += [s.add(dense(inputs=3), c)] if why == "another reader" else []
    before = s.program(*outputs)
    assert kinds(same_after(before, [compose_slices])) == kinds(before)


def test_operations_of_constants_are_computed():
    s = Sketch()
    a = s.add(tables.relu(Q, Q, (0.0, None)), "x")
    program = s.program(s.add(Add.from_types(Q, Q, Q), "x", a))
    values = {**program.values, "c": program.values["x"]}
    data = np.arange(-60, 60, dtype=np.int8).reshape(6, 5, 4)
    nodes = (replace(program.nodes[0], inputs=("c",)), program.nodes[1])
    before = replace(program, values=values, nodes=nodes, constants={"c": data})
    after = same_after(before, [fold_constants])
    assert kinds(after) == ["add"] and set(after.constants) == {a}
    assert after.constants[a].min() == Q.zero_point


def test_equal_operations_are_computed_once():
    s = Sketch()
    a, b = (s.add(conv(), "x") for _ in range(2))
    c, d = s.add(tables.sigmoid(Q, Q), a), s.add(tables.sigmoid(Q, Q), b)
    y = s.add(Add.from_types(Q, Q, Q), c, d)
    other = s.add(conv(stride=(2, 1)), "x")
    after = same_after(s.program(y, other), [share_equal])
    assert kinds(after) == ["conv", "sigmoid", "add", "conv"] and after.nodes[2].inputs == (c, c)


def test_equal_outputs_stay_two():
    s = Sketch()
    a, b = (s.add(conv(), "x") for _ in range(2))
    assert len(same_after(s.program(a, b), [share_equal]).nodes) == 2


@pytest.mark.parametrize(
    "op", [conv(padding=Padding(1, 1, 1, 1)), depthwise(), dense()], ids=lambda op: op.kind
)
@pytest.mark.parametrize("bias", [-(10**6), 10**6, 2**31 - 1])
def test_channels_that_always_saturate_need_no_weights(op, bias):
    s = Sketch()
    op.requantize.bias[1] = bias
    y = s.add(with_clamp(op, (-120, 120)), "x")
    (node,) = same_after(s.program(y), [zero_constants]).nodes
    weights = np.moveaxis(node.op.weights, 2 if op.kind == "dw" else 0, 0)
    may_wrap = bias == 2**31 - 1
    assert [bool(w.any()) for w in weights[:3]] == [True, may_wrap, True]


def test_a_clamp_to_one_value_makes_all_channels_constant():
    s = Sketch()
    op = dense()
    op.requantize.bias[:] = 2**31 - 1
    (node,) = same_after(s.program(s.add(with_clamp(op, (7, 7)), "x")), [zero_constants]).nodes
    assert not node.op.weights.any()


def test_packed_weights_of_constant_channels_stay():
    s = Sketch()
    op = dense()
    op = replace(op, weights=np.where(op.weights < 0, -1, 1).astype(np.int8), weight_format="binary")
    op.requantize.bias[1] = 10**6
    (node,) = same_after(s.program(s.add(op, "x")), [zero_constants]).nodes
    assert node.op is op


RELU = tables.relu(Q, Q, (0.0, None))


@pytest.mark.parametrize(
    "op",
    [AveragePool((2, 2), (1, 1)), MaxPool((3, 3), (2, 2), Padding(1, 1, 1, 1)), RELU],
    ids=lambda o: o.kind,
)
def test_clamps_that_never_act_go(op):
    """Behind a clamp at 0 whatever keeps the range needs no clamp at 0 of its own."""
    s = Sketch()
    a = s.add(RELU, "x")
    narrow = op if isinstance(op, Lookup) else with_clamp(op, (Q.zero_point, 127))
    after = same_after(s.program(s.add(dense(), s.add(narrow, a))), [widen_clamps, remove_identities])
    assert kinds(after) == [RELU.kind, *([] if op is RELU else [op.kind]), "fc"]
    assert op is RELU or clamp_of(after.nodes[1].op) == (-128, 127)


@pytest.mark.parametrize(
    "op", [conv(), depthwise(), dense(), Mul.from_types(Q, Q, Q)], ids=lambda op: op.kind
)
def test_clamps_that_may_act_stay(op):
    s = Sketch()
    op = with_clamp(op, (-100, 90))
    y = s.add(op, *["x"] * (2 if op.kind == "mul" else 1))
    (node,) = same_after(s.program(y), [widen_clamps]).nodes
    assert clamp_of(node.op)[0] == -100


def test_clamps_of_small_sums_go():
    s = Sketch()
    op = dense()
    op.weights[:] = 1
    y = s.add(with_clamp(op, (-120, 120)), "x")
    (node,) = same_after(s.program(y), [widen_clamps]).nodes
    assert clamp_of(node.op) == (-128, 127)


@pytest.mark.parametrize("clamped,value,want", [(False, -128, 1), (True, 2, 2), (False, 3, 2), (True, 4, 3)])
def test_pads_that_are_never_the_maximum(clamped, value, want):
    s = Sketch()
    a = s.add(RELU, "x") if clamped else "x"
    b = s.add(Pad(Padding(1, 0, 1, 1), value=value), a)
    after = same_after(s.program(s.add(MaxPool((3, 3), (2, 2)), b)), [fold_padding])
    assert len(after.nodes) == want


def test_a_window_may_not_lie_in_the_padding():
    s = Sketch()
    b = s.add(Pad(Padding(2, 0, 0, 0), value=-128), "x")
    after = same_after(s.program(s.add(MaxPool((2, 2), (1, 1)), b)), [fold_padding])
    assert len(after.nodes) == 2


@pytest.mark.parametrize(
    "op", [conv(), depthwise(), dense(), Add.from_types(Q, Q, Q, (0.0, 5.0))], ids=lambda op: op.kind
)
@pytest.mark.parametrize("bounds", [(-128, 127), (-50, 60), (120, 125)])
def test_moved_zero_points_are_folded(op, bounds):
    s = Sketch()
    table = np.clip(np.arange(-128, 128) + 9, *bounds).astype(np.int8)
    move = Lookup(table, "int8", "int8", Quantization(0.3, Q.zero_point + 9), "requantize")
    y = s.add(move, s.add(op, *["x"] * (2 if op.kind == "add" else 1)))
    after = same_after(s.program(y), [fold_clamps])
    assert kinds(after) == [op.kind] and after.values[y].quantization == move.output


@pytest.mark.parametrize("offset,zero", [(9, 0), (8, 9)])
def test_other_offsets_stay(offset, zero):
    s = Sketch()
    table = np.clip(np.arange(-128, 128) + offset, -128, 127).astype(np.int8)
    move = Lookup(table, "int8", "int8", Quantization(0.3, Q.zero_point + zero), "requantize")
    after = same_after(s.program(s.add(move, s.add(dense(), "x"))), [fold_clamps])
    assert len(after.nodes) == 2


def test_savings_are_counted():
    s = Sketch()
    s.add(conv(), "x")
    unread = dense(8)
    reader = dense(inputs=8)
    reader.weights[:, 2:] = 0
    a = s.add(unread, s.add(tables.requantize(Q, Q), "x"))
    after, savings = rewrite_with_savings(s.program(s.add(reader, a)), REWRITES)
    assert kinds(after) == ["fc", "fc"]
    found = {saved.rewrite: saved for saved in savings}
    assert found["remove_dead"].nodes == 1 and found["remove_dead"].macs == 12 * 3 * 36
    assert found["remove_identities"].nodes == 1 and found["remove_identities"].weights_bytes == 256
    pruned = found["prune_channels"]
    assert (pruned.nodes, pruned.channels, pruned.macs) == (0, 4, 30 * (4 * 4 + 3 * 4))
    assert pruned.weights_bytes == 4 * 4 + 4 * 4 + 3 * 4 and len(found) == 3


def test_nothing_to_save():
    s = Sketch()
    program = s.program(s.add(conv(), "x"))
    after, savings = rewrite_with_savings(program)
    assert savings == () and after.nodes == program.nodes


def test_other_quantization_of_a_table_is_kept():
    """A pool has the quantization of its input, so a table that names another one stays."""
    s = Sketch()
    same = Lookup(np.arange(-128, 128, dtype=np.int8), "int8", "int8", OTHER, "reinterpret")
    after = same_after(s.program(s.add(same, s.add(MaxPool((2, 2), (2, 2)), "x"))), [fold_clamps])
    assert len(after.nodes) == 2
