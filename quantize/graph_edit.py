"""Small edits of an ONNX graph that the steps of quantization share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx_ir as ir

from edgewright.converter.program import Array


def constant_of(value: ir.Value | None) -> Array | None:
    """Data of a constant, None for what is computed or absent."""
    if value is None or value.const_value is None:
        return None
    return np.asarray(value.const_value.numpy())


def shape_of(value: ir.Value) -> tuple[int, ...]:
    """Static shape of a value of an imported model."""
    assert value.shape is not None
    return tuple(int(n) for n in value.shape.numpy())


def name_of(value: ir.Value) -> str:
    """Name of a value of an imported model; every one has one."""
    assert value.name is not None
    return value.name


class GraphEditor:
    """Adds constants and nodes with names that are not taken yet.

    Args:
        graph: Changed in place.
    """

    def __init__(self, graph: ir.Graph) -> None:
        self.graph = graph
        self._names = {v.name for v in (*graph.inputs, *graph.initializers.values())}
        self._names |= {v.name for node in graph for v in node.outputs}
        self._names |= {node.name for node in graph}

    def unused(self, wanted: str) -> str:
        """`wanted`, with a number behind it where that name is taken; it is taken from now on."""
        name, count = wanted, 1
        while name in self._names:
            count += 1
            name = f"{wanted}#{count}"
        self._names.add(name)
        return name

    def constant(self, name: str, data: Array) -> ir.Value:
        """A new initializer."""
        name = self.unused(name)
        tensor = ir.tensor(np.ascontiguousarray(data).reshape(np.shape(data)), name=name)
        value = ir.Value(name=name, shape=ir.Shape(np.shape(data)), type=ir.TensorType(tensor.dtype))
        value.const_value = tensor
        self.graph.register_initializer(value)
        return value

    def node(
        self,
        op_type: str,
        inputs: Sequence[ir.Value | None],
        output: str,
        like: ir.Value,
        attributes: Mapping[str, int | float | str | Sequence[int]] | None = None,
        name: str = "",
    ) -> ir.Node:
        """A new node with one output, not yet in the graph.

        Args:
            op_type: Its operator.
            inputs: Its inputs.
            output: Wanted name of its output.
            like: Its output has the shape and the type of this value.
            attributes: Its attributes.
            name: Its wanted name; "" makes one of output and operator.
        """
        made = ir.Value(name=self.unused(output), shape=like.shape, type=like.type)
        return ir.node(
            op_type, inputs, attributes, outputs=[made], name=self.unused(name or f"{output}/{op_type}")
        )


def replace_value(old: ir.Value, new: ir.Value) -> None:
    """Let every reader of `old`, and the graph's outputs, read `new`."""
    old.replace_all_uses_with(new, replace_graph_outputs=True)


def remove_node(graph: ir.Graph, node: ir.Node) -> None:
    """Remove a node whose output nothing reads."""
    graph.remove(node, safe=True)


def sole_reader(value: ir.Value) -> ir.Node | None:
    """The one node that reads a value, None where there are none or several, or it is a graph output."""
    uses = list(value.uses())
    return uses[0].node if len(uses) == 1 and not value.is_graph_output() else None


def set_constant(value: ir.Value, data: Array) -> None:
    """Give an initializer other data of its type and shape."""
    kept = np.ascontiguousarray(data, dtype=np.float32)
    assert kept.shape == shape_of(value)
    value.const_value = ir.tensor(kept, name=value.name)
