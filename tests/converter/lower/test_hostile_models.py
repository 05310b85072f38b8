"""Mutated graphs behind the importer: only coded errors, quickly, and programs that still verify."""

from __future__ import annotations

import os
import time

import numpy as np
import onnx_ir as ir
import pytest

from edgewright.converter.lower import check_model, lower
from edgewright.converter.lower.registry import LOWERINGS
from edgewright.converter.rewrites import rewrite
from edgewright.errors import ModelError
from tests.converter.lower.qdq import imported
from tests.converter.lower.test_random_graphs import _Graph

COUNT = 150 * int(os.environ.get("EDGEWRIGHT_SOAK", "1"))
NUMBERS = (-(2**63), -(2**31), -3, -2, -1, 0, 1, 2, 3, 5, 100, 32_768, 10**6, 2**31, 2**62)
TYPES = (np.int8, np.uint8, np.int16, np.int32, np.int64, np.float32, np.float64, np.bool_)


def _initializer(rng, graph, node):
    """Another shape, type or content."""
    values = list(graph.initializers.values())
    value = values[int(rng.integers(len(values)))]
    data = value.const_value.numpy()
    change = int(rng.integers(4))
    if change == 0:
        data = data.reshape(-1)[: max(1, data.size // 2)]
    elif change == 1:
        with np.errstate(all="ignore"):
            data = data.astype(TYPES[int(rng.integers(len(TYPES)))])
    elif change == 2 and np.issubdtype(data.dtype, np.integer):
        info = np.iinfo(data.dtype)
        number = min(max(NUMBERS[int(rng.integers(len(NUMBERS)))], info.min), info.max)
        data = np.full(data.shape, number, data.dtype)
    else:
        special = [np.nan, np.inf, -np.inf, 0.0, -1.0, 1e-45, 3e38]
        with np.errstate(all="ignore"):
            data = np.full(data.shape, special[int(rng.integers(len(special)))]).astype(data.dtype)
    value.const_value = ir.Tensor(data, name=value.name)


def _attribute(rng, graph, node):
    """Another number, another length, another type, or gone."""
    names = list(node.attributes)
    name = names[int(rng.integers(len(names)))] if names else "axis"
    number = NUMBERS[int(rng.integers(len(NUMBERS)))]
    change = int(rng.integers(5))
    if change == 0:
        node.attributes.pop(name, None)
    elif change == 1:
        node.attributes[name] = ir.AttrInt64(name, number)
    elif change == 2:
        node.attributes[name] = ir.AttrInt64s(name, [number] * int(rng.integers(0, 7)))
    elif change == 3:
        node.attributes[name] = ir.AttrString(name, "SAME_UPPER")
    else:
        node.attributes[name] = ir.AttrFloat32(name, float(rng.choice([np.nan, np.inf, 0.0, -1e30])))


def _input(rng, graph, node):
    """Missing, or another tensor."""
    if not node.inputs:
        return
    position = int(rng.integers(len(node.inputs)))
    others = [v for n in graph for v in n.outputs] + list(graph.initializers.values()) + list(graph.inputs)
    value = others[int(rng.integers(len(others)))] if rng.random() < 0.7 else None
    node.replace_input_with(position, value)


def _operator(rng, graph, node):
    names = sorted(LOWERINGS)
    node.op_type = names[int(rng.integers(len(names)))]


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("seed", range(COUNT))
def test_mutated_graph(seed):
    graph = _Graph(seed % 25)
    graph.grow(6)
    source = imported(graph.g.model(graph.g.quantized(graph.g.node("Neg", [graph.tensors[-1][0]]))))
    rng = np.random.default_rng([seed, 9])
    nodes = list(source.model.graph)
    for _ in range(int(rng.integers(1, 4))):
        mutation = (_initializer, _attribute, _input, _operator)[int(rng.integers(4))]
        mutation(rng, source.model.graph, nodes[int(rng.integers(len(nodes)))])
    start = time.monotonic()
    problems = check_model(source)
    try:
        program = rewrite(lower(source))
    except ModelError as error:
        assert problems and error.code == problems[0].code and error.code.startswith("EW-")
    else:
        assert not problems and program.nodes
    assert time.monotonic() - start < 5
