"""Tensors of the file as ONNX values: stored or real, channels last or first.

*Stored* is what the file holds (int8 mostly), *real* what DequantizeLinear makes of it. A value of
four dimensions may exist as in the file (N, H, W, C) and transposed for ONNX's convolutions
(N, C, H, W). Each form is made once, when it is first asked for, so a chain of convolutions has
no transposes inside.
"""

from __future__ import annotations

import dataclasses
from enum import Enum

import numpy as np
import onnx_ir as ir

from edgewright.converter.importers.tflite_format.flatbuffer import damaged
from edgewright.converter.importers.tflite_format.onnx_builder import OnnxBuilder
from edgewright.converter.importers.tflite_format.refusal import refused
from edgewright.converter.importers.tflite_format.schema import Operator, Subgraph, Tensor
from edgewright.converter.program import Array
from edgewright.errors import ModelError

QUANTIZED = ("int8", "uint8")


class Layout(Enum):
    """Order of dimensions of a value; the text ends the names of second forms."""

    SOURCE = "nhwc"
    CHANNELS_FIRST = "nchw"


# Transpositions into a layout from the other one.
PERMUTATION = {Layout.CHANNELS_FIRST: (0, 3, 1, 2), Layout.SOURCE: (0, 2, 3, 1)}


class TensorValues:
    """ONNX values of a subgraph's tensors.

    Args:
        graph: The subgraph.
        builder: Receives the nodes and constants.
        constant_bytes: Most bytes of constants that may be written; tensors of a hostile file share
            one buffer, and each becomes a copy.
    """

    def __init__(self, graph: Subgraph, builder: OnnxBuilder, constant_bytes: int) -> None:
        self._builder = builder
        self._tensors = list(graph.tensors)
        self._border = {*graph.inputs, *graph.outputs}
        self._constant_bytes = constant_bytes
        self._stored: dict[tuple[int, Layout], ir.Value] = {}
        self._real: dict[tuple[int, Layout], ir.Value] = {}
        self._parameters: dict[int, list[ir.Value]] = {}
        self._named: set[int] = set()
        self._names = self._tensor_names(graph)
        self.inputs = [self._graph_input(i) for i in graph.inputs]

    def __getitem__(self, index: int) -> Tensor:
        return self._tensors[index]

    def name(self, index: int) -> str:
        """The tensor's name in the ONNX model: the file's, with a number where it is not unique."""
        return self._names[index]

    def usable(self, op: Operator, index: int) -> Tensor:
        """A tensor that can be an operand; refused are sparse, dynamic, stateful and 16-bit ones."""
        if index < 0:
            raise damaged(op.label, "an operand is missing")
        tensor = self[index]
        if tensor.oddity:
            raise refused(op, f"{tensor.label} {tensor.oddity}", tensor)
        if tensor.dtype == "int16":
            raise refused(op, f"{tensor.label} is int16; activations have to be int8", tensor)
        return tensor

    def layouts(self, index: int) -> list[Layout]:
        """Layouts in which a computed tensor is there already."""
        return [layout for layout in Layout if (index, layout) in self._stored]

    def stored(self, op: Operator, index: int, layout: Layout = Layout.SOURCE) -> ir.Value:
        """The tensor as it is stored, transposed where it has to be."""
        key = (index, layout)
        if key not in self._stored:
            tensor = self.usable(op, index)
            _check_rank(op, tensor, layout)
            make = self._transposed if tensor.data is None else self._constant_in
            self._stored[key] = make(op, tensor, layout)
        return self._stored[key]

    def real(self, op: Operator, index: int, layout: Layout = Layout.SOURCE) -> ir.Value:
        """The tensor's real values (float32)."""
        key = (index, layout)
        if key not in self._real:
            stored, tensor = self.stored(op, index, layout), self[index]
            axis = tensor.axis
            if layout is Layout.CHANNELS_FIRST and tensor.scales.size > 1:
                axis = PERMUTATION[layout].index(axis)
            self._real[key] = self._dequantized(op, tensor, stored, axis)
        return self._real[key]

    def fresh_real(self, op: Operator, index: int, layout: Layout) -> ir.Value:
        """Like `real`, computed by a node of its own, so that it may become another tensor."""
        stored, tensor = self.stored(op, index, layout), self[index]
        if tensor.scales.size > 1:
            raise refused(op, f"{tensor.label} has {tensor.scales.size} scales", tensor)
        return self._dequantized(op, tensor, stored, 0)

    def real_flat(self, op: Operator, index: int, shape: tuple[int, int]) -> ir.Value:
        """Real values of a tensor as a matrix, reshaped before they are dequantized."""
        tensor = self.usable(op, index)
        if len(tensor.shape) == 2 or tensor.scales.size > 1:
            return self.real(op, index)
        stored = self.stored(op, index, self.flat_layout(index))
        name = f"{self.name(index)}/flat"
        data = self._builder.constant(self._builder.unique(f"{name}/shape"), np.array(shape, dtype=np.int64))
        flat = self._builder.node("Reshape", [stored, data], name, output=self._builder.unique(name))
        return self._dequantized(op, tensor, flat, 0)

    def flat_layout(self, index: int) -> Layout:
        """A layout the tensor has whose elements lie in the order of the file."""
        shape = self[index].shape
        if self.layouts(index) != [Layout.CHANNELS_FIRST]:
            return Layout.SOURCE
        return Layout.CHANNELS_FIRST if shape[1] * shape[2] == 1 or shape[3] == 1 else Layout.SOURCE

    def constant(self, op: Operator, index: int, what: str) -> Array:
        """Data of an operand that has to be a constant; float16 as float32."""
        tensor = self.usable(op, index)
        if tensor.data is None:
            raise refused(op, f"{what} ({tensor.label}) is not a constant", tensor)
        data = tensor.array()
        return data.astype(np.float32) if tensor.dtype == "float16" else data

    def real_constant(self, op: Operator, index: int, data: Array, axis: int) -> ir.Value:
        """Real values of a constant operand in a form of the caller's making (weights).

        Args:
            op: The operator it is for.
            index: The tensor.
            data: Its data, reordered.
            axis: Dimension of the tensor's channels in `data`.
        """
        stored = self._write(op, self._value_name(index, None), data)
        return self._dequantized(op, self[index], stored, axis)

    def store(self, op: Operator, index: int, real: ir.Value, layout: Layout = Layout.SOURCE) -> None:
        """Let a computed real value be a tensor of the file, quantized where the tensor is.

        Args:
            op: The operator that computed it.
            index: The tensor.
            real: float32 value in `layout`, computed by a node made for this tensor only.
            layout: Order of its dimensions.
        """
        tensor = self._claim(op, index)
        _check_rank(op, tensor, layout)
        name = self._value_name(index, layout)
        if tensor.dtype == "float32":
            real.name = name
            self._stored[(index, layout)] = real
            return
        if tensor.dtype not in QUANTIZED:
            raise refused(op, f"its output {tensor.label} is {tensor.dtype}", tensor)
        if tensor.scales.size != 1 or not tensor.scales[0] > 0:
            raise refused(op, f"its output {tensor.label} has the scales {tensor.scales[:4]}", tensor)
        inputs = [real, *self._quantization(tensor)]
        self._stored[(index, layout)] = self._builder.node(
            "QuantizeLinear", inputs, f"{self.name(index)}/quantize", output=name
        )

    def alias_constant(self, op: Operator, index: int, source: int) -> bool:
        """Let a computed tensor stand for a constant one; False where that cannot be."""
        self._claim(op, index)
        if self.usable(op, source).data is None or index in self._border:
            return False
        self._tensors[index] = dataclasses.replace(self[source], index=index)
        return True

    def graph_output(self, index: int) -> ir.Value:
        """The value of a graph output, in the order of the file and of its name."""
        if (index, Layout.SOURCE) not in self._stored:
            self._stored[(index, Layout.SOURCE)] = self._transposed(None, self[index], Layout.SOURCE)
        return self._stored[(index, Layout.SOURCE)]

    def check_shapes(self) -> None:
        """Compare the shapes that were inferred with those of the file.

        Raises:
            ModelError: EW-TFLITE-DAMAGED naming the tensor.
        """
        for (index, layout), value in self._stored.items():
            shape = self[index].shape
            if value.shape is None:  # it was replaced by a constant, or nothing reads it
                continue
            want = tuple(shape[a] for a in PERMUTATION[layout]) if layout is Layout.CHANNELS_FIRST else shape
            if tuple(value.shape.numpy()) != want:
                got = [int(d) for d in value.shape.numpy()]
                raise damaged(self[index].label, f"its shape is {list(want)}, but its operator gives {got}")

    def _claim(self, op: Operator, index: int) -> Tensor:
        tensor = self.usable(op, index)
        if self.layouts(index) or tensor.data is not None:
            raise damaged(op.label, f"its output {tensor.label} has a value already")
        return tensor

    def _constant_in(self, op: Operator, tensor: Tensor, layout: Layout) -> ir.Value:
        data = self.constant(op, tensor.index, "an operand")
        if layout is Layout.CHANNELS_FIRST:
            data = data.transpose(PERMUTATION[layout])
        return self._write(op, self._value_name(tensor.index, layout), data)

    def _transposed(self, op: Operator | None, tensor: Tensor, layout: Layout) -> ir.Value:
        sources = self.layouts(tensor.index)
        if not sources:
            reader = op.label if op else "subgraph, outputs"
            raise damaged(reader, f"it reads {tensor.label}, which nothing before it computes")
        name = self._value_name(tensor.index, layout)
        source = self._stored[(tensor.index, sources[0])]
        attributes = {"perm": PERMUTATION[layout]}
        return self._builder.node("Transpose", [source], f"{name}/transpose", attributes, output=name)

    def _dequantized(self, op: Operator, tensor: Tensor, stored: ir.Value, axis: int) -> ir.Value:
        if tensor.dtype in ("float32", "float16"):
            return stored
        if tensor.dtype not in (*QUANTIZED, "int32"):
            raise refused(op, f"{tensor.label} is {tensor.dtype}, which is not a quantized type", tensor)
        if not tensor.scales.size:
            raise refused(op, f"{tensor.label} is {tensor.dtype} without a quantization", tensor)
        if tensor.dtype == "int32" and tensor.zero_points.any():
            raise refused(op, f"{tensor.label} is int32 with a zero point", tensor)
        attributes = {"axis": axis} if tensor.scales.size > 1 else {}
        inputs = [stored, *self._quantization(tensor)]
        return self._builder.node("DequantizeLinear", inputs, f"{stored.name}/dequantize", attributes)

    def _quantization(self, tensor: Tensor) -> list[ir.Value]:
        """Scale and zero point as constants; scalars for a whole tensor, vectors for channels."""
        if tensor.index not in self._parameters:
            whole = tensor.scales.size == 1
            name, new = self.name(tensor.index), self._builder
            scales = tensor.scales[0] if whole else tensor.scales
            values = [new.constant(new.unique(f"{name}/scale"), scales)]
            # onnxruntime takes int32 without a zero point only; here it is always 0.
            if tensor.dtype in QUANTIZED:
                zeros = tensor.zero_points.astype(tensor.dtype)
                values.append(new.constant(new.unique(f"{name}/zero_point"), zeros[0] if whole else zeros))
            self._parameters[tensor.index] = values
        return self._parameters[tensor.index]

    def _write(self, op: Operator, name: str, data: Array) -> ir.Value:
        """An initializer, counted against the limit."""
        self._constant_bytes -= data.nbytes
        if self._constant_bytes < 0:
            raise ModelError(
                "EW-MODEL-SIZE", f"{op.label}: the constants are much larger than the file itself"
            )
        return self._builder.constant(name, data)

    def _value_name(self, index: int, layout: Layout | None) -> str:
        """Name of a new form of a tensor: the tensor's own for the first, or the one users see."""
        own = layout is Layout.SOURCE if index in self._border else index not in self._named
        if own:
            self._named.add(index)
            return self.name(index)
        return self._builder.unique(f"{self.name(index)}/{layout.value if layout else 'weights'}")

    def _tensor_names(self, graph: Subgraph) -> list[str]:
        names: dict[int, str] = {}
        # Graph inputs and outputs first: users know them by name.
        for i in (*graph.inputs, *graph.outputs, *range(len(graph.tensors))):
            if i not in names:
                names[i] = self._builder.unique(self[i].name or f"tensor_{i}")
        return [names[i] for i in range(len(graph.tensors))]

    def _graph_input(self, index: int) -> ir.Value:
        tensor = self[index]
        if tensor.oddity or tensor.data is not None:
            what = tensor.oddity or "is a constant"
            raise ModelError("EW-TFLITE-OP", f"graph input {tensor.label} {what}", tensor=tensor.name)
        value = self._builder.graph_input(self.name(index), tensor.dtype, tensor.shape)
        self._stored[(index, Layout.SOURCE)] = value
        return value


def _check_rank(op: Operator, tensor: Tensor, layout: Layout) -> None:
    if layout is Layout.CHANNELS_FIRST and len(tensor.shape) != 4:
        raise damaged(op.label, f"{tensor.label} has the shape {list(tensor.shape)}, not four dimensions")
