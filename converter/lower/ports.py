"""Graph inputs and outputs: their layout, their element type, their ports."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import onnx_ir as ir

from edgewright.converter import binary_functions
from edgewright.converter.lower.context import CALIBRATE_HINT, QUANTIZE_HINT, Context
from edgewright.converter.lower.layout import Axes, axes_of, channels_last, check_size, stored_index
from edgewright.converter.lower.operands import Computed, Float, Operand, Pending, Placed, Real, Stored
from edgewright.converter.lower.problem import Refused
from edgewright.converter.lower.scales import parameters, stored_quantization
from edgewright.converter.ops import tables
from edgewright.converter.ops.quantize import Dequantize
from edgewright.converter.program import Port, Quantization, Shape, TensorType

# Operators that work in any layout: the search for the layout of an input goes on behind them.
ANY_LAYOUT = frozenset(
    [
        "QuantizeLinear",
        "DequantizeLinear",
        "Identity",
        "Dropout",
        "Relu",
        "Clip",
        "Sigmoid",
        "Tanh",
        "HardSwish",
        "HardSigmoid",
        "LeakyRelu",
        "PRelu",
        "Elu",
        "Add",
        "Sub",
        "Mul",
        "Div",
        "Pad",
        "Concat",
        "Split",
        "Slice",
    ]
)
NEEDS_CHANNELS_LAST = frozenset(
    [
        "Conv",
        "ConvTranspose",
        "MaxPool",
        "AveragePool",
        "GlobalAveragePool",
        "GlobalMaxPool",
        "Resize",
        "BatchNormalization",
        *binary_functions.CONVOLUTIONS,
    ]
)
# Operators that hand integers on unchanged: their quantization may stand behind them.
MOVES_INTEGERS = frozenset(
    [
        "Identity",
        "Dropout",
        "Reshape",
        "Flatten",
        "Squeeze",
        "Unsqueeze",
        "Transpose",
        "Expand",
        "MaxPool",
        "Concat",
        "Split",
        "Slice",
        "Pad",
        "Resize",
        "Gather",
        "GlobalMaxPool",
    ]
)


def default_axes(rank: int) -> Axes:
    """Channels last for images and sequences (N, C, spatial...), else the source's order."""
    return channels_last(rank) if rank in (3, 4) else tuple(range(rank))


def value_shape(shape: tuple[int, ...], axes: Axes) -> Shape:
    """Rows, columns and channels of a tensor stored in the order of `axes`.

    (1, H, W, C) is (H, W, C); (1, T, C) is (T, 1, C); (1, N) and (N) are (1, 1, N).
    """
    sizes = [shape[a] for a in axes]
    if len(sizes) >= 4:
        return prod(sizes[:-2]), sizes[-2], sizes[-1]
    if len(sizes) >= 2:
        return prod(sizes[:-1]), 1, sizes[-1]
    return 1, 1, prod(sizes)


def add_input(context: Context, value: ir.Value) -> Operand:
    """Declare a graph input and its port; uint8 inputs become int8 by a table."""
    if value.shape is None or not value.shape.is_static():
        raise Refused(f"its shape {value.shape} is not fixed", "give it: --shape", "EW-MODEL-SHAPE")
    shape = tuple(int(d) for d in value.shape.numpy())
    check_size(shape, "it")
    axes = channels_last(len(shape)) if _wants_channels_last(value, len(shape)) else tuple(range(len(shape)))
    hwc, name = value_shape(shape, axes), value.name or "input"
    index = stored_index(shape, axes)
    if value.dtype == ir.DataType.FLOAT:
        made = context.builder.add_value(name, TensorType(hwc, "float32"))
        operand: Operand = Float(Placed(made, index))
    elif value.dtype in (ir.DataType.INT8, ir.DataType.UINT8):
        unsigned = value.dtype == ir.DataType.UINT8
        made, inner = _integer_input(context, name, hwc, _quantization_behind(context, value), unsigned)
        operand = Stored(Placed(inner, index), unsigned)
    else:
        raise Refused(f"its type is {value.dtype}", "use a float32, int8 or uint8 input", "EW-MODEL-TYPE")
    context.inputs.append(Port(name, made, shape, axes))
    return operand


def _integer_input(
    context: Context, name: str, shape: Shape, quantization: Quantization, unsigned: bool
) -> tuple[str, str]:
    """(value of the port, int8 value the operators read)."""
    if not unsigned or context.io == "int8":
        made = context.builder.add_value(name, TensorType(shape, "int8", quantization))
        return made, made
    outside = Quantization(quantization.scale, quantization.zero_point + 128)
    made = context.builder.add_value(name, TensorType(shape, "uint8", outside))
    shift = tables.requantize(outside, quantization, input_dtype="uint8")
    return made, context.builder.lookup(shift, made, f"{name}/int8", f"{name}/int8")


def _reached(value: ir.Value, through: frozenset[str]) -> Iterator[ir.Node]:
    """Nodes behind a value, nearest first, looking through some operators."""
    waiting, seen = [value], {value}
    while waiting:
        for use in waiting.pop(0).uses():
            yield use.node
            if use.node.op_type in through:
                new = [v for v in use.node.outputs if v not in seen]
                seen.update(new)
                waiting.extend(new)


def _wants_channels_last(value: ir.Value, rank: int) -> bool:
    """Whether the first operator that cares wants (N, spatial..., C)."""
    if rank not in (3, 4):
        return False
    caring = (n.op_type for n in _reached(value, ANY_LAYOUT) if n.op_type not in ANY_LAYOUT)
    return next(caring, "") in NEEDS_CHANNELS_LAST


def _quantization_behind(context: Context, value: ir.Value) -> Quantization:
    """Quantization of an integer graph input: that of the first DequantizeLinear reading it."""
    for node in _reached(value, MOVES_INTEGERS):
        if node.op_type == "DequantizeLinear":
            return stored_quantization(*parameters(context, node), value.dtype == ir.DataType.UINT8)
    raise Refused("no DequantizeLinear reads it: its quantization is unknown", CALIBRATE_HINT)


def add_output(context: Context, value: ir.Value) -> Port:
    """Port of a graph output, with the conversion to the source's element type."""
    operand, name = context.env[value], value.name or "output"
    if isinstance(operand, Real) and not operand.steps:
        placed, dtype = operand.placed, "float32" if context.io == "source" else "int8"
    elif isinstance(operand, Stored):
        keep = operand.unsigned and context.io == "source"
        placed, dtype = operand.placed, "uint8" if keep else "int8"
    elif isinstance(operand, Computed):
        placed, dtype = operand.placed, "float32"
    elif isinstance(operand, Pending | Real):
        maker = operand.node
        raise Refused(f"it is the float result of node {maker}, not quantized", QUANTIZE_HINT)
    elif isinstance(operand, Float):
        raise Refused("it is a float graph input, not computed", CALIBRATE_HINT)
    else:
        raise Refused("it is constant", "remove it from the graph's outputs")
    placed = _transposed(context, placed)
    axes = axes_of(placed.index)
    assert axes is not None
    return Port(name, _converted(context, placed.value, dtype, name), placed.shape, axes)


def _transposed(context: Context, placed: Placed) -> Placed:
    """The tensor where it is a transposition of its shape, else brought into its own order."""
    if axes_of(placed.index) is not None:
        return placed
    axes = tuple(range(len(placed.shape)))
    made = context.builder.arrange(placed, axes, value_shape(placed.shape, axes))
    return Placed(made, stored_index(placed.shape, axes))


def _converted(context: Context, value: str, dtype: str, name: str) -> str:
    """An int8 value as the graph output's element type."""
    tensor = context.builder.values[value]
    inside = tensor.quantization
    if dtype == "int8" or inside is None:
        return value
    if dtype == "float32":
        return context.builder.add(Dequantize(inside), (value,), name, f"{name}/dequantize")
    outside = Quantization(inside.scale, inside.zero_point + 128)
    shift = tables.requantize(inside, outside, output_dtype="uint8")
    return context.builder.lookup(shift, value, f"{name}/uint8", f"{name}/uint8")
