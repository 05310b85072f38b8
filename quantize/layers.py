"""The layers of a prepared float model: Conv, Gemm and MatMul with constant weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from edgewright.converter.program import Array
from edgewright.quantize.graph_edit import constant_of, name_of, set_constant, shape_of

LAYER_OPS = ("Conv", "Gemm", "MatMul")


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer with weights.

    Args:
        node: Conv, Gemm or MatMul; its second input is an initializer that no other node reads.
        bias: Initializer with one bias for each output channel, None where there is none.
        output: Result with the bias: that of `node`, or of the Add behind a MatMul.
    """

    node: ir.Node
    bias: ir.Value | None
    output: ir.Value

    @property
    def name(self) -> str:
        """How options and reports call the layer: the name of its node."""
        return self.node.name or name_of(self.output)

    @property
    def input(self) -> ir.Value:
        """The activation it reads."""
        value = self.node.inputs[0]
        assert value is not None
        return value

    @property
    def weights_value(self) -> ir.Value:
        """The initializer with its weights."""
        value = self.node.inputs[1]
        assert value is not None
        return value

    @property
    def channel_axis(self) -> int:
        """Axis of the output channels in the stored weights."""
        if self.node.op_type == "Conv":
            return 0
        if self.node.op_type == "Gemm":
            return 0 if self.node.attributes.get_int("transB", 0) else 1
        return len(shape_of(self.weights_value)) - 1

    @property
    def transposed_input(self) -> bool:
        """Whether a Gemm reads its input as [K, M]."""
        return self.node.op_type == "Gemm" and bool(self.node.attributes.get_int("transA", 0))

    @property
    def groups(self) -> int:
        """Groups of a convolution, else 1."""
        return self.node.attributes.get_int("group", 1) if self.node.op_type == "Conv" else 1

    @property
    def channels(self) -> int:
        """Output channels."""
        return shape_of(self.weights_value)[self.channel_axis]

    @property
    def output_axis(self) -> int:
        """Axis of the channels in the output: 1 of a convolution's (N, C, ...), else the last."""
        return 1 if self.node.op_type == "Conv" else len(shape_of(self.output)) - 1

    def rows(self) -> Array:
        """Weights as float32 [O, K], one row for each output channel."""
        return self.rows_of(self.weights())

    def weights(self) -> Array:
        """Weights as they are stored, float32."""
        data = constant_of(self.weights_value)
        assert data is not None
        return data

    def rows_of(self, stored: Array) -> Array:
        """[O, K] of an array with the shape of the stored weights."""
        return np.moveaxis(stored, self.channel_axis, 0).reshape(self.channels, -1)

    def stored_of(self, rows: Array) -> Array:
        """The inverse of `rows_of`."""
        shape = list(shape_of(self.weights_value))
        moved = [shape.pop(self.channel_axis), *shape]
        return np.ascontiguousarray(np.moveaxis(rows.reshape(moved), 0, self.channel_axis))

    def set_weights(self, stored: Array) -> None:
        """Replace the weights."""
        set_constant(self.weights_value, stored)

    def bias_data(self) -> Array:
        """Biases [O], zeros where there are none."""
        data = constant_of(self.bias)
        return np.zeros(self.channels, np.float32) if data is None else data.reshape(-1)

    def set_bias(self, data: Array) -> None:
        """Replace the biases [O] of a layer that has some."""
        assert self.bias is not None
        set_constant(self.bias, np.asarray(data).reshape(shape_of(self.bias)))


def find_layers(graph: ir.Graph) -> list[Layer]:
    """All layers with constant weights, in graph order."""
    return [_layer(n) for n in graph if is_layer(n)]


def is_layer(node: ir.Node) -> bool:
    """Whether a node is a layer: an activation, constant weights, and constant biases or none."""
    if node.op_type not in LAYER_OPS or node.domain not in ("", "ai.onnx") or len(node.inputs) < 2:
        return False
    if constant_of(node.inputs[0]) is not None or constant_of(node.inputs[1]) is None:
        return False
    if len(node.inputs) < 3 or node.inputs[2] is None:
        return True
    bias = constant_of(node.inputs[2])
    return bias is not None and bias.size in (1, shape_of(node.outputs[0])[1])


def _layer(node: ir.Node) -> Layer:
    output = node.outputs[0]
    if node.op_type != "MatMul":
        return Layer(node, node.inputs[2] if len(node.inputs) > 2 else None, output)
    added = bias_addition(node)
    if added is None:
        return Layer(node, None, output)
    addition, bias = added
    return Layer(node, bias, addition.outputs[0])


def bias_addition(node: ir.Node) -> tuple[ir.Node, ir.Value] | None:
    """The Add of one constant a channel that alone reads a MatMul, and the constant."""
    output = node.outputs[0]
    uses = list(output.uses())
    if len(uses) != 1 or uses[0].node.op_type != "Add" or output.is_graph_output():
        return None
    addition = uses[0].node
    bias = addition.inputs[1 - uses[0].idx]
    data = constant_of(bias)
    if (
        bias is None
        or data is None
        or data.shape[-1:] != shape_of(output)[-1:]
        or data.size != data.shape[-1]
    ):
        return None
    return (addition, bias) if shape_of(addition.outputs[0]) == shape_of(output) else None
