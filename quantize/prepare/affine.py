"""Batch normalization and other factors and offsets a channel go into the layer beside them.

    BatchNormalization: y = a x + b, a = gamma / sqrt(variance + epsilon), b = beta - a mean
    behind a layer:     a (W x + c) + b  =  (a W) x + (a c + b)
    before a layer:     W (a x + b) + c  =  (W a) x + (c + W b), exact where the layer pads nothing

Jacob et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference, 2018, section 3.2 (the folding behind a layer).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from edgewright.converter.program import Array
from edgewright.quantize.graph_edit import (
    GraphEditor,
    constant_of,
    remove_node,
    replace_value,
    shape_of,
    sole_reader,
)
from edgewright.quantize.layers import Layer, bias_addition, find_layers


@dataclass(frozen=True, eq=False)
class Affine:
    """y = factor * x + offset, float64 [C] each."""

    factor: Array
    offset: Array


def fold_behind(graph: ir.Graph) -> None:
    """Fold what follows a layer alone: BatchNormalization; Mul, Div, Add, Sub of a constant a channel."""
    editor = GraphEditor(graph)
    changed = True
    while changed:
        changed = False
        for layer in find_layers(graph):
            reader = sole_reader(layer.output)
            affine = None if reader is None else _affine_of(reader, layer.output, layer.output_axis)
            if reader is None or affine is None:
                continue
            if not _has_own_bias(layer) and np.any(affine.offset):
                continue
            rows = layer.rows().astype(np.float64) * affine.factor[:, None]
            bias = layer.bias_data().astype(np.float64) * affine.factor + affine.offset
            _set(editor, layer, rows, bias)
            name = reader.outputs[0].name
            replace_value(reader.outputs[0], layer.output)
            remove_node(graph, reader)
            layer.output.name = name
            changed = True


def _has_own_bias(layer: Layer) -> bool:
    """Whether a bias can be set: MatMul takes one only through its Add."""
    return layer.bias is not None or layer.node.op_type != "MatMul"


def _set(editor: GraphEditor, layer: Layer, rows: Array, bias: Array) -> None:
    """New constants, because the old ones may be shared."""
    node = layer.node
    weights = editor.constant(f"{node.name}/weights", layer.stored_of(rows).astype(np.float32))
    vector = editor.constant(f"{node.name}/bias", bias.astype(np.float32))
    node.replace_input_with(1, weights)
    if node.op_type != "MatMul":
        node.resize_inputs(3)
        node.replace_input_with(2, vector)
        return
    found = bias_addition(node)
    if found is None:
        return  # of a MatMul without one, which gets nothing but factors
    addition, old = found
    addition.replace_input_with(list(addition.inputs).index(old), vector)


def _affine_of(node: ir.Node, x: ir.Value, axis: int) -> Affine | None:
    """The function of one element a channel that a node applies to x, None where it is another one."""
    if node.op_type == "BatchNormalization":
        return batch_norm(node) if axis == 1 else None
    if node.op_type not in ("Mul", "Div", "Add", "Sub") or len(node.inputs) != 2:
        return None
    first = node.inputs[0] is x
    data = constant_of(node.inputs[1 if first else 0])
    if data is None or shape_of(node.outputs[0]) != shape_of(x) or (node.op_type == "Div" and not first):
        return None
    vector = _a_channel(data, shape_of(x), axis)
    if vector is None:
        return None
    one, zero = np.ones_like(vector), np.zeros_like(vector)
    match node.op_type:
        case "Mul":
            return Affine(vector, zero)
        case "Div":
            return Affine(1 / vector, zero) if np.all(vector) else None
        case "Add":
            return Affine(one, vector)
        case _:
            return Affine(one, -vector) if first else Affine(-one, vector)


def _a_channel(data: Array, shape: tuple[int, ...], axis: int) -> Array | None:
    """A constant that is broadcast over all axes but one, as float64 [C]."""
    extended = (1,) * (len(shape) - data.ndim) + data.shape
    if len(extended) != len(shape) or any(n != 1 for i, n in enumerate(extended) if i != axis):
        return None
    return np.broadcast_to(data.reshape(-1).astype(np.float64), (shape[axis],))


def batch_norm(node: ir.Node) -> Affine | None:
    """Factor and offset of a BatchNormalization with constant statistics."""
    parameters = [constant_of(v) for v in node.inputs[1:5]]
    if len(parameters) != 4 or any(p is None for p in parameters) or len(node.outputs) > 1:
        return None
    gamma, beta, mean, variance = (np.asarray(p, np.float64) for p in parameters)
    factor = gamma / np.sqrt(variance + node.attributes.get_float("epsilon", 1e-5))
    return Affine(factor, beta - factor * mean)


def fold_before(graph: ir.Graph) -> None:
    """Fold a BatchNormalization into the layer that alone reads it, where that pads nothing."""
    editor = GraphEditor(graph)
    for layer in find_layers(graph):
        norm, source = layer.input.producer(), layer.input
        if norm is None or norm.op_type != "BatchNormalization" or sole_reader(source) is None:
            continue
        affine = batch_norm(norm)
        if affine is None or not _has_own_bias(layer) or not _pads_nothing(layer.node):
            continue
        if layer.node.op_type != "Conv" and len(shape_of(source)) != 2:
            continue
        if layer.transposed_input:
            continue
        outputs, depth = layer.channels, affine.factor.size // layer.groups
        rows = layer.rows().astype(np.float64).reshape(layer.groups, outputs // layer.groups, depth, -1)
        factor, offset = (p.reshape(layer.groups, 1, depth, 1) for p in (affine.factor, affine.offset))
        bias = layer.bias_data().astype(np.float64) + (rows * offset).sum(axis=(2, 3)).reshape(outputs)
        _set(editor, layer, (rows * factor).reshape(outputs, -1), bias)
        before = norm.inputs[0]
        assert before is not None
        layer.node.replace_input_with(0, before)
        remove_node(graph, norm)


def _pads_nothing(node: ir.Node) -> bool:
    if node.op_type != "Conv":
        return True
    mode = node.attributes.get_string("auto_pad", "NOTSET")
    return mode == "VALID" or (mode == "NOTSET" and not any(node.attributes.get_ints("pads", ())))


def norms_to_layers(graph: ir.Graph) -> None:
    """A BatchNormalization that nothing could take in becomes a depthwise 1x1 convolution.

    Of a matrix [N, C], which has no convolution, it becomes Mul and Add of a constant row.
    """
    editor = GraphEditor(graph)
    for node in list(graph):
        affine = batch_norm(node) if node.op_type == "BatchNormalization" else None
        x, output = node.inputs[0] if node.inputs else None, node.outputs[0]
        if affine is None or x is None:
            continue
        name, rank, channels = output.name or "", len(shape_of(x)), affine.factor.size
        factor, offset = affine.factor.astype(np.float32), affine.offset.astype(np.float32)
        if rank in (3, 4):
            weights = editor.constant(f"{name}/weights", factor.reshape(channels, 1, *(1,) * (rank - 2)))
            bias = editor.constant(f"{name}/bias", offset)
            made = [editor.node("Conv", [x, weights, bias], f"{name}/conv", output, {"group": channels})]
        elif rank == 2:
            scaled = editor.node(
                "Mul", [x, editor.constant(f"{name}/factor", factor)], f"{name}/scaled", output
            )
            row = editor.constant(f"{name}/offset", offset)
            made = [scaled, editor.node("Add", [scaled.outputs[0], row], f"{name}/shifted", output)]
        else:
            continue
        graph.insert_after(node, made)
        replace_value(output, made[-1].outputs[0])
        remove_node(graph, node)
        made[-1].outputs[0].name = name
        made[-1].name = node.name
