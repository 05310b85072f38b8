"""Constants of a float model in one form: float32 initializers, one for each layer that reads them."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgewright.converter.program import Array
from edgewright.quantize.graph_edit import GraphEditor, constant_of, remove_node, replace_value, shape_of
from edgewright.quantize.layers import LAYER_OPS, bias_addition, is_layer


def fold_dequantized(graph: ir.Graph) -> None:
    """DequantizeLinear of a constant becomes the float constant scale * (integers - zero point).

    Exporters store large weights of float models as int8; they are quantized anew from the reals.
    """
    editor = GraphEditor(graph)
    for node in list(graph):
        if node.op_type != "DequantizeLinear":
            continue
        parameters = [constant_of(v) for v in node.inputs]
        integers, scale = parameters[0], parameters[1]
        blocked = node.attributes.get_int("block_size", 0) != 0
        if integers is None or scale is None or blocked:
            continue
        zero = parameters[2] if len(parameters) > 2 else None
        axis = node.attributes.get_int("axis", 1)
        made = editor.constant(f"{node.outputs[0].name}/float", _reals(integers, scale, zero, axis))
        replace_value(node.outputs[0], made)
        remove_node(graph, node)


def _reals(integers: Array, scale: Array, zero: Array | None, axis: int) -> Array:
    def along(parameter: Array) -> Array:
        if parameter.size == 1:
            return parameter.reshape(())
        return parameter.reshape([-1 if i == axis % integers.ndim else 1 for i in range(integers.ndim)])

    steps = integers.astype(np.int64) - (0 if zero is None else along(zero).astype(np.int64))
    return np.asarray(steps.astype(np.float32) * along(scale).astype(np.float32), np.float32)


def own_constants(graph: ir.Graph) -> None:
    """Every layer gets weights and a bias that no other node reads; zeros where it has no bias.

    A bias that is there can be corrected; the compiler drops none that is zero for nothing, it adds it
    to the accumulator's first value anyway.
    """
    editor = GraphEditor(graph)
    for node in list(graph):
        if not is_layer(node):
            continue
        _own(editor, node, 1)
        channels = _channels(node)
        if node.op_type == "MatMul":
            found = bias_addition(node)
            if found is None:
                _add_bias(editor, node, channels)
            else:
                addition, bias = found
                _own(editor, addition, list(addition.inputs).index(bias))
        elif len(node.inputs) > 2 and node.inputs[2] is not None:
            _own(editor, node, 2)
        else:
            node.resize_inputs(3)
            zeros = np.zeros(channels, np.float32)
            node.replace_input_with(2, editor.constant(f"{node.outputs[0].name}/bias", zeros))


def _channels(node: ir.Node) -> int:
    assert node.op_type in LAYER_OPS
    return shape_of(node.outputs[0])[1 if node.op_type == "Conv" else -1]


def _own(editor: GraphEditor, node: ir.Node, position: int) -> None:
    """A copy of a constant that something else reads too."""
    value = node.inputs[position]
    data = constant_of(value)
    if value is not None and data is not None and len(list(value.uses())) > 1:
        node.replace_input_with(position, editor.constant(f"{value.name}/{node.name}", data))


def _add_bias(editor: GraphEditor, node: ir.Node, channels: int) -> None:
    """MatMul -> MatMul + Add; the sum takes over the name that others know."""
    output = node.outputs[0]
    name = output.name or ""
    bias = editor.constant(f"{name}/bias", np.zeros(channels, np.float32))
    addition = editor.node("Add", [output, bias], f"{name}/biased", output)
    made = addition.outputs[0]
    output.replace_all_uses_with(made, replace_graph_outputs=True)
    addition.replace_input_with(0, output)
    editor.graph.insert_after(node, addition)
    output.name, made.name = editor.unused(f"{name}/product"), name
