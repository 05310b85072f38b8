"""What a tensor of the ONNX graph is while the graph is lowered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from edgewright.converter.lower.layout import Index
from edgewright.converter.ops.requantize import NO_ACTIVATION, ActivationRange
from edgewright.converter.program import Array, Quantization

Function = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]
# (name of the value to make, its quantization, fused activation) -> name of the value made.
Emit = Callable[[str, Quantization, ActivationRange], str]


@dataclass(frozen=True, eq=False)
class Placed:
    """A tensor's program value and where its elements lie in it (`layout.py`)."""

    value: str
    index: Index

    @property
    def shape(self) -> tuple[int, ...]:
        return self.index.shape


@dataclass(frozen=True, eq=False)
class Stored:
    """An integer activation. `unsigned`: uint8 in the source, stored as int8 minus 128."""

    placed: Placed
    unsigned: bool = False


@dataclass(frozen=True, eq=False)
class Float:
    """A float32 graph input before it is quantized."""

    placed: Placed


@dataclass(frozen=True, eq=False)
class Computed:
    """A float32 tensor made by a float operator (`float_island.py`).

    Args:
        placed: The float32 value.
        node: Name of the source node.
    """

    placed: Placed
    node: str


@dataclass(frozen=True)
class Step:
    """One operator of a unary chain, for those with arithmetic of their own.

    Args:
        op: ONNX operator.
        alpha: Slope of a LeakyRelu.
        activation: Bounds, where the step is a clamp.
        constant: Quantized constant operand of Add, Sub and Mul: (value, quantization).
        constant_first: Whether the constant is the first operand.
        scale_by: Float factor, where the step is a multiplication by a constant.
        itself: Both operands of Add, Sub or Mul are the tensor itself.
    """

    op: str
    alpha: float = 0.0
    activation: ActivationRange | None = None
    constant: tuple[int, Quantization] | None = None
    constant_first: bool = False
    scale_by: float | None = None
    itself: bool = False


@dataclass(frozen=True, eq=False)
class Real:
    """A float tensor that is a function of one element of a program value.

    Args:
        placed: The int8 value.
        quantization: Its quantization as the graph reads it.
        steps: Operators applied so far; none for a tensor that was only dequantized.
        function: What they compute, in double precision.
        node: Name of the source node of the last step.
    """

    placed: Placed
    quantization: Quantization
    steps: tuple[Step, ...] = ()
    function: Function = field(default=lambda x: x)
    node: str = ""

    def then(self, step: Step, function: Function, node: str) -> Real:
        """The tensor with one more operator applied."""
        before = self.function
        return replace(self, steps=(*self.steps, step), function=lambda x: function(before(x)), node=node)


@dataclass(frozen=True, eq=False)
class Pending:
    """A float result whose operator is emitted when the quantization of the result is known.

    Args:
        node: Name of the source node.
        index: Where the elements of the result will lie.
        scale: Real value of one step of the operator's raw result (an accumulator, a sum), the largest
            where channels differ.
        emit: Emits the operator.
        activation: Bounds of the activations fused so far.
        with_bias: The same with a constant added, where the operator has a bias.
    """

    node: str
    index: Index
    scale: float
    emit: Emit
    activation: ActivationRange = NO_ACTIVATION
    with_bias: Callable[[Constant], Pending] | None = None


@dataclass(frozen=True, eq=False)
class BinaryPending(Pending):
    """The result of a binary layer; another one may take its signs instead of its values.

    Args:
        channels: Channels of the result.
        bits: Emits the layer with packed signs of result + shift, by the shift of each channel.
    """

    channels: int = 0
    bits: Callable[[npt.NDArray[np.float32]], str] = field(default=lambda shift: "")


@dataclass(frozen=True, eq=False)
class QuantizedData:
    """Integers behind a dequantized constant: real = scale * (values - zero_point).

    Args:
        values: int8, uint8 or int32.
        scale: float32, one or one for each index of `axis`.
        zero_point: Same shape as scale.
        axis: Axis of the scales, None where there is only one.
    """

    values: Array
    scale: Array
    zero_point: Array
    axis: int | None

    def along(self, parameter: Array) -> Array:
        """A parameter shaped so that it broadcasts against the values."""
        if self.axis is None:
            return parameter.reshape(())
        return parameter.reshape([-1 if i == self.axis else 1 for i in range(self.values.ndim)])

    def reals(self) -> Array:
        """Dequantized values, float32."""
        steps = self.values.astype(np.int64) - self.along(self.zero_point).astype(np.int64)
        return np.asarray(steps.astype(np.float32) * self.along(self.scale), np.float32)


@dataclass(frozen=True, eq=False)
class Constant:
    """A tensor known now, and the integers behind it where it was dequantized."""

    data: Array
    quantized: QuantizedData | None = None


@dataclass(frozen=True)
class Unknown:
    """The result of a refused node."""


Operand = Stored | Float | Computed | Real | Pending | Constant | Unknown


def shape_of(operand: Operand) -> tuple[int, ...] | None:
    """ONNX shape of an operand, None where unknown."""
    match operand:
        case Constant():
            return operand.data.shape
        case Pending():
            return operand.index.shape
        case Stored() | Float() | Computed() | Real():
            return operand.placed.shape
    return None


def _viewed_integers(quantized: QuantizedData, view: Callable[[Array], Array]) -> QuantizedData | None:
    """Rearranged integers; None where their scales no longer lie along one axis."""
    values = view(quantized.values)
    if quantized.axis is None:
        return replace(quantized, values=values)
    positions = np.arange(quantized.scale.size)
    labels = view(np.broadcast_to(quantized.along(positions), quantized.values.shape))
    for axis, size in enumerate(values.shape):
        along = positions.reshape([-1 if i == axis else 1 for i in range(values.ndim)])
        if size == positions.size and np.array_equal(labels, np.broadcast_to(along, values.shape)):
            return replace(quantized, values=values, axis=axis)
    return None


def viewed(operand: Operand, view: Callable[[Array], Array]) -> Operand:
    """Apply a rearrangement of the elements (Reshape, Transpose, ...); nothing moves."""
    match operand:
        case Stored() | Float() | Computed() | Real():
            return replace(operand, placed=Placed(operand.placed.value, view(operand.placed.index)))
        case Pending():
            return replace(operand, index=view(operand.index), with_bias=None)
        case Constant():
            quantized = None if operand.quantized is None else _viewed_integers(operand.quantized, view)
            return Constant(view(operand.data), quantized)
    return operand
