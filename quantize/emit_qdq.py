"""Write the quantization into the graph: QuantizeLinear and DequantizeLinear nodes, integer constants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import ml_dtypes
import numpy as np
import onnx_ir as ir

from edgewright.converter.program import Array, Quantization
from edgewright.quantize.calibrate.ranges import minmax, quantization_of
from edgewright.quantize.calibrate.statistics import Seen
from edgewright.quantize.formats import FORMATS
from edgewright.quantize.graph_edit import GraphEditor, constant_of, name_of
from edgewright.quantize.layers import find_layers
from edgewright.quantize.tensor_plan import plan_tensors

# Largest bias, in units of input scale * weight scale: half of int32, so that sums have room.
LARGEST_BIAS = 2.0**30


@dataclass(frozen=True, eq=False)
class QuantizedWeights:
    """Integers of a layer.

    Args:
        format: Name of the weights format.
        levels: int8 [O, K].
        scales: float64 [O].
        bias: float64 [O], in reals, corrected or not.
    """

    format: str
    levels: Array
    scales: Array
    bias: Array


def emit_qdq(
    model: ir.Model, quantizations: Mapping[str, Quantization], weights: Mapping[str, QuantizedWeights]
) -> ir.Model:
    """The quantized model.

    A float tensor `t` keeps its name as the input of its QuantizeLinear, the integers are `t/quantized`,
    the result of DequantizeLinear `t/dequantized`. A graph output keeps its name behind the
    DequantizeLinear; the tensor before is `t/float`.

    Args:
        model: The prepared float model; it is not changed.
        quantizations: Of activations, by the name of any tensor to quantize.
        weights: By layer name.
    """
    made = model.clone()
    plan = plan_tensors(made.graph)
    editor = GraphEditor(made.graph)
    for layer in find_layers(made.graph):
        unit = quantizations[_stored_name(layer.input, quantizations)].scale
        _emit_layer(editor, layer.name, weights[layer.name], unit)
    for node, position in plan.constants:
        _emit_operand(editor, node, position)
    floats = set(plan.float_nodes)
    for group in plan.groups:
        scale, zero = _parameters(editor, group.name, quantizations[name_of(group.members[0])])
        for value in group.members:
            _emit_pair(editor, value, scale, zero, floats)
    made.graph.opset_imports[""] = max(21, made.graph.opset_imports.get("", 21))
    made.producer_name = "edgewright"
    return made


def _stored_name(value: ir.Value, quantizations: Mapping[str, Quantization]) -> str:
    """Name of a layer's input as the quantizations know it."""
    name = name_of(value)
    assert name in quantizations, name
    return name


def _parameters(editor: GraphEditor, name: str, quantization: Quantization) -> tuple[ir.Value, ir.Value]:
    scale = editor.constant(f"{name}/scale", np.asarray(quantization.scale, np.float32))
    return scale, editor.constant(f"{name}/zero_point", np.asarray(quantization.zero_point, np.int8))


def _emit_pair(
    editor: GraphEditor, value: ir.Value, scale: ir.Value, zero: ir.Value, floats: set[ir.Node]
) -> None:
    """QuantizeLinear and DequantizeLinear behind a tensor; its readers read the latter."""
    name, maker = name_of(value), value.producer()
    from_float = maker is not None and maker in floats
    readers = [(use.node, use.idx) for use in value.uses() if not (from_float and use.node in floats)]
    quantize = editor.node(
        "QuantizeLinear", [value, scale, zero], f"{name}/quantized", value, name=f"{name}/quantize"
    )
    quantize.outputs[0].type = ir.TensorType(ir.DataType.INT8)
    dequantize = editor.node(
        "DequantizeLinear",
        [quantize.outputs[0], scale, zero],
        f"{name}/dequantized",
        value,
        name=f"{name}/dequantize",
    )
    result = dequantize.outputs[0]
    for node, index in readers:
        node.replace_input_with(index, result)
    if value.is_graph_output():
        outputs = editor.graph.outputs
        for index, output in enumerate(outputs):
            if output is value:
                outputs[index] = result
        result.name, value.name = name, editor.unused(f"{name}/float")
    if maker is None:
        first = next(iter(editor.graph))
        editor.graph.insert_before(first, [quantize, dequantize])
    else:
        editor.graph.insert_after(maker, [quantize, dequantize])


def _emit_layer(editor: GraphEditor, name: str, weights: QuantizedWeights, input_scale: float) -> None:
    layer = next(x for x in find_layers(editor.graph) if x.name == name)
    scales, levels = roomy_scales(weights, input_scale)
    stored = layer.stored_of(levels)
    base = name_of(layer.weights_value)
    integers: Array = stored if weights.format == "int8" else stored.astype(ml_dtypes.int4)
    data = editor.constant(f"{base}/quantized", integers)
    scale = editor.constant(f"{base}/scale", scales.astype(np.float32))
    node = layer.node
    dequantize = editor.node(
        "DequantizeLinear",
        [data, scale],
        f"{base}/dequantized",
        layer.weights_value,
        {"axis": layer.channel_axis},
    )
    old = layer.weights_value
    node.replace_input_with(1, dequantize.outputs[0])
    _drop(editor.graph, old)
    editor.graph.insert_before(node, dequantize)
    if layer.bias is not None:
        unit = np.float32(input_scale).astype(np.float64) * scales.astype(np.float32).astype(np.float64)
        steps = np.clip(np.rint(weights.bias / unit), -(2**31) + 1, 2**31 - 1).astype(np.int32)
        _emit_bias(editor, layer.bias, steps, unit.astype(np.float32))


def roomy_scales(weights: QuantizedWeights, input_scale: float) -> tuple[Array, Array]:
    """Scales [O] and levels, scales made larger where the bias would not fit int32.

    That happens in channels whose weights are next to nothing; they come out as 0, or with a share in
    the sum of less than 2^-20 of the bias.
    """
    least = np.abs(weights.bias) / (float(input_scale) * LARGEST_BIAS)
    grown = np.maximum(weights.scales, least)
    shrink = (weights.scales / grown)[:, None]
    return grown, FORMATS[weights.format].nearest(weights.levels * shrink).astype(np.int8)


def _emit_bias(editor: GraphEditor, old: ir.Value, steps: Array, unit: Array) -> None:
    (use,) = old.uses()
    base = name_of(old)
    inputs = [editor.constant(f"{base}/quantized", steps), editor.constant(f"{base}/scale", unit)]
    dequantize = editor.node("DequantizeLinear", inputs, f"{base}/dequantized", old, {"axis": 0})
    dequantize.outputs[0].shape = ir.Shape(steps.shape)
    use.node.replace_input_with(use.idx, dequantize.outputs[0])
    _drop(editor.graph, old)
    editor.graph.insert_before(use.node, dequantize)


def _emit_operand(editor: GraphEditor, node: ir.Node, position: int) -> None:
    """A constant operand of Add, Sub or Mul as int8, one scale for the tensor."""
    old = node.inputs[position]
    data = constant_of(old)
    assert old is not None and data is not None
    base = name_of(old)
    seen = Seen(min(0.0, float(data.min())), max(0.0, float(data.max())))
    chosen = quantization_of(minmax(seen), base)
    steps = np.clip(np.rint(data / np.float32(chosen.scale)) + chosen.zero_point, -128, 127).astype(np.int8)
    scale, zero = _parameters(editor, base, chosen)
    inputs = [editor.constant(f"{base}/quantized", steps), scale, zero]
    dequantize = editor.node("DequantizeLinear", inputs, f"{base}/dequantized", old)
    node.replace_input_with(position, dequantize.outputs[0])
    _drop(editor.graph, old)
    editor.graph.insert_before(node, dequantize)


def _drop(graph: ir.Graph, value: ir.Value) -> None:
    """Remove an initializer that nothing reads any more."""
    if not value.uses() and value.name is not None:
        graph.initializers.pop(value.name, None)
