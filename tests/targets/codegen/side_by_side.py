"""Programs of independent layers side by side, each with inputs of its own, and kernels forced upon them.

One library then runs many cases, so that a compiler or emulator start is paid once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np

from edgewright.converter.ops.base import OpKind
from edgewright.converter.program import Node, Port, Program, TensorType
from edgewright.converter.schedule.candidate import CopyCost
from edgewright.converter.schedule.network import build_network
from edgewright.converter.schedule.planner import UNLIMITED, Planner
from edgewright.converter.schedule.search import cheapest, enumerate_candidates
from edgewright.targets.codegen.row_kernel import RowKernel
from edgewright.targets.costs import estimate_call_cycles
from edgewright.targets.cpu import CpuClass
from edgewright.targets.forms import NodeKernels, node_kernels, planner_forms
from edgewright.targets.planning import Planned

Rng = np.random.Generator
Case = tuple[OpKind, tuple[TensorType, ...]]
Inputs = dict[str, np.ndarray]
# Ends of the random range and how often it is taken: everything, the lowest value only, the highest only.
RANGES, SHARES = ((-128, 128), (-128, -127), (127, 128)), (0.7, 0.1, 0.1, 0.1)


class Forced(NamedTuple):
    """A program, the one kernel of every node, and inputs of one inference."""

    program: Program
    kernels: dict[str, NodeKernels]
    inputs: Inputs


def int8_values(rng: Rng, shape: tuple[int, ...]) -> np.ndarray:
    """Random ones, some of them all at one end of the range, or each at either end."""
    kind = rng.choice(4, p=SHARES)
    if kind == 3:
        return rng.choice([-128, 127], shape).astype(np.int8)
    return rng.integers(*RANGES[kind], shape).astype(np.int8)


def values(rng: Rng, op: OpKind, types: tuple[TensorType, ...]) -> list[np.ndarray]:
    """Inputs of a layer; floats of any magnitude."""
    found = []
    for t in types:
        if t.dtype == "float32":
            spread = rng.choice([0.01, 1.0, 100.0, 1e30])
            found.append((rng.normal(size=t.shape) * spread).astype(np.float32))
        else:
            assert t.dtype == "int8", f"{op.kind} takes {t.dtype}"
            found.append(int8_values(rng, t.shape))
    return found


def side_by_side(
    name: str,
    cases: Iterable[Case],
    rng: Rng,
    values_of: Callable[[Rng, OpKind, tuple[TensorType, ...]], list[np.ndarray]] = values,
    *,
    shared: bool = False,
) -> tuple[Program, Inputs]:
    """A node for every case, and inputs for all of them.

    Args:
        name: Of the program; node n is named after it too.
        cases: Taken one by one, so that they may be drawn from the same generator as the inputs.
        rng: For the inputs.
        values_of: Inputs of a layer.
        shared: Whether nodes of one op, one behind the other, read the same inputs: there is less to send,
            but only the last of them may write over what it reads.
    """
    types: dict[str, TensorType] = {}
    data: Inputs = {}
    nodes: list[Node] = []
    for n, (op, inputs) in enumerate(cases):
        if shared and nodes and nodes[-1].op is op:
            names = nodes[-1].inputs
        else:
            names = tuple(f"x{n}_{i}" for i in range(len(inputs)))
            data |= dict(zip(names, values_of(rng, op, inputs), strict=True))
        types |= dict(zip(names, inputs, strict=True)) | {f"y{n}": op.output_type(*inputs)}
        nodes.append(Node(f"{name}{n}", op, names, f"y{n}"))

    def port(value: str) -> Port:
        return Port(value, value, types[value].shape, (0, 1, 2))

    outputs = tuple(port(node.output) for node in nodes)
    return Program(name, "0" * 64, tuple(map(port, data)), outputs, types, tuple(nodes)), data


def forced(
    name: str,
    cases: Iterable[Case],
    kernels_of: Callable[..., Iterable[RowKernel]],
    rng: Rng,
    most: int | None = None,
    *,
    shared: bool = False,
) -> Forced:
    """A program with a node for every kernel of every case.

    Args:
        name: Of the program.
        cases: Layers.
        kernels_of: The kernels of a layer: called with op and types of its inputs.
        rng: For the inputs.
        most: How many nodes, at most.
        shared: Whether the kernels of a layer read the same inputs (`side_by_side`).
    """
    pairs = [((op, types), kernel) for op, types in cases for kernel in kernels_of(op, *types)][:most]
    program, inputs = side_by_side(name, [case for case, _ in pairs], rng, shared=shared)
    kernels = {
        node.name: NodeKernels((kernel,), None)
        for node, (_, kernel) in zip(program.nodes, pairs, strict=True)
    }
    return Forced(program, kernels, inputs)


def plan_in_order(
    program: Program,
    cpu: CpuClass,
    kernels: Mapping[str, NodeKernels] | None = None,
    costs: str | None = None,
) -> Planned:
    """A layer plan of layers that do not depend on each other, in the order in which they stand.

    There are so many other orders that a search for the best one takes longer than everything else.

    Args:
        program: The program.
        cpu: Class of core.
        kernels: By node name; None takes those there are for layers.
        costs: Name of the cost table by which the cheapest kernel is chosen; None where there is no choice.
    """

    def cost(kernel: RowKernel) -> float:
        return estimate_call_cycles(kernel, costs) if costs is not None else 0.0

    kernels = node_kernels(program, cpu) if kernels is None else kernels
    forms = planner_forms(program, kernels, lambda node: cost)
    network = build_network(program, forms, program.nodes, cpu.alignment)
    found = enumerate_candidates(network, "resident", CopyCost(0.0, 1.0), mode="layer")
    path = cheapest(found.edges, UNLIMITED)
    assert path is not None
    planner = Planner(network, "resident", found, path.cycles)
    return Planned(program, cpu, kernels, planner.place(path, solver_s=0.0))
