"""Collects values, constants and nodes of a Program, and puts data into the order an operator needs."""

from __future__ import annotations

from math import prod

import numpy as np

from edgewright.converter.lower.layout import Axes, check_size, factor_transpose, is_stored_as
from edgewright.converter.lower.operands import Placed
from edgewright.converter.lower.problem import Refused
from edgewright.converter.ops import tables
from edgewright.converter.ops.base import OpKind
from edgewright.converter.ops.binarize import Binarize
from edgewright.converter.ops.lookup import Lookup
from edgewright.converter.ops.quantize import Dequantize
from edgewright.converter.ops.requantize import NO_ACTIVATION, ActivationRange
from edgewright.converter.ops.reshape import Reshape
from edgewright.converter.ops.transpose import Transpose
from edgewright.converter.program import Array, Node, Quantization, Shape, TensorType


class Builder:
    """A Program under construction; `values`, `constants` and `nodes` are as in `Program`."""

    def __init__(self) -> None:
        self.values: dict[str, TensorType] = {}
        self.constants: dict[str, Array] = {}
        self.nodes: list[Node] = []
        self._node_names: set[str] = set()
        self._made: dict[object, str] = {}

    def fresh(self, wanted: str) -> str:
        """A value name not used yet."""
        return _unused(wanted, self.values)

    def add_value(self, wanted: str, tensor: TensorType) -> str:
        """Declare a value; returns its name."""
        name = self.fresh(wanted)
        self.values[name] = tensor
        return name

    def add_constant(self, wanted: str, data: Array, quantization: Quantization) -> str:
        """Add a constant operand, int8 [H, W, C]; returns its value name."""
        rows, columns, channels = data.shape
        name = self.add_value(wanted, TensorType((rows, columns, channels), "int8", quantization))
        self.constants[name] = np.ascontiguousarray(data, np.int8)
        return name

    def add(self, op: OpKind, inputs: tuple[str, ...], output: str, node: str) -> str:
        """Append a node.

        Args:
            op: Its operation.
            inputs: Value names.
            output: Wanted name of the value it makes.
            node: Wanted name of the node, that of the source.

        Returns:
            Name of the value made.
        """
        made = op.output_type(*(self.values[i] for i in inputs))
        check_size(made.shape, f"the result of {node}")
        value = self.add_value(output, made)
        name = _unused(node, self._node_names)
        self._node_names.add(name)
        self.nodes.append(Node(name, op, inputs, value))
        return value

    def arrange(self, placed: Placed, axes: Axes, shape: Shape) -> str:
        """Value holding a tensor's elements in the order of `axes`, as rows, columns and channels `shape`.

        Nothing is emitted where the tensor's value is already that; a Reshape (which moves no data)
        where only the shape differs; a Transpose otherwise.

        Raises:
            Refused: Where the elements are in no transposed order.
        """
        if prod(shape) != placed.index.size:
            raise Refused(f"{placed.shape} does not fill {shape}", code="EW-MODEL-SHAPE")
        order = placed.index.transpose(axes).ravel()
        if is_stored_as(placed.index, axes):
            if self.values[placed.value].shape == shape:
                return placed.value
            return self.once(Reshape(shape), placed.value, (Reshape, placed.value, shape), "reshape")
        found = factor_transpose(order)
        if found is None:
            raise Refused(
                f"the elements of {placed.value} are needed in an order that no transposition gives",
                "simplify the chain of Reshape and Transpose nodes before this node",
            )
        return self.once(Transpose(*found, shape), placed.value, (placed.value, found, shape), "transpose")

    def once(self, op: OpKind, value: str, key: object, suffix: str) -> str:
        """Add a helper node, or return the value of the equal one added before."""
        if key not in self._made:
            self._made[key] = self.add(op, (value,), f"{value}/{suffix}", f"{value}/{suffix}")
        return self._made[key]

    def binarized(self, value: str, thresholds: Array) -> str:
        """Packed signs of an int8 value: bit = x >= threshold of its channel."""
        return self.once(Binarize(thresholds), value, (Binarize, value, thresholds.tobytes()), "signs")

    def lookup(self, table: Lookup, value: str, output: str, node: str) -> str:
        """Append a table applied to a value; returns the value made."""
        return self.add(table, (value,), output, node)

    def requantized(self, value: str, output: Quantization, name: str, node: str) -> str:
        """A value in another quantization, itself where that is the one it has."""
        current = self.values[value].quantization
        if current is None or current == output:
            return value
        return self.lookup(tables.requantize(current, output), value, name, node)

    def add_finished(
        self,
        op: OpKind,
        inputs: tuple[str, ...],
        output: Quantization,
        activation: ActivationRange,
        name: str,
        node: str,
    ) -> str:
        """Append an operator that can neither clamp nor choose its quantization, and a table that does.

        Args:
            op: The operation.
            inputs: Value names.
            output: Quantization wanted.
            activation: Bounds wanted.
            name: Name of the value with both.
            node: Name of the operation's node.
        """
        made = op.output_type(*(self.values[i] for i in inputs)).quantization
        if made is None or (made == output and activation == NO_ACTIVATION):
            return self.add(op, inputs, name, node)
        value = self.add(op, inputs, f"{name}/{op.kind}", node)
        if activation == NO_ACTIVATION:
            return self.lookup(tables.requantize(made, output), value, name, f"{node}/requantize")
        return self.lookup(tables.relu(made, output, activation), value, name, f"{node}/clip")

    def dequantized(self, value: str) -> str:
        """An int8 value as float32; a float32 one itself."""
        quantization = self.values[value].quantization
        if quantization is None:
            return value
        return self.once(Dequantize(quantization), value, (Dequantize, value), "dequantize")

    def reinterpreted(self, value: str, quantization: Quantization) -> str:
        """The same integers read with another quantization."""
        if self.values[value].quantization == quantization:
            return value
        same = Lookup(np.arange(-128, 128, dtype=np.int8), "int8", "int8", quantization, "reinterpret")
        return self.once(same, value, (value, quantization), "reinterpret")


def _unused(wanted: str, used: dict[str, TensorType] | set[str]) -> str:
    name, count = wanted, 1
    while name in used:
        count += 1
        name = f"{wanted}#{count}"
    return name
