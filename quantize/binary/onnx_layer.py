"""Replace a layer of a prepared ONNX graph by a call of a binary function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
import onnx_ir as ir
from onnx_ir.passes import common

from edgewright.converter import binary_functions
from edgewright.converter.lower.windows import Image, Window, window_of
from edgewright.converter.ops.base import Padding
from edgewright.errors import ModelError, UsageError
from edgewright.quantize.binary.deployed import Deployed
from edgewright.quantize.graph_edit import GraphEditor, name_of, replace_value, shape_of
from edgewright.quantize.layers import Layer, find_layers

AUTO = "auto"


def why_not_binary(layer: Layer) -> str:
    """Why a layer cannot become binary, empty where it can."""
    shape = shape_of(layer.input)
    if layer.groups != 1:
        return f"it is a convolution of {layer.groups} groups"
    if layer.node.op_type == "Conv" and len(shape) != 4:
        return f"it is a convolution over {len(shape) - 2} axes, not 2"
    if layer.node.op_type != "Conv" and (len(shape) != 2 or shape[0] != 1):
        return f"its input is {list(shape)}, not a vector"
    if layer.node.op_type == "Gemm" and layer.node.attributes.get_int("transA", False):
        return "its input is transposed"
    return ""


def choose_layers(graph: ir.Graph, wanted: Sequence[str], *, all_layers: bool = False) -> list[Layer]:
    """The layers to make binary, in graph order.

    Args:
        graph: A prepared float graph.
        wanted: Names of layers, or `AUTO` alone: all that can be but the first and the last layer.
        all_layers: With `AUTO`, the first and the last layer as well.

    Raises:
        UsageError: EW-BINARY-LAYER, a name that is none, or a layer that cannot be binary; EW-BINARY-NONE.
    """
    layers = find_layers(graph)
    by_name = {layer.name: layer for layer in layers}
    if list(wanted) != [AUTO]:
        for name in wanted:
            if name not in by_name:
                raise UsageError(
                    "EW-BINARY-LAYER", f"there is no layer {name!r}", f"layers are {', '.join(by_name)}"
                )
            if reason := why_not_binary(by_name[name]):
                raise UsageError("EW-BINARY-LAYER", f"layer {name} cannot be binary: {reason}")
        chosen = [layer for layer in layers if layer.name in wanted]
    else:
        inner = layers if all_layers else layers[1:-1]
        chosen = [layer for layer in inner if not why_not_binary(layer)]
    if not chosen:
        raise UsageError(
            "EW-BINARY-NONE",
            f"none of the {len(layers)} layers can become binary",
            "name them with --layers; convolutions in groups (depthwise ones) stay int8, and so do the first "
            "and the last layer unless --all-layers is given",
        )
    return chosen


def layer_window(layer: Layer) -> Window:
    """Size, strides, dilations and paddings of a layer; a fully connected one is a 1x1 convolution."""
    if layer.node.op_type == "Conv":
        return window_of(layer.node, Image(shape_of(layer.input)), shape_of(layer.weights_value)[2:])
    return Window((1, 1), (1, 1), (1, 1), Padding())


def replace_layer(editor: GraphEditor, layer: Layer, deployed: Deployed, pad_value: float = 0.0) -> None:
    """Put a call of a binary function in the place of a layer and its bias; its result keeps its name.

    Args:
        editor: Of the graph.
        layer: A layer that `why_not_binary` allows.
        deployed: What takes its place.
        pad_value: What the padding holds after the sign.
    """
    graph, old = editor.graph, layer.output
    last = old.producer()
    name, stem = name_of(old), layer.name
    assert last is not None
    x, size = layer.input, shape_of(old)
    nodes: list[ir.Node] = []
    convolution = deployed.function != "BinaryGemm"
    reshaped = convolution and len(size) == 2
    if reshaped:
        nodes.append(_reshape(editor, x, (1, shape_of(x)[1], 1, 1), f"{stem}/image"))
        x, size = nodes[-1].outputs[0], (1, size[1], 1, 1)
    constants = [editor.constant(f"{stem}/{k}", a) for k, a in deployed.arrays().items()]
    old.name = editor.unused(f"{name}/replaced")
    result = ir.Value(
        name=editor.unused(f"{stem}/sums") if reshaped else name,
        shape=ir.Shape(size),
        type=ir.TensorType(ir.DataType.FLOAT),
    )
    window = _attributes(layer_window(layer), pad_value) if convolution else {}
    inputs = [x, *constants]
    call_name = editor.unused(f"{stem}/binary")
    domain, function = binary_functions.DOMAIN, deployed.function
    nodes.append(ir.node(function, inputs, window, domain=domain, outputs=[result], name=call_name))
    if reshaped:
        nodes.append(_reshape(editor, result, shape_of(old), f"{stem}/vector"))
        nodes[-1].outputs[0].name = name
    graph.insert_after(last, nodes)
    replace_value(old, nodes[-1].outputs[0])
    for node in dict.fromkeys((last, layer.node)):
        graph.remove(node, safe=True)


def _attributes(window: Window, pad_value: float) -> Mapping[str, Sequence[int] | float]:
    p = window.padding
    return {
        "strides": list(window.stride),
        "pads": [p.top, p.left, p.bottom, p.right],
        "dilations": list(window.dilation),
        "pad_value": float(pad_value),
    }


def _reshape(editor: GraphEditor, x: ir.Value, shape: tuple[int, ...], name: str) -> ir.Node:
    target = editor.constant(f"{name}/shape", np.array(shape, np.int64))
    result = ir.Value(name=editor.unused(name), shape=ir.Shape(shape), type=ir.TensorType(ir.DataType.FLOAT))
    return ir.node("Reshape", [x, target], outputs=[result], name=editor.unused(f"{name}/node"))


def to_onnx(model: ir.Model) -> bytes:
    """A model with calls of binary functions as the bytes of an ONNX file that defines them.

    Raises:
        ModelError: EW-ONNX-DAMAGED where onnx refuses what was made.
    """
    common.RemoveUnusedNodesPass()(model)
    domains = {node.domain for node in model.graph}
    if binary_functions.DOMAIN in domains:
        model.opset_imports[binary_functions.DOMAIN] = binary_functions.VERSION
    proto = ir.to_proto(model)
    binary_functions.add_functions(proto)
    try:
        onnx.checker.check_model(proto)
    except onnx.checker.ValidationError as error:
        raise ModelError("EW-ONNX-DAMAGED", f"the binarized model is not valid: {error}") from error
    return bytes(proto.SerializeToString(deterministic=True))
