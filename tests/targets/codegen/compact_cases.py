"""Random layers for the compact kernels."""

from __future__ import annotations

import numpy as np

from edgewright.converter.program import Node, Port, Program
from edgewright.targets.codegen.kernels.compact import compact_kernels
from edgewright.targets.cpu import CpuClass
from edgewright.targets.forms import NodeKernels
from tests.targets.codegen import lean_cases, op_cases
from tests.targets.codegen.op_cases import Case, Rng

KINDS = (op_cases.conv, op_cases.pointwise, op_cases.depthwise, op_cases.fully_connected)


def cases(seed: int, count: int) -> list[Case]:
    """`count` layers of every kind, and as many with narrow clamps and other zero points."""
    rng = np.random.default_rng([seed, 21])
    return [kind(rng) for kind in KINDS for _ in range(count)] + lean_cases.cases(seed, max(1, count // 3))


def values(rng: Rng, shape: tuple[int, ...]) -> np.ndarray:
    """An input; some at either end of the range."""
    low, high = [(-128, 128), (-128, -127), (127, 128)][rng.choice(3, p=[0.8, 0.1, 0.1])]
    return rng.integers(low, high, shape).astype(np.int8)


def compact_program(
    seed: int, count: int, cpu: CpuClass
) -> tuple[Program, dict[str, NodeKernels], dict[str, np.ndarray]]:
    """A program with a node for every case that has a compact kernel."""
    rng = np.random.default_rng([seed, 22])
    types, data, nodes, kernels = {}, {}, [], {}
    for op, (x,) in cases(seed, count):
        for kernel in compact_kernels(op, cpu, x):
            n = len(nodes)
            types |= {f"x{n}": x, f"y{n}": op.output_type(x)}
            data[f"x{n}"] = values(rng, x.shape)
            nodes.append(Node(f"compact{n}", op, (f"x{n}",), f"y{n}"))
            kernels[f"compact{n}"] = NodeKernels((kernel,), None)

    def ports(letter: str) -> tuple[Port, ...]:
        names = [f"{letter}{n}" for n in range(len(nodes))]
        return tuple(Port(name, name, types[name].shape, (0, 1, 2)) for name in names)

    return Program("compact", "0" * 64, ports("x"), ports("y"), types, tuple(nodes)), kernels, data
