"""Random convolutions and fully connected layers with packed weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgewright.converter.ops.weight_format import WEIGHT_FORMATS
from edgewright.converter.program import Node, Program
from tests.targets.codegen.op_cases import make_program

FORMATS = tuple(name for name, f in WEIGHT_FORMATS.items() if f.packed)
KINDS = ("conv", "pointwise", "depthwise", "fully_connected")
# Bits by which the weights are smaller than those of int8: the results are scaled up by as many.
SMALLER_BITS = {"int4": 4, "int2": 6, "ternary": 7, "binary": 7}


def make_packed_program(
    kind: str, name: str, seed: int, count: int
) -> tuple[Program, dict[str, np.ndarray]]:
    """`count` independent layers of a kind with weights of a format; inputs with extreme values."""
    program, data = make_program(kind, seed, count)
    rng = np.random.default_rng([seed, FORMATS.index(name), KINDS.index(kind)])
    nodes = tuple(replace(n, op=with_format(n.op, name, rng)) for n in program.nodes)
    return replace(program, name=f"packed_{kind}_{name}", nodes=nodes), data


def with_format(op, name: str, rng: np.random.Generator):
    """The layer with random weights of a format, sometimes all of them the lowest or the highest one."""
    stored = WEIGHT_FORMATS[name]
    levels = stored.step * np.arange(stored.levels) + stored.offset
    weights = rng.choice(levels, op.weights.shape)
    if rng.random() < 0.15:
        weights[:] = rng.choice(levels[[0, -1]])
    bits = np.int32(SMALLER_BITS[name])
    bias = op.requantize.bias
    if rng.random() < 0.7:  # large ones saturate
        bias = bias % 512
    call = replace(op.requantize, shift=op.requantize.shift + bits, bias=bias)
    return replace(op, weights=weights.astype(np.int8), requantize=call, weight_format=name)


def mixed_packed_program(seed: int, count: int) -> tuple[Program, dict[str, np.ndarray]]:
    """`count` layers of every kind in every format."""
    parts = [make_packed_program(kind, name, seed, count) for kind in KINDS for name in FORMATS]
    data: dict[str, np.ndarray] = {}
    nodes: list[Node] = []
    inputs, outputs, values = [], [], {}
    for i, (program, arrays) in enumerate(parts):
        rename = {v: f"p{i}_{v}" for v in program.values}
        values |= {rename[v]: t for v, t in program.values.items()}
        inputs += [replace(p, name=rename[p.value], value=rename[p.value]) for p in program.inputs]
        outputs += [replace(p, name=rename[p.value], value=rename[p.value]) for p in program.outputs]
        data |= {rename[v]: a for v, a in arrays.items()}
        nodes += [
            replace(
                n, name=f"p{i}_{n.name}", inputs=tuple(rename[v] for v in n.inputs), output=rename[n.output]
            )
            for n in program.nodes
        ]
    return Program("packed", "0" * 64, tuple(inputs), tuple(outputs), values, tuple(nodes)), data
