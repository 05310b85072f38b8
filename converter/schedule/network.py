"""The program as the search over segments sees it: nodes in a fixed order, with the memory they share.

A storage is a value together with all its reshapes; positions are indices into the order of nodes that
run (reshapes move no data and do not run).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from edgewright.converter.program import Node, Program
from edgewright.converter.schedule.band import round_up
from edgewright.converter.schedule.row_op import RowOp

# The one op kind whose output is its input's bytes under another shape: it never moves data.
RESHAPE_KIND = "reshape"


@dataclass(frozen=True, eq=False)
class Forms:
    """How one node may run.

    Args:
        node: The node.
        layer: Kernels to choose from in a layer schedule, which may take whole tensors.
        stream: Kernels that take rows one by one; None where there are none.
        in_place: Value whose storage the output may take over element by element, else None.
    """

    node: Node
    layer: tuple[RowOp, ...]
    stream: tuple[RowOp, ...] | None
    in_place: str | None = None


@dataclass(frozen=True)
class Tensor:
    """A storage.

    Args:
        name: The value that is computed, or the graph input.
        size_bytes: Rounded up to the alignment.
        producer: Position that writes it, -1 for a graph input.
        readers: Positions that read it, ascending.
        is_output: Alive to the end.
        rows, row_bytes: Of the value that is computed.
    """

    name: str
    size_bytes: int
    producer: int
    readers: tuple[int, ...]
    is_output: bool
    rows: int
    row_bytes: int

    def last(self, positions: int) -> int:
        """Last position that needs it; `positions` for an output of the graph."""
        return positions if self.is_output else max((self.producer, *self.readers))


@dataclass(frozen=True, eq=False)
class Network:
    """Nodes in execution order with their forms, and the storages between them.

    `root` maps every value to the storage's name; constants and what is made of them are not in it.
    """

    program: Program
    forms: tuple[Forms, ...]
    tensors: Mapping[str, Tensor]
    root: Mapping[str, str]
    alignment: int

    @property
    def positions(self) -> int:
        return len(self.forms)

    @cached_property
    def crossing(self) -> tuple[tuple[str, ...], ...]:
        """For each cut, in front of a position or at the end, the tensors alive on both sides."""
        n = self.positions
        return tuple(
            tuple(t.name for t in self.tensors.values() if t.producer < cut <= t.last(n))
            for cut in range(n + 1)
        )


def storage_roots(program: Program) -> dict[str, str]:
    """Name of the value that owns the memory, by value; constants (and their reshapes) have none."""
    root = {p.value: p.value for p in program.inputs}
    for node in program.nodes:
        if node.op.kind != RESHAPE_KIND:
            root[node.output] = node.output
        elif node.inputs[0] in root:
            root[node.output] = root[node.inputs[0]]
    return root


def in_place_storage(program: Program, node: Node, root: Mapping[str, str]) -> str | None:
    """The storage that a node's output may take over element by element, where nothing needs it later."""
    position = node.op.in_place_input
    if position is None or node.op.kind == RESHAPE_KIND:
        return None
    value = node.inputs[position]
    if value not in root or program.values[value].size_bytes != program.values[node.output].size_bytes:
        return None
    # The same bytes under another shape are read in another order: writing would overtake reading.
    if any(root.get(v) == root[value] and v != value for v in node.inputs):
        return None
    return root[value]


def build_network(
    program: Program, forms: Mapping[str, Forms], order: Sequence[Node], alignment: int
) -> Network:
    """Arrange the forms of the nodes in an execution order.

    Args:
        program: Verified program.
        forms: By node name; reshapes have none.
        order: All nodes in execution order.
        alignment: Of all sizes.
    """
    root = storage_roots(program)
    running = [forms[n.name] for n in order if n.name in forms]
    producer = {f.node.output: i for i, f in enumerate(running)}
    readers: dict[str, list[int]] = {name: [] for name in root.values()}
    for i, form in enumerate(running):
        for value in form.node.inputs:
            if value in root:
                readers[root[value]].append(i)
    outputs = {root[p.value] for p in program.outputs if p.value in root}
    tensors = {}
    for name in dict.fromkeys(root.values()):
        kind = program.values[name]
        tensors[name] = Tensor(
            name=name,
            size_bytes=round_up(kind.size_bytes, alignment),
            producer=producer.get(name, -1),
            readers=tuple(sorted(set(readers[name]))),
            is_output=name in outputs,
            rows=kind.shape[0],
            row_bytes=kind.row_bytes,
        )
    return Network(program, tuple(running), tensors, root, alignment)
