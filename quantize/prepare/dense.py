"""Fully connected layers in one form: Gemm without factors for matrices, MatMul and Add for more axes."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgewright.quantize.graph_edit import GraphEditor, constant_of, remove_node, replace_value, shape_of
from edgewright.quantize.layers import bias_addition, is_layer


def merge_bias(graph: ir.Graph) -> None:
    """MatMul of a matrix, with the Add of a constant row behind it, becomes one Gemm."""
    editor = GraphEditor(graph)
    for node in list(graph):
        if node.op_type != "MatMul" or not is_layer(node):
            continue
        x, weights = node.inputs[0], node.inputs[1]
        assert x is not None and weights is not None
        if len(shape_of(x)) != 2 or len(shape_of(weights)) != 2:
            continue
        added = bias_addition(node)
        last, inputs = node, [x, weights]
        if added is not None:
            last, bias = added
            data = constant_of(bias)
            assert data is not None
            inputs.append(editor.constant(f"{bias.name}/row", data.reshape(-1)))
        output = last.outputs[0]
        gemm = editor.node("Gemm", inputs, f"{output.name}/gemm", output)
        gemm.name = editor.unused(f"{node.name}/gemm")
        graph.insert_after(last, gemm)
        name, made = output.name, gemm.outputs[0]
        replace_value(output, made)
        for old in dict.fromkeys((last, node)):
            remove_node(graph, old)
        made.name, gemm.name = name, node.name


def fold_factors(graph: ir.Graph) -> None:
    """alpha * x W + beta * c: the factors go into weights and bias, the bias becomes a vector."""
    editor = GraphEditor(graph)
    for node in graph:
        if node.op_type != "Gemm" or not is_layer(node):
            continue
        weights = constant_of(node.inputs[1])
        assert weights is not None
        alpha, beta = node.attributes.get_float("alpha", 1.0), node.attributes.get_float("beta", 1.0)
        if alpha != 1.0:
            scaled = (weights * np.float32(alpha)).astype(np.float32)
            node.replace_input_with(1, editor.constant(f"{node.name}/weights", scaled))
        bias = constant_of(node.inputs[2]) if len(node.inputs) > 2 else None
        channels = shape_of(node.outputs[0])[1]
        if bias is not None and (beta != 1.0 or bias.shape != (channels,)) and bias.size in (1, channels):
            row = np.broadcast_to(bias.reshape(-1) * np.float32(beta), (channels,)).astype(np.float32)
            node.replace_input_with(2, editor.constant(f"{node.name}/bias", row))
        for factor in ("alpha", "beta"):
            node.attributes.pop(factor, None)


def sums_to_additions(graph: ir.Graph) -> None:
    """Sum of two tensors becomes Add, which has integer arithmetic."""
    for node in graph:
        if node.op_type == "Sum" and len(node.inputs) == 2:
            node.op_type = "Add"
