"""Each rewrite: what it does, what it leaves alone, and that the outputs stay bit for bit."""

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
from edgewright.converter.ops.reshape import Reshape
from edgewright.converter.ops.resize_nearest import ResizeNearest
from edgewright.converter.ops.slice import Slice
from edgewright.converter.ops.transpose import Transpose
from edgewright.converter.program import Quantization
from edgewright.converter.rewrites import REWRITES, rewrite
from edgewright.converter.rewrites.compose_lookups import compose_lookups
from edgewright.converter.rewrites.compose_reshapes import compose_reshapes
from edgewright.converter.rewrites.fold_clamps import fold_clamps
from edgewright.converter.rewrites.fold_padding import fold_padding
from edgewright.converter.rewrites.remove_dead import remove_dead
from edgewright.converter.rewrites.remove_identities import remove_identities
from edgewright.errors import ModelError
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

IDENTITIES = [
    Reshape((6, 5, 4)),
    Slice((0, 0, 0), (6, 5, 4)),
    Pad(),
    Transpose((6, 20), (0, 1), (6, 5, 4)),
    Transpose((6, 1, 20), (1, 0, 2), (6, 5, 4)),
    Concat(1),
    ResizeNearest(np.arange(6, dtype=np.int32), np.arange(5, dtype=np.int32)),
    MaxPool((1, 1), (1, 1)),
    AveragePool((1, 1), (1, 1)),
    tables.requantize(Q, Q),
    tables.relu(Q, Q, (-100.0, None)),
]


@pytest.mark.parametrize("op", IDENTITIES, ids=lambda op: op.kind)
def test_identities_are_removed(op):
    s = Sketch()
    y = s.add(dense(), s.add(op, s.add(Pad(Padding(0, 0, 0, 0), 0, 0), "x")))
    assert kinds(same_after(s.program(y), [remove_identities])) == ["fc"]


NOT_IDENTITIES = [
    Reshape((5, 6, 4)),
    Slice((5, 0, 0), (-1, 5, 4), (-1, 1, 1)),
    Transpose((6, 5, 4), (0, 2, 1), (6, 5, 4)),
    ResizeNearest(np.arange(6, dtype=np.int32)[::-1].copy(), np.arange(5, dtype=np.int32)),
    MaxPool((1, 1), (1, 1), clamp=(0, 127)),
    tables.requantize(Q, Quantization(0.05, 4)),
    Lookup(np.arange(-128, 128, dtype=np.int8), "int8", "int8", OTHER, "reinterpret"),
    tables.relu(Q, Q, (0.0, None)),
]


@pytest.mark.parametrize("op", NOT_IDENTITIES, ids=lambda op: op.kind)
def test_what_changes_something_stays(op):
    s = Sketch()
    y = s.add(dense(), s.add(op, "x"))
    assert len(same_after(s.program(y), [remove_identities]).nodes) == 2


def test_an_output_stays_computed():
    s = Sketch()
    y = s.add(Pad(), "x")
    assert kinds(same_after(s.program(y), [remove_identities])) == ["pad"]
    s = Sketch()
    y = s.add(Pad(), s.add(dense(), "x"))
    after = same_after(s.program(y), [remove_identities])
    assert kinds(after) == ["fc"] and after.outputs[0].name == y and after.outputs[0].value == "v0"


def test_reshapes_are_composed():
    s = Sketch()
    a = s.add(Reshape((1, 1, 120)), "x")
    b = s.add(Reshape((2, 60, 1)), a)
    c = s.add(Reshape((30, 1, 4)), b)
    after = same_after(s.program(s.add(dense(), c), a), [compose_reshapes])
    assert kinds(after) == ["reshape", "reshape", "fc"]
    assert after.nodes[1].inputs == ("x",)


def test_lookups_are_composed():
    s = Sketch()
    a = s.add(tables.requantize(Q, OTHER), "x")
    b = s.add(tables.sigmoid(OTHER, Quantization(1 / 256, -128)), a)
    c = s.add(tables.requantize(Quantization(1 / 256, -128), OTHER), b)
    (node,) = same_after(s.program(c), [compose_lookups]).nodes
    assert node.op.kind == "sigmoid" and node.name == "node_v1" and node.output == c


def test_lookups_between_uint8_and_int8_are_composed():
    s = Sketch()
    outside = Quantization(Q.scale, Q.zero_point + 128)
    a = s.add(tables.requantize(Q, outside, output_dtype="uint8"), "x")
    b = s.add(tables.requantize(outside, OTHER, input_dtype="uint8"), a)
    assert len(same_after(s.program(b), [compose_lookups]).nodes) == 1


@pytest.mark.parametrize("why", ["output", "second reader"])
def test_a_lookup_read_elsewhere_is_not_composed(why):
    s = Sketch()
    a = s.add(tables.requantize(Q, OTHER), "x")
    b = s.add(tables.requantize(OTHER, Q), a)
    c = a if why == "output" else s.add(tables.requantize(OTHER, Quantization(0.1, 0)), a)
    assert len(same_after(s.program(b, c), [compose_lookups]).nodes) == (2 if why == "output" else 3)


CLAMPED = [
    conv(padding=Padding(1, 1, 1, 1)),
    depthwise(stride=(2, 1)),
    dense(),
    AveragePool((2, 2), (1, 1)),
    MaxPool((2, 2), (2, 2), clamp=(-50, 100)),
]


@pytest.mark.parametrize("op", CLAMPED, ids=lambda op: op.kind)
@pytest.mark.parametrize("bounds", [(0.0, None), (-1.0, 2.0), (None, -3.0), (6.0, 6.1)])
def test_clamps_are_folded(op, bounds):
    s = Sketch()
    y = s.add(tables.relu(Q, Q, bounds), s.add(op, "x"))
    (node,) = same_after(s.program(y), [fold_clamps]).nodes
    assert node.op.kind == op.kind and node.output == y and node.name == "node_v0"


@pytest.mark.parametrize("op", [Add.from_types(Q, Q, Q), Mul.from_types(Q, Q, Q, (-1.0, 3.0))])
def test_clamps_are_folded_into_binary_operators(op):
    s = Sketch()
    a = s.add(tables.relu(Q, Q, (0.0, None)), s.add(op, "x", "x"))
    y = s.add(tables.relu(Q, Q, (None, 2.0)), a)
    assert len(same_after(s.program(y), [fold_clamps]).nodes) == 1


@pytest.mark.parametrize("why", ["read twice", "other quantization", "no clamp", "no producer"])
def test_clamps_that_stay(why):
    s = Sketch()
    a = "x" if why == "no producer" else s.add(dense(), "x")
    table = tables.relu(Q, OTHER if why == "other quantization" else Q, (0.0, None))
    if why == "no clamp":
        table = tables.sigmoid(Q, Q)
    y = s.add(table, a)
    outputs = (y, a) if why == "read twice" else (y,)
    before = s.program(*outputs)
    assert kinds(same_after(before, [fold_clamps])) == kinds(before)


@pytest.mark.parametrize("op", [conv(padding=Padding(1, 0, 2, 0)), depthwise()], ids=lambda op: op.kind)
def test_padding_is_folded_into_convolutions(op):
    s = Sketch()
    y = s.add(op, s.add(Pad(Padding(1, 2, 3, 4), value=3), "x"))
    (node,) = same_after(s.program(y), [fold_padding]).nodes
    own = op.padding
    assert node.op.padding == Padding(own.top + 1, own.bottom + 2, own.left + 3, own.right + 4)


def test_padding_read_by_two_convolutions_is_folded_into_both():
    s = Sketch()
    a = s.add(Pad(Padding(1, 1, 1, 1), value=3), "x")
    after = same_after(s.program(s.add(conv(), a), s.add(depthwise(), a)), [fold_padding])
    assert kinds(after) == ["conv", "dw"]


@pytest.mark.parametrize(
    "pad,reader",
    [
        (Pad(Padding(1, 1, 1, 1), value=0), conv()),
        (Pad(Padding(), 1, 0, 3), conv(inputs=5)),
        (Pad(Padding(1, 1, 1, 1), value=3), AveragePool((3, 3), (1, 1))),
        (Pad(Padding(1, 1, 1, 1), value=3), MaxPool((3, 3), (1, 1))),
    ],
)
def test_padding_that_stays(pad, reader):
    s = Sketch()
    y = s.add(reader, s.add(pad, "x"))
    assert len(same_after(s.program(y), [fold_padding]).nodes) == 2


def test_dead_code_is_removed():
    s = Sketch()
    y = s.add(dense(), "x")
    s.add(conv(), s.add(tables.sigmoid(Q, Q), "x"))
    program = s.program(y)
    constant = np.zeros((1, 1, 4), np.int8)
    values = {**program.values, "unused": replace(program.values["x"], shape=(1, 1, 4))}
    after = same_after(replace(program, values=values, constants={"unused": constant}), [remove_dead])
    assert kinds(after) == ["fc"] and set(after.values) == {"x", y} and not after.constants


def test_all_of_them_in_order():
    """Requantization to the same, a clamp in two parts, a pad, and a table split in two."""
    s = Sketch()
    a = s.add(tables.requantize(Q, Q), s.add(Pad(Padding(1, 1, 1, 1), value=3), "x"))
    b = s.add(tables.relu(Q, Q, (0.0, None)), s.add(conv(), a))
    c = s.add(tables.relu(Q, Q, (None, 6.0)), s.add(Reshape((6, 5, 3)), b))
    d = s.add(tables.sigmoid(OTHER, Quantization(1 / 256, -128)), s.add(tables.requantize(Q, OTHER), c))
    after = same_after(s.program(d), REWRITES)
    assert kinds(after) == ["conv", "sigmoid"]


def test_a_broken_rewrite_is_named():
    s = Sketch()
    program = s.program(s.add(dense(), s.add(tables.sigmoid(Q, Q), "x")))

    def forget_first(before):
        return replace(before, nodes=before.nodes[1:])

    with pytest.raises(ModelError) as caught:
        rewrite(program, [remove_dead, forget_first])
    assert caught.value.code == "EW-REWRITE-INVALID"
    assert "forget_first" in caught.value.message and "node_v1" in caught.value.message
