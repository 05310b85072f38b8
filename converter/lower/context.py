"""State of lowering one model, and the access every lowering function has to its node's operands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import onnx_ir as ir

from edgewright.converter.lower.attributes import node_name
from edgewright.converter.lower.builder import Builder
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
from edgewright.converter.lower.problem import Problem, Refused, Skipped
from edgewright.converter.program import Port, Quantization

Io = Literal["source", "int8"]
QUANTIZE_HINT = "add a QuantizeLinear/DequantizeLinear pair after the node that makes it"
CALIBRATE_HINT = (
    "quantize the whole float model: edgewright quantize MODEL --calibrate DATA -o QUANTIZED.onnx"
)


@dataclass
class Context:
    """What is known while the nodes are walked in order.

    Args:
        io: Whether float graph inputs and outputs keep their quantization on the device.
        builder: The program so far.
        env: Operand of every ONNX value seen.
        inputs: Ports of the graph inputs.
        problems: Refusals so far.
        emitted: Values made by quantizing a float tensor, by (tensor, quantization).
        computed: Float results of tensors that `env` holds as integer ones not quantized yet.
    """

    io: Io
    builder: Builder = field(default_factory=Builder)
    env: dict[ir.Value, Operand] = field(default_factory=dict)
    inputs: list[Port] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    emitted: dict[tuple[ir.Value, Quantization], Placed] = field(default_factory=dict)
    computed: dict[ir.Value, Computed] = field(default_factory=dict)

    def has(self, node: ir.Node, position: int) -> bool:
        """Whether the optional input is there."""
        return position < len(node.inputs) and node.inputs[position] is not None

    def operand(self, node: ir.Node, position: int) -> Operand:
        """Operand of a node's input.

        Raises:
            Skipped: Where an earlier refusal left it unknown.
        """
        value = node.inputs[position] if self.has(node, position) else None
        if value is None:
            raise Refused(f"input {position} is missing", code="EW-MODEL-INVALID")
        if value not in self.env:
            raise Refused(f"input {value.name} is read before it is computed", code="EW-MODEL-INVALID")
        found = self.env[value]
        if isinstance(found, Unknown):
            raise Skipped
        return found

    def constant(self, node: ir.Node, position: int, what: str) -> Constant:
        """A constant input; `what` names its role in the message of the refusal."""
        found = self.operand(node, position)
        if not isinstance(found, Constant):
            raise Refused(f"its {what} {_name(node, position)} is not constant")
        return found

    def integers(self, node: ir.Node, position: int, what: str) -> tuple[int, ...]:
        """Values of a constant integer input (shapes, axes)."""
        data = self.constant(node, position, what).data
        if not np.issubdtype(data.dtype, np.integer) or data.ndim > 1 or data.size > 64:
            raise Refused(f"its {what} is {data.dtype} {list(data.shape)}", code="EW-MODEL-INVALID")
        return tuple(int(v) for v in data.reshape(-1))

    def weights(self, node: ir.Node, position: int) -> QuantizedData:
        """Integers of a quantized constant input."""
        found = self.constant(node, position, "weight")
        if found.quantized is None:
            raise Refused(f"its weight {_name(node, position)} is not quantized", CALIBRATE_HINT)
        return found.quantized

    def real(self, node: ir.Node, position: int) -> Real:
        """A dequantized activation."""
        found = self.operand(node, position)
        name = _name(node, position)
        match found:
            case Real(steps=()):
                return found
            case Real(steps=steps):
                raise Refused(f"its input {name}, result of {steps[-1].op}, is not quantized", QUANTIZE_HINT)
            case Pending(node=producer) | Computed(node=producer):
                raise Refused(f"its input {name}, result of node {producer}, is not quantized", QUANTIZE_HINT)
            case Float():
                raise Refused(f"its input {name} is a float graph input, not quantized", CALIBRATE_HINT)
            case Stored():
                raise Refused(f"its input {name} is an integer tensor", "dequantize it (DequantizeLinear)")
            case Constant():
                raise Refused(f"its input {name} is constant", "fold constants before the conversion")
        raise Skipped

    def movable(self, node: ir.Node, position: int) -> Stored | Real:
        """An activation whose elements an operator only moves: integer, or a function of an integer."""
        found = self.operand(node, position)
        return found if isinstance(found, Stored) else self.real_or_steps(node, position)

    def real_or_steps(self, node: ir.Node, position: int) -> Real:
        """A dequantized activation, unary operators applied to it or not."""
        found = self.operand(node, position)
        return found if isinstance(found, Real) else self.real(node, position)

    def result_name(self, node: ir.Node, output: int = 0) -> str:
        """Name for a value: that of the quantized tensor where the float one is only quantized."""
        value = node.outputs[output]
        users = [use.node for use in value.uses()]
        if len(users) == 1 and users[0].op_type == "QuantizeLinear" and not value.is_graph_output():
            value = users[0].outputs[0]
        return value.name or f"{node_name(node)}:{output}"


def _name(node: ir.Node, position: int) -> str:
    value = node.inputs[position]
    return "" if value is None or value.name is None else value.name
