"""Nodes that compute nothing at inference are removed."""

from __future__ import annotations

import onnx_ir as ir

from edgewright.quantize.graph_edit import remove_node, replace_value


def remove_identities(graph: ir.Graph) -> None:
    """Identity, Dropout outside training, Cast to the same type, Concat and Sum of one input.

    One that stands between a graph input and a graph output stays: an output needs a node.
    """
    for node in list(graph):
        source, output = node.inputs[0] if node.inputs else None, node.outputs[0]
        if source is None or not _is_identity(node):
            continue
        if output.is_graph_output():
            if source.is_graph_output() or source.is_graph_input() or source.producer() is None:
                continue
            name = output.name
            replace_value(output, source)
            remove_node(graph, node)
            source.name = name
            continue
        replace_value(output, source)
        remove_node(graph, node)


def _is_identity(node: ir.Node) -> bool:
    if node.op_type == "Dropout":
        return all(not v.uses() and not v.is_graph_output() for v in node.outputs[1:])
    if node.op_type == "Cast":
        source = node.inputs[0]
        return source is not None and source.dtype == node.outputs[0].dtype
    if node.op_type in ("Concat", "Sum", "Max", "Min"):
        return len(node.inputs) == 1
    return node.op_type == "Identity"
