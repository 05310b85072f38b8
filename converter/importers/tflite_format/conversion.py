"""What an operator's conversion works with: operands, nodes, layouts, fused activations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx_ir as ir
import tflite

from edgewright.converter.importers.tflite_format.flatbuffer import damaged
from edgewright.converter.importers.tflite_format.onnx_builder import Attribute, OnnxBuilder
from edgewright.converter.importers.tflite_format.refusal import refused
from edgewright.converter.importers.tflite_format.schema import Operator, Tensor
from edgewright.converter.importers.tflite_format.tensors import PERMUTATION, Layout, TensorValues

_LARGEST_STEP = 1 << 15


class Conversion:
    """One conversion of a subgraph; every operator's function gets it with its operator."""

    def __init__(self, builder: OnnxBuilder, values: TensorValues) -> None:
        self.builder = builder
        self.values = values

    def tensor(self, op: Operator, operand: int) -> Tensor:
        """The operator's `operand`-th input."""
        return self.values.usable(op, self.input(op, operand))

    def output(self, op: Operator) -> Tensor:
        """The operator's only output."""
        if len(op.outputs) != 1:
            raise damaged(op.label, f"it has {len(op.outputs)} outputs")
        return self.values.usable(op, op.outputs[0])

    def input(self, op: Operator, operand: int) -> int:
        """Index of the operator's `operand`-th input."""
        if operand >= len(op.inputs) or op.inputs[operand] < 0:
            raise damaged(op.label, f"its input {operand} is missing")
        return op.inputs[operand]

    def has_input(self, op: Operator, operand: int) -> bool:
        return operand < len(op.inputs) and op.inputs[operand] >= 0

    def real(self, op: Operator, operand: int, layout: Layout = Layout.SOURCE) -> ir.Value:
        """Real values of the operator's `operand`-th input."""
        return self.values.real(op, self.input(op, operand), layout)

    def ints(self, op: Operator, operand: int, what: str) -> tuple[int, ...]:
        """A constant operand of integers, flat."""
        tensor = self.tensor(op, operand)
        if tensor.dtype not in ("int32", "int64"):
            raise damaged(op.label, f"{what} ({tensor.label}) is {tensor.dtype}")
        data = self.values.constant(op, tensor.index, what)
        if data.size > 64:
            raise damaged(op.label, f"{what} ({tensor.label}) has {data.size:,} elements")
        return tuple(int(v) for v in data.reshape(-1))

    def int_constant(self, op: Operator, what: str, data: Sequence[int]) -> ir.Value:
        """A shape-like operand of a node."""
        return self.int_array(f"{self.name(op)}/{what}", data)

    def int_array(self, name: str, data: Sequence[int]) -> ir.Value:
        """An int64 vector; `name` is a wish."""
        return self.builder.constant(self.builder.unique(name), np.array(data, dtype=np.int64))

    def float_constant(self, op: Operator, what: str, value: float) -> ir.Value:
        name = self.builder.unique(f"{self.name(op)}/{what}")
        return self.builder.constant(name, np.array(value, dtype=np.float32))

    def name(self, op: Operator) -> str:
        """Name of the operator's main node: its output tensor's."""
        return self.values.name(self.output(op).index if len(op.outputs) == 1 else op.outputs[0])

    def node(
        self,
        op: Operator,
        op_type: str,
        inputs: Sequence[ir.Value | None],
        attributes: Mapping[str, Attribute] | None = None,
        *,
        part: str = "",
    ) -> ir.Value:
        """A node of the operator; `part` ends the names of all but the main one."""
        name = self.name(op) + (f"/{part}" if part else "")
        return self.builder.node(op_type, inputs, name, attributes)

    def finish(
        self, op: Operator, real: ir.Value, layout: Layout = Layout.SOURCE, activation: int = 0
    ) -> None:
        """Apply the fused activation and store the result as the operator's output."""
        index = self.output(op).index
        self.values.store(op, index, self.activate(op, real, activation), layout)

    def activate(self, op: Operator, real: ir.Value, activation: int) -> ir.Value:
        """Append a fused activation (`tflite.ActivationFunctionType`)."""
        kinds = tflite.ActivationFunctionType
        if activation == kinds.NONE:
            return real
        if activation == kinds.RELU:
            return self.node(op, "Relu", [real], part="relu")
        if activation == kinds.RELU6:
            return self.clip(op, real, 0.0, 6.0)
        if activation == kinds.RELU_N1_TO_1:
            return self.clip(op, real, -1.0, 1.0)
        raise refused(op, f"fused activation {activation} is not supported")

    def clip(self, op: Operator, real: ir.Value, low: float, high: float) -> ir.Value:
        """Limit a value to [low, high]."""
        limits = [self.float_constant(op, "min", low), self.float_constant(op, "max", high)]
        return self.node(op, "Clip", [real, *limits], part="clip")

    def layout_for(self, op: Operator, operands: Sequence[int]) -> Layout:
        """Layout for an operator to which the order does not matter: the one its inputs have.

        Args:
            op: The operator.
            operands: Positions of its data inputs.
        """
        if len(self.output(op).shape) != 4:
            return Layout.SOURCE
        computed = [t for t in (self.tensor(op, i) for i in operands) if t.data is None]
        if any(len(t.shape) != 4 for t in computed):
            return Layout.SOURCE
        have = [self.values.layouts(t.index) for t in computed]
        return Layout.CHANNELS_FIRST if any(Layout.SOURCE not in x for x in have) else Layout.SOURCE

    def same_quantization(self, op: Operator) -> None:
        """Refuse an operator that only moves data but whose output means other numbers."""
        x, y = self.tensor(op, 0), self.output(op)
        same = np.array_equal(x.scales, y.scales) and np.array_equal(x.zero_points, y.zero_points)
        if x.dtype != y.dtype or not same:
            raise refused(op, f"{y.label} has another quantization than {x.label}", y)

    def axis(self, op: Operator, axis: int, rank: int, layout: Layout = Layout.SOURCE) -> int:
        """An axis of the file, counted from the end where negative, as the layout's."""
        if not -rank <= axis < rank:
            raise damaged(op.label, f"axis {axis} of a tensor with {rank} dimensions")
        axis %= rank
        return PERMUTATION[layout].index(axis) if layout is Layout.CHANNELS_FIRST else axis

    def step(self, op: Operator, what: str, value: int) -> int:
        """A stride, window or dilation, within bounds."""
        if not 1 <= value <= _LARGEST_STEP:
            raise damaged(op.label, f"{what} is {value}")
        return value
