"""Programs of toy operations that run whole, and a brute-force planner for tiny ones."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from edgewright.converter.ops.base import OpKind
from edgewright.converter.program import Node, Port, Program, TensorType
from edgewright.converter.schedule import Plan, Planner, Wish, make_planner, plan
from edgewright.converter.schedule.candidate import CopyCost
from edgewright.converter.schedule.network import Forms, storage_roots
from edgewright.converter.schedule.row_op import RowOp
from edgewright.targets.codegen.row_kernel import RowInput


@dataclass(frozen=True)
class Toy(OpKind):
    """Any operation: only its sizes matter here."""

    out: TensorType = field(default_factory=lambda: TensorType((1, 1, 1)))

    def output_type(self, *inputs):
        return self.out

    def golden(self, *inputs):
        raise NotImplementedError


@dataclass(frozen=True)
class Elementwise(Toy):
    in_place_input = 0


@dataclass(frozen=True)
class Reshape(Toy):
    kind = "reshape"


class Builder:
    """Collects nodes; sizes are in bytes (int8 vectors)."""

    def __init__(self) -> None:
        self.values: dict[str, TensorType] = {}
        self.inputs: list[str] = []
        self.constants: dict[str, object] = {}
        self.nodes: list[Node] = []

    def input(self, name: str, size: int) -> str:
        self.values[name] = TensorType((1, 1, size))
        self.inputs.append(name)
        return name

    def constant(self, name: str, size: int) -> str:
        self.values[name] = TensorType((1, 1, size))
        self.constants[name] = None
        return name

    def op(self, name: str, inputs: Sequence[str], size: int, op: type[Toy] = Toy) -> str:
        self.values[name] = TensorType((1, 1, size))
        self.nodes.append(Node(f"{name}_op", op(self.values[name]), tuple(inputs), name))
        return name

    def program(self, *outputs: str) -> Program:
        def port(name: str) -> Port:
            return Port(name, name, self.values[name].shape, (0, 1, 2))

        return Program(
            name="toy",
            source_sha256="0" * 64,
            inputs=tuple(port(n) for n in self.inputs),
            outputs=tuple(port(n) for n in outputs),
            values=self.values,
            nodes=tuple(self.nodes),
            constants=self.constants,
        )


def planner_of(
    program: Program,
    scratch: Mapping[str, int] | None = None,
    leads: Mapping[str, Sequence[int | None]] | None = None,
    alignment: int = 4,
) -> Planner:
    """The search space of toys that run whole.

    Args:
        program: The toys.
        scratch: Scratch memory by node name.
        leads: How far below each input the output may begin, by node name.
        alignment: Of every offset.
    """
    root, forms = storage_roots(program), {}
    for n in program.nodes:
        if n.op.kind == "reshape":
            continue
        op = RowOp(
            node=n.name,
            part=0,
            inputs=tuple(root.get(v) for v in n.inputs),
            views=tuple(RowInput(1, program.values[v].row_bytes) for v in n.inputs),
            output=n.output,
            out_rows=1,
            out_row_bytes=program.values[n.output].row_bytes,
            out_columns=1,
            scratch_bytes=(scratch or {}).get(n.name, 0),
            cycles=1.0,
            leads=tuple((leads or {}).get(n.name, (None,) * len(n.inputs))),
        )
        taken = n.inputs[0]
        same = program.values[taken].size_bytes == program.values[n.output].size_bytes
        clean = all(v == taken or root.get(v) != root.get(taken) for v in n.inputs)
        in_place = root.get(taken) if isinstance(n.op, Elementwise) and same and clean else None
        forms[n.name] = Forms(n, (op,), None, in_place)
    return make_planner(program, forms, CopyCost(0, 0), "resident", alignment=alignment, schedule="layer")


def layer_plan(program: Program, *args, **options) -> Plan:
    """The plan of toys that run whole."""
    return plan(planner_of(program, *args, **options), Wish(schedule="layer"))


def random_program(seed: int, nodes: int, *, largest: int = 40) -> tuple[Program, dict[str, int]]:
    """A random graph with branches, reshapes, operations in place, constants and scratch memory."""
    rng = random.Random(seed)
    b = Builder()
    names = [b.input(f"in{i}", rng.randint(1, largest)) for i in range(rng.randint(1, 2))]
    constant = b.constant("weights", rng.randint(1, largest))
    scratch: dict[str, int] = {}
    for i in range(nodes):
        recent = names[-4:]
        inputs = rng.sample(recent, min(len(recent), rng.randint(1, 2)))
        if rng.random() < 0.1:
            inputs.append(constant)
        kind = rng.choice((Toy, Toy, Elementwise, Elementwise, Reshape))
        if kind is Reshape:
            inputs = inputs[:1]
        same = b.values[inputs[0]].size_bytes
        size = (
            same if (kind is not Toy and rng.random() < 0.9) or kind is Reshape else rng.randint(1, largest)
        )
        names.append(b.op(f"v{i}", inputs, size, kind))
        if rng.random() < 0.3 and kind is not Reshape:
            scratch[f"v{i}_op"] = rng.randint(1, largest // 2)
    outputs = {names[-1], *(n for n in names if rng.random() < 0.15)}
    return b.program(*sorted(outputs)), scratch


def orders(program: Program) -> Iterator[list[int]]:
    """All topological orders of the nodes."""
    made_by = {n.output: i for i, n in enumerate(program.nodes)}
    needs = [{made_by[v] for v in n.inputs if v in made_by} for n in program.nodes]

    def extend(done: list[int]) -> Iterator[list[int]]:
        if len(done) == len(needs):
            yield list(done)
        for i, need in enumerate(needs):
            if i not in done and need <= set(done):
                yield from extend([*done, i])

    yield from extend([])


def smallest_arena(program: Program, scratch: Mapping[str, int], alignment: int = 4) -> int:
    """The smallest arena over all orders, choices of working in place, and placements.

    Independent of the planner: lifetimes are derived from the program anew, and every order of putting
    blocks at their lowest free place is tried (some order yields an optimal packing).
    """
    best = 10**9
    seen: set[tuple[tuple[int, int, int], ...]] = set()
    for order in orders(program):
        for blocks in _block_sets(program, scratch, order, alignment):
            key = tuple(sorted(blocks))
            if key not in seen:
                seen.add(key)
                best = min(best, _pack(list(key), best))
    return best


def _block_sets(program, scratch, order, alignment) -> Iterator[list[tuple[int, int, int]]]:
    """(first step, last step, size) of all blocks, for each legal choice of operations in place."""
    # Reshapes do not run.
    nodes = [program.nodes[i] for i in order if program.nodes[i].op.kind != "reshape"]
    final = max(len(nodes) - 1, 0)
    owner = {p.value: p.value for p in program.inputs}
    for n in program.nodes:
        if n.op.kind == "reshape":
            if n.inputs[0] in owner:
                owner[n.output] = owner[n.inputs[0]]
        else:
            owner[n.output] = n.output
    life: dict[str, list[int]] = {p.value: [0, 0] for p in program.inputs}
    for step, n in enumerate(nodes):
        if owner.get(n.output) == n.output:
            life[n.output] = [step, step]
        for v in (*n.inputs, n.output):
            if v in owner:
                life[owner[v]][1] = max(life[owner[v]][1], step)
    kept = {owner[p.value] for p in program.outputs if p.value in owner}
    for v in kept:
        life[v][1] = final
    options = []
    for step, n in enumerate(nodes):
        if isinstance(n.op, Elementwise) and n.inputs[0] in owner:
            taken = owner[n.inputs[0]]
            clean = all(v == n.inputs[0] or owner.get(v) != taken for v in n.inputs)
            same = program.values[taken].size_bytes == program.values[n.output].size_bytes
            if clean and same and taken not in kept and life[taken][1] == step:
                options.append((n.output, taken))
    fixed = [(s, s, scratch[n.name]) for s, n in enumerate(nodes) if scratch.get(n.name)]
    for chosen in itertools.product((False, True), repeat=len(options)):
        into = {out: taken for use, (out, taken) in zip(chosen, options, strict=True) if use}
        blocks = {v: [*span, program.values[v].size_bytes] for v, span in life.items()}
        for n in nodes:
            if n.output in into:
                source = into[n.output]
                while source in into:
                    source = into[source]
                blocks[source][1] = max(blocks[source][1], blocks.pop(n.output)[1])
        aligned = [*map(tuple, blocks.values()), *fixed]
        yield [(a, z, -(-size // alignment) * alignment) for a, z, size in aligned]


def _pack(blocks: list[tuple[int, int, int]], limit: int) -> int:
    """Smallest height of a packing, or `limit` where none is below it (branch and bound)."""

    def extend(placed: list[tuple[int, int, int, int]], left: list[tuple[int, int, int]], low: int) -> int:
        nonlocal limit
        height = max((o + s for _, _, s, o in placed), default=0)
        if height >= limit:
            return limit
        if not left:
            limit = height
            return height
        for i, (a, z, size) in enumerate(left):
            if i and left[i] == left[i - 1]:
                continue
            offset = max((o + s for pa, pz, s, o in placed if pa <= z and a <= pz), default=0)
            # An optimal packing, pushed down, is rebuilt by placing blocks in order of their offset.
            if offset >= low:
                extend([*placed, (a, z, size, offset)], left[:i] + left[i + 1 :], offset)
        return limit

    return extend([], blocks, 0)
