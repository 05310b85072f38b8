"""Formats of weights: codes, what they hold, and the error where they do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.ops.requantize import Requantize
from edgewright.converter.ops.weight_format import WEIGHT_FORMATS, narrowest_format
from edgewright.converter.program import Node, Port, Program, Quantization, TensorType
from edgewright.converter.program_file import load_program, save_program
from edgewright.errors import ModelError

X = Quantization(0.1, 3)
PACKED = [f for f in WEIGHT_FORMATS.values() if f.packed]
LEVELS = {
    "int4": list(range(-8, 8)),
    "int2": [-3, -1, 1, 3],
    "ternary": [-1, 0, 1],
    "binary": [-1, 1],
}


@pytest.mark.parametrize("stored", PACKED, ids=lambda f: f.name)
def test_codes_and_levels(stored):
    levels = np.array(LEVELS[stored.name], np.int8)
    codes = stored.codes(levels)
    assert codes.tolist() == list(range(stored.levels)) and stored.levels <= 1 << stored.bits
    assert (stored.step * codes.astype(int) + stored.offset == levels).all()
    for value in range(-128, 128):
        assert stored.holds(np.array([value], np.int8)) == (value in levels)


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ([1, -1], "binary"),
        ([1, 0], "ternary"),
        ([3, 1], "int2"),
        ([3, 0], "int4"),
        ([2], "int4"),
        ([-8], "int4"),
        ([8], "int8"),
        ([-128], "int8"),
    ],
)
def test_narrowest(values, name):
    assert narrowest_format(np.array(values, np.int8)).name == name


def ops():
    call = Requantize.for_conv(0.1, np.full(4, 0.01), X, None)
    once = Requantize.for_fully_connected(0.1, np.full(4, 0.01), X, None, channels=4)
    w = np.array([-1, 1, 1], np.int8)
    return [
        Conv2D(np.resize(w, (4, 3, 3, 4)), call, input_zero_point=3),
        DepthwiseConv2D(np.resize(w, (2, 2, 4)), call, input_zero_point=3),
        FullyConnected(np.resize(w, (4, 4)), once, 3),
    ]


@pytest.mark.parametrize("op", ops(), ids=lambda o: o.kind)
def test_weights_are_checked_against_their_format(op):
    assert op.weight_format == "int8" and op.weights_bytes == op.weights.size + 16
    binary = replace(op, weight_format="binary")
    assert binary.weights_bytes == -(-op.weights.size // 8) + 16
    with pytest.raises(ModelError, match=r"weights -1 \.\. 2 are not all binary") as error:
        replace(binary, weights=np.where(op.weights > 0, 2, -1).astype(np.int8))
    assert error.value.code == "EW-OP-WEIGHTS"
    with pytest.raises(ModelError, match="no weight format is called 'int3'"):
        replace(op, weight_format="int3")


def test_the_result_does_not_depend_on_the_format():
    for op, shape in zip(ops(), [(6, 6, 4), (6, 6, 4), (2, 2, 4)], strict=True):
        x = np.random.default_rng(0).integers(-128, 128, shape).astype(np.int8)
        want = op.golden(x)
        for name in ("binary", "ternary", "int2", "int4"):
            assert np.array_equal(replace(op, weight_format=name).golden(x), want)


def program() -> Program:
    nodes, values, value = [], {"x": TensorType((6, 6, 4), "int8", X)}, "x"
    for i, op in enumerate(ops()):
        packed = replace(op, weight_format="binary")
        values[f"y{i}"] = packed.output_type(values[value])
        nodes.append(Node(f"layer{i}", packed, (value,), f"y{i}"))
        value = f"y{i}"
    port, result = Port("x", "x", (6, 6, 4), (0, 1, 2)), Port("y", value, values[value].shape, (0, 1, 2))
    return Program("packed", "0" * 64, (port,), (result,), values, tuple(nodes))


def test_saved_programs_keep_the_format(tmp_path):
    save_program(program(), tmp_path)
    assert [n.op.weight_format for n in load_program(tmp_path).nodes] == ["binary"] * 3
