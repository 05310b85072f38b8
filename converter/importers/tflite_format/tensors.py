"""Tensors of the file as ONNX values: quantized or real, channels last or first.

A value of four dimensions may exist as it is in the file (N, H, W, C) and transposed for ONNX's
convolutions (N, C, H, W). Each form is made once, when it is first asked for, so a chain of
convolutions has no transposes inside.
"""

from __future__ import annotations

from enum import Enum

import numpy as np
import onnx_ir as ir

from edgewright.converter.importers.tflite_format.flatbuffer import damaged
from edgewright.converter.importers.tflite_format.onnx_builder import OnnxBuilder
from edgewright.converter.importers.tflite_format.schema import Operator, Subgraph, Tensor
from edgewright.converter.program import Array
from edgewright.errors import ModelError

QUANTIZED = ("int8", "uint8")


class Layout(Enum):
    """Order of dimensions of a value."""

    SOURCE = "source"
    CHANNELS_FIRST = "nchw"


TO_CHANNELS_FIRST = (0, 3, 1, 2)
TO_SOURCE = (0, 2, 3, 1)


class TensorValues:
    """ONNX values of a subgraph's tensors.

    Args:
        graph: The subgraph.
        builder: Receives the nodes and constants.
        constant_bytes: Most bytes of constants that may be written; tensors of a hostile file share
            one buffer, and each becomes a copy.
    """

    def __init__(self, graph: Subgraph, builder: OnnxBuilder, constant_bytes: int) -> None:
        self.graph = graph
        self._builder = builder
        self._constant_bytes = constant_bytes
        self._stored: dict[tuple[int, Layout], ir.Value] = {}
        self._real: dict[tuple[int, Layout], ir.Value] = {}
        self.names = self._tensor_names()
        self.inputs = [self._graph_input(i) for i in graph.inputs]

    def tensor(self, index: int) -> Tensor:
        return self.graph.tensors[index]

    def name(self, index: int) -> str:
        return self.names[index]

    def is_constant(self, index: int) -> bool:
        return self.tensor(index).data is not None

    def usable(self, op: Operator, index: int) -> Tensor:
        """A tensor that can be an operand; refused are sparse, dynamic, stateful and 16-bit ones."""
        tensor = self.tensor(index)
        if tensor.oddity:
            raise refused(op, f"{tensor.label} {tensor.oddity}", tensor)
        if tensor.dtype == "int16":
            raise refused(op, f"{tensor.label} is int16; activations have to be int8", tensor)
        return tensor

    def layouts(self, index: int) -> list[Layout]:
        """Layouts in which a computed tensor is there."""
        return [layout for layout in Layout if (index, layout) in self._stored]

    def stored(self, op: Operator, index: int, layout: Layout = Layout.SOURCE) -> ir.Value:
        """The tensor as it is stored (quantized, float or integer), transposed where it has to be."""
        key = (index, layout)
        if key not in self._stored:
            self._stored[key] = self._make(op, self.usable(op, index), layout)
        return self._stored[key]

    def real(self, op: Operator, index: int, layout: Layout = Layout.SOURCE) -> ir.Value:
        """The tensor's real values, dequantized where it is quantized."""
        key = (index, layout)
        if key not in self._real:
            tensor = self.usable(op, index)
            stored = self.stored(op, index, layout)
            if tensor.dtype == "float32":
                return stored
            axis = tensor.axis
            if layout is Layout.CHANNELS_FIRST:
                axis = TO_CHANNELS_FIRST.index(axis)
            self._real[key] = self.dequantize(op, tensor, stored, axis, self.suffixed(index, layout))
        return self._real[key]

    def dequantize(
        self, op: Operator, tensor: Tensor, stored: ir.Value, axis: int, name: str, scales: Array | None = None
    ) -> ir.Value:
        """DequantizeLinear of a stored value.

        Args:
            op: The operator that needs it, for messages.
            tensor: The tensor it is.
            stored: Its quantized value, in any layout.
            axis: Dimension of the channels in that layout.
            name: Prefix of the node's name.
            scales: float32, in place of the tensor's own.
        """
        if tensor.dtype not in (*QUANTIZED, "int32"):
            raise refused(op, f"{tensor.label} is {tensor.dtype}, which is not a quantized type", tensor)
        scales = tensor.scales if scales is None else scales
        if not scales.size:
            raise refused(op, f"{tensor.label} is {tensor.dtype} but has no quantization", tensor)
        inputs = [stored, self._builder.constant(f"{name}/scale", scales if scales.size > 1 else scales[0])]
        # onnxruntime takes int32 without a zero point only; TensorFlow Lite's is always 0.
        if tensor.dtype in QUANTIZED:
            zero_points = tensor.zero_points.astype(tensor.dtype)
            data = zero_points if scales.size > 1 else zero_points[0]
            inputs.append(self._builder.constant(f"{name}/zero_point", data))
        elif tensor.zero_points.any():
            raise refused(op, f"{tensor.label} is int32 with a zero point", tensor)
        attributes = {"axis": axis} if scales.size > 1 else {}
        return self._builder.node("DequantizeLinear", inputs, f"{name}/dequantize", attributes)

    def store(self, op: Operator, index: int, real: ir.Value, layout: Layout = Layout.SOURCE) -> None:
        """Let a computed real value be a tensor of the file, quantized where the tensor is.

        Args:
            op: The operator that computed it.
            index: The tensor.
            real: float32 value in `layout`, computed by a node made for this tensor only.
            layout: Order of its dimensions.
        """
        tensor = self._claim(op, index)
        if tensor.dtype == "float32":
            real.name = self._value_name(index, layout)
            self._stored[(index, layout)] = real
            return
        if tensor.dtype not in QUANTIZED:
            raise refused(op, f"its output {tensor.label} is {tensor.dtype}", tensor)
        if tensor.scales.size != 1 or not tensor.scales[0] > 0:
            raise refused(op, f"its output {tensor.label} has {tensor.scales.size} scales", tensor)
        name = self.name(index)
        inputs = [
            real,
            self._builder.constant(f"{name}/scale", tensor.scales[0]),
            self._builder.constant(f"{name}/zero_point", tensor.zero_points[0].astype(tensor.dtype)),
        ]
        self._stored[(index, layout)] = self._builder.node(
            "QuantizeLinear", inputs, f"{name}/quantize", output=self._value_name(index, layout)
        )

    def constant(self, op: Operator, index: int, what: str) -> Array:
        """Data of an operand that has to be a constant."""
        tensor = self.usable(op, index)
        if tensor.data is None:
            raise refused(op, f"{what} ({tensor.label}) is computed at run time; it has to be a constant", tensor)
        return tensor.array()

    def write_constant(self, op: Operator, name: str, data: Array) -> ir.Value:
        """An initializer, counted against the limit."""
        self._constant_bytes -= data.nbytes
        if self._constant_bytes < 0:
            raise ModelError(
                "EW-MODEL-SIZE", f"{op.label}: the constants are much larger than the file that holds them"
            )
        return self._builder.constant(name, data)

    def suffixed(self, index: int, layout: Layout) -> str:
        name = self.name(index)
        return name if layout is Layout.SOURCE else f"{name}/{layout.value}"

    def _make(self, op: Operator, tensor: Tensor, layout: Layout) -> ir.Value:
        index = tensor.index
        if tensor.data is not None:
            data = tensor.array()
            if layout is Layout.CHANNELS_FIRST:
                data = data.transpose(TO_CHANNELS_FIRST)
            return self.write_constant(op, self.suffixed(index, layout), data)
        other = Layout.SOURCE if layout is Layout.CHANNELS_FIRST else Layout.CHANNELS_FIRST
        if (index, other) not in self._stored:
            raise damaged(op.label, f"it reads {tensor.label}, which nothing before it computes")
        perm = TO_CHANNELS_FIRST if layout is Layout.CHANNELS_FIRST else TO_SOURCE
        name = self._value_name(index, layout)
        source = self._stored[(index, other)]
        return self._builder.node("Transpose", [source], f"{name}/transpose", {"perm": perm}, output=name)

    def _value_name(self, index: int, layout: Layout) -> str:
        """Name of a computed value: the tensor's own for the form that a user sees."""
        at_border = index in self.graph.outputs or index in self.graph.inputs
        own = Layout.SOURCE if at_border or Layout.CHANNELS_FIRST not in self.layouts(index) else None
        if layout is own or (not at_border and not self.layouts(index)):
            return self.name(index)
        return self._builder.unique(f"{self.name(index)}/{'nhwc' if layout is Layout.SOURCE else 'nchw'}")

    def _claim(self, op: Operator, index: int) -> Tensor:
        tensor = self.usable(op, index)
        if self.layouts(index) or tensor.data is not None:
            raise damaged(op.label, f"its output {tensor.label} has a value already")
        return tensor

    def _tensor_names(self) -> list[str]:
        # Graph inputs and outputs first: users know them by name.
        names: dict[int, str] = {}
        for i in (*self.graph.inputs, *self.graph.outputs, *range(len(self.graph.tensors))):
            if i not in names:
                names[i] = self._builder.unique(self.tensor(i).name or f"tensor_{i}")
        return [names[i] for i in range(len(self.graph.tensors))]

    def _graph_input(self, index: int) -> ir.Value:
        tensor = self.tensor(index)
        if tensor.oddity or tensor.data is not None:
            raise ModelError(
                "EW-TFLITE-OP", f"graph input {tensor.label} {tensor.oddity or 'is a constant'}", "", tensor=tensor.name
            )
        value = self._builder.graph_input(self.name(index), tensor.dtype, tensor.shape)
        self._stored[(index, Layout.SOURCE)] = value
        return value


def refused(op: Operator, reason: str, tensor: Tensor | None = None, hint: str = "") -> ModelError:
    """The error for an operator, or a form of it, that is not supported."""
    if not hint:
        hint = (
            "convert with int8 activations (full integer quantization)"
            if tensor is not None and tensor.dtype in ("int16", "int64")
            else "change the model, or convert it to .onnx"
        )
    return ModelError(
        "EW-TFLITE-OP",
        f"{op.label}: {reason}",
        hint,
        operator=op.index,
        op=op.kind,
        **({"tensor": tensor.name} if tensor else {}),
    )


def as_ints(data: Array) -> tuple[int, ...]:
    """A constant of integers as a flat tuple."""
    return tuple(int(v) for v in np.asarray(data).reshape(-1))
