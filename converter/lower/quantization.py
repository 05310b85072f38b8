"""QuantizeLinear and DequantizeLinear: the borders between what is stored and what operators compute."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx_ir as ir

from edgewright.converter.lower import attributes
from edgewright.converter.lower.context import Context
from edgewright.converter.lower.layout import check_size, stored_index
from edgewright.converter.lower.linear import INT4
from edgewright.converter.lower.operands import (
    Computed,
    Constant,
    Float,
    Operand,
    Pending,
    Placed,
    QuantizedData,
    Real,
    Stored,
    Unknown,
)
from edgewright.converter.lower.ports import default_axes, value_shape
from edgewright.converter.lower.problem import Refused, Skipped
from edgewright.converter.lower.registry import lowers
from edgewright.converter.lower.scales import INT8_HINT, check_factor, parameters, stored_quantization
from edgewright.converter.lower.unary_table import lookup_for
from edgewright.converter.ops.quantize import Quantize
from edgewright.converter.program import Array, Quantization, TensorType


def _refuse_blocks(node: ir.Node) -> None:
    if attributes.integer(node, "block_size", 0):
        raise Refused("its scales are blocked", "quantize per tensor or per channel")


@lowers("DequantizeLinear")
def dequantize_linear(context: Context, node: ir.Node) -> Operand:
    """Integer -> real. An activation stays where it is; a constant keeps its integers."""
    _refuse_blocks(node)
    x = context.operand(node, 0)
    scale, zero = parameters(context, node)
    if isinstance(x, Constant):
        return _dequantized_constant(node, x, scale, zero)
    if not isinstance(x, Stored):
        raise Refused("its input is not an integer tensor", code="EW-MODEL-INVALID")
    quantization = stored_quantization(scale, zero, x.unsigned)
    value = context.builder.reinterpreted(x.placed.value, quantization)
    return Real(Placed(value, x.placed.index), quantization)


def _dequantized_constant(node: ir.Node, x: Constant, scale: Array, zero: Array) -> Constant:
    if x.data.dtype not in (np.int8, np.uint8, np.int32, INT4):
        raise Refused(f"it dequantizes {x.data.dtype} constants", "quantize weights to int8")
    axis: int | None = None
    if scale.ndim:
        axis = attributes.integer(node, "axis", 1)
        axis += x.data.ndim if axis < 0 else 0
        if not 0 <= axis < x.data.ndim or x.data.shape[axis] != scale.size:
            raise Refused(
                f"{scale.size} scales along axis {axis} of {list(x.data.shape)}", code="EW-MODEL-INVALID"
            )
    quantized = QuantizedData(x.data, scale.reshape(-1), zero.reshape(-1), axis)
    return Constant(quantized.reals(), quantized)


@lowers("QuantizeLinear")
def quantize_linear(context: Context, node: ir.Node) -> Operand:
    """Real -> integer: here the operator that made the real is emitted."""
    _refuse_blocks(node)
    scale, zero = parameters(context, node)
    if zero.dtype not in (np.int8, np.uint8):
        raise Refused(f"it quantizes to {zero.dtype}", INT8_HINT)
    unsigned = zero.dtype == np.uint8
    try:
        x = context.operand(node, 0)
    except Skipped:
        return _placeholder(context, node, stored_quantization(scale, zero, unsigned), unsigned)
    if isinstance(x, Constant | Stored):
        raise Refused("its input is not a float activation", code="EW-MODEL-INVALID")
    quantization = stored_quantization(scale, zero, unsigned)
    source = node.inputs[0]
    assert source is not None
    key = (source, quantization)
    if key not in context.emitted:
        context.emitted[key] = _emit(context, node, x, quantization)
    return Stored(context.emitted[key], unsigned)


def _emit(context: Context, node: ir.Node, x: Operand, output: Quantization) -> Placed:
    builder = context.builder
    name, label = node.outputs[0].name or attributes.node_name(node), attributes.node_name(node)
    match x:
        case Pending():
            check_factor(x.scale, output)
            return Placed(x.emit(name, output, x.activation), x.index)
        case Real(steps=()):
            check_factor(x.quantization.scale, output)
            return Placed(builder.requantized(x.placed.value, output, name, label), x.placed.index)
        case Real():
            check_factor(x.quantization.scale, output)
            table = lookup_for(x, output)
            return Placed(builder.lookup(table, x.placed.value, name, x.node or label), x.placed.index)
        case Computed():
            value = builder.add(Quantize(output), (x.placed.value,), name, f"{x.node}/quantize")
            return Placed(value, x.placed.index)
        case Float() if context.io == "source":
            value = builder.add(Quantize(output), (x.placed.value,), name, label)
            return Placed(value, x.placed.index)
        case Float():
            return _integer_input(context, x, output)
    raise Skipped


def _integer_input(context: Context, x: Float, output: Quantization) -> Placed:
    """With io="int8" the float graph input becomes the quantized tensor itself."""
    values = context.builder.values
    current = values[x.placed.value]
    if current.dtype != "float32" and current.quantization != output:
        raise Refused(
            f"graph input {x.placed.value} is quantized in two ways, {current.quantization} and {output}",
            "keep the float input: --io source",
            "EW-IO-AMBIGUOUS",
        )
    values[x.placed.value] = replace(current, dtype="int8", quantization=output)
    return x.placed


def _placeholder(context: Context, node: ir.Node, quantization: Quantization, unsigned: bool) -> Operand:
    """A value standing for the result of a refused node, so that the nodes after it are checked too."""
    shape = node.outputs[0].shape
    if shape is None or not shape.is_static():
        return Unknown()
    dims = tuple(int(d) for d in shape.numpy())
    check_size(dims, "its result")
    axes = default_axes(len(dims))
    tensor = TensorType(value_shape(dims, axes), "int8", quantization)
    name = context.builder.add_value(node.outputs[0].name or attributes.node_name(node), tensor)
    return Stored(Placed(name, stored_index(dims, axes)), unsigned)
