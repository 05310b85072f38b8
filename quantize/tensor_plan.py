"""Which activations are quantized, which of them share a scale, and which nodes stay float.

A pair QuantizeLinear, DequantizeLinear stands behind every activation that the device stores as int8:
not between a layer and the Relu or Clip behind it, which it fuses, and not inside a function of one
element (x * sigmoid(x), HardSwish written out), which becomes one table.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import onnx_ir as ir

from edgewright.converter.program import Quantization
from edgewright.quantize.graph_edit import constant_of, shape_of, sole_reader
from edgewright.quantize.layers import bias_addition
from edgewright.quantize.node_kinds import (
    Kind,
    activations_of,
    fixed_quantization,
    is_passed_as_bits,
    kind_of,
    scaled_softmax_input,
    shares_quantization,
)


@dataclass
class Group:
    """Tensors with one quantization.

    Args:
        members: In graph order.
        sources: Those that are computed, not moved from another member: their ranges count.
        fixed: Quantization that the operator prescribes, None where the range is calibrated.
        covered: Further values the range has to hold (of a Pad).
    """

    members: list[ir.Value]
    sources: list[ir.Value]
    fixed: Quantization | None = None
    covered: list[float] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The name of its first member."""
        return self.members[0].name or ""


@dataclass(frozen=True)
class TensorPlan:
    """What of a graph is quantized.

    Args:
        groups: Tensors to quantize, those with one quantization together.
        constants: (node, input) of constant operands of Add, Sub and Mul that are quantized.
        float_nodes: Nodes without integer arithmetic.
    """

    groups: list[Group]
    constants: list[tuple[ir.Node, int]]
    float_nodes: list[ir.Node]


def plan_tensors(graph: ir.Graph) -> TensorPlan:
    """Decide for every tensor of a prepared float graph."""
    needed: set[ir.Value] = set()
    while True:
        walk = _Walk(needed)
        walk.run(graph)
        if walk.needed == needed:
            break
        needed = set(walk.needed)
    tensors = [v for v in _activations(graph) if v in needed]
    return TensorPlan(_groups(graph, tensors), walk.constants, walk.float_nodes)


def _activations(graph: ir.Graph) -> Iterable[ir.Value]:
    yield from graph.inputs
    for node in graph:
        yield from node.outputs


class _Walk:
    """One walk over the graph, given what is known to be quantized.

    What is needed only grows from walk to walk: a tensor that turns out to be stored is the root of the
    functions applied to it from then on.
    """

    def __init__(self, needed: set[ir.Value]) -> None:
        self.needed = set(needed)
        self.constants: list[tuple[ir.Node, int]] = []
        self.float_nodes: list[ir.Node] = []
        self._roots: dict[ir.Value, ir.Value] = {}
        self._waiting: set[ir.Value] = set()  # results whose operator can still take a clamp
        self._float: set[ir.Value] = set()
        self._additions: set[ir.Node] = set()  # of a bias behind a MatMul: part of the layer

    def run(self, graph: ir.Graph) -> None:
        for node in graph:
            self._visit(node, kind_of(node))
        for value in graph.outputs:
            if value not in self._float:
                self.needed.add(value)

    def _visit(self, node: ir.Node, kind: Kind) -> None:
        inputs, output = activations_of(node), node.outputs[0]
        if node in self._additions:
            self._computed(output)
            return
        if kind is Kind.FUNCTION and self._fuses(node, inputs[0]):
            self._waiting.add(output)
            return
        joined = kind in (Kind.BINARY, Kind.JOIN) and len(inputs) == 2
        if (kind is Kind.FUNCTION or joined) and self._is_function(inputs, output):
            return
        if kind in (Kind.FLOAT, Kind.JOIN):
            self.float_nodes.append(node)
            self._float.update(node.outputs)
            self.needed.update(v for v in inputs if v not in self._float)
            return
        if kind is Kind.SOFTMAX and (inner := scaled_softmax_input(node)) is not None:
            inputs = [inner]
        self.needed.update(v for v in inputs if not is_passed_as_bits(v))
        if kind is Kind.MOVE:
            self.needed.update(v for v in node.outputs if v.uses() or v.is_graph_output())
            return
        if kind is Kind.LAYER and (added := bias_addition(node)) is not None and node.op_type == "MatMul":
            self._additions.add(added[0])
            return
        if kind is Kind.BINARY and len(inputs) == 1:
            self.constants += [(node, i) for i, v in enumerate(node.inputs) if constant_of(v) is not None]
        self._computed(output)

    def _computed(self, output: ir.Value) -> None:
        """A result is stored, unless the clamp that follows is, or its signs are."""
        self._waiting.add(output)
        if not self._clamp_follows(output) and not is_passed_as_bits(output):
            self.needed.add(output)

    def _clamp_follows(self, value: ir.Value) -> bool:
        reader = sole_reader(value)
        return reader is not None and reader.op_type in ("Relu", "Clip") and activations_of(reader) == [value]

    def _fuses(self, node: ir.Node, x: ir.Value) -> bool:
        """Whether a Relu or Clip goes into the operator before it."""
        if node.op_type not in ("Relu", "Clip") or x not in self._waiting or x in self.needed:
            return False
        if not self._clamp_follows(node.outputs[0]):
            self.needed.add(node.outputs[0])
        return True

    def _is_function(self, inputs: list[ir.Value], output: ir.Value) -> bool:
        """Whether all inputs are functions of one stored tensor, of the output's shape."""
        roots = {self._roots.get(v, v) for v in inputs}
        if len(roots) != 1:
            return False
        (root,) = roots
        if len(inputs) > 1 and any(shape_of(v) != shape_of(root) for v in (*inputs, output)):
            return False
        self.needed.add(root)
        if output not in self.needed:
            self._roots[output] = root
            if not self._stays_inside(output, root):
                self.needed.add(output)
        return True

    def _stays_inside(self, value: ir.Value, root: ir.Value) -> bool:
        """Whether only functions of the same root read a value."""
        uses = [use.node for use in value.uses()]
        if value.is_graph_output() or not uses:
            return False
        for node in uses:
            kind = kind_of(node)
            if kind is Kind.SOFTMAX and scaled_softmax_input(node) is root:
                continue
            if kind not in (Kind.FUNCTION, Kind.BINARY, Kind.JOIN):
                return False
            others = [v for v in activations_of(node) if v is not value]
            if any(v is not root and self._root_behind(v) is not root for v in others):
                return False
            if kind is Kind.BINARY and not others and len(activations_of(node)) == 1:
                return False  # with a constant tensor: an operator of its own
        return True

    def _root_behind(self, value: ir.Value) -> ir.Value:
        """Root of a value that this walk may not have reached yet."""
        while value not in self.needed:
            maker = value.producer()
            if value in self._roots:
                return self._roots[value]
            if maker is None or kind_of(maker) is not Kind.FUNCTION:
                return value
            value = activations_of(maker)[0]
        return value


def _groups(graph: ir.Graph, tensors: list[ir.Value]) -> list[Group]:
    """Join what must or should have one quantization."""
    leader: dict[ir.Value, ir.Value] = {v: v for v in tensors}

    def find(value: ir.Value) -> ir.Value:
        while leader[value] is not value:
            value = leader[value]
        return value

    moved: set[ir.Value] = set()
    for node in graph:
        for source, result in shares_quantization(node):
            if source in leader and result in leader:
                leader[find(result)] = find(source)
                if kind_of(node) is Kind.MOVE and node.op_type != "Concat":
                    moved.add(result)
    groups: dict[ir.Value, Group] = {}
    for value in tensors:
        group = groups.setdefault(find(value), Group([], []))
        group.members.append(value)
        if value not in moved:
            group.sources.append(value)
    for group in groups.values():
        _complete(group)
    return list(groups.values())


def _complete(group: Group) -> None:
    """The fixed quantization where all sources have the same one; values a Pad adds."""
    fixed = {fixed_quantization(v.producer()) for v in group.sources}
    if len(fixed) == 1:
        (group.fixed,) = fixed
    for value in group.members:
        node = value.producer()
        if node is not None and node.op_type == "Pad" and len(node.inputs) > 2:
            data = constant_of(node.inputs[2])
            if data is not None and data.size == 1 and abs(float(data.reshape(()))) < 1e30:
                group.covered.append(float(data.reshape(())))
