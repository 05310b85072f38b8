"""Random layers for the kernels of cores without DSP instructions."""

from __future__ import annotations

import numpy as np

from edgewright.converter.program import Node, Port, Program
from edgewright.targets.codegen.kernels.scalar_kernels import scalar_kernels
from edgewright.targets.cpu import SCALAR
from edgewright.targets.forms import NodeKernels
from tests.targets.codegen import lean_cases, op_cases
from tests.targets.codegen.op_cases import Case


def scalar_cases(seed: int, count: int) -> list[Case]:
    """Layers of every kind and requantization."""
    rng = np.random.default_rng([seed, 31])
    kinds = (
        op_cases.conv,
        op_cases.pointwise,
        op_cases.depthwise,
        op_cases.depthwise,
        op_cases.fully_connected,
    )
    return [*lean_cases.cases(seed, count), *(kind(rng) for kind in kinds for _ in range(2 * count))]


def scalar_program(
    seed: int, count: int, most: int = 1000
) -> tuple[Program, dict[str, NodeKernels], dict[str, np.ndarray]]:
    """A program with a node for every kernel of the cases, `most` at most."""
    rng = np.random.default_rng([seed, 32])
    values, data, nodes, kernels = {}, {}, [], {}
    for op, (x,) in scalar_cases(seed, count):
        for kernel in scalar_kernels(op, SCALAR, x):
            n = len(nodes)
            if n == most:
                break
            values |= {f"x{n}": x, f"y{n}": op.output_type(x)}
            low, high = [(-128, 128), (-128, -127), (127, 128)][rng.choice(3, p=[0.8, 0.1, 0.1])]
            data[f"x{n}"] = rng.integers(low, high, x.shape).astype(np.int8)
            nodes.append(Node(f"layer{n}", op, (f"x{n}",), f"y{n}"))
            kernels[f"layer{n}"] = NodeKernels((kernel,), None)

    def ports(letter: str) -> tuple[Port, ...]:
        names = [f"{letter}{n}" for n in range(len(nodes))]
        return tuple(Port(name, name, values[name].shape, (0, 1, 2)) for name in names)

    return Program("scalar", "0" * 64, ports("x"), ports("y"), values, tuple(nodes)), kernels, data
