"""Gemm and MatMul with constant weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgewright.converter.lower import attributes
from edgewright.converter.lower.builder import Builder
from edgewright.converter.lower.context import Context
from edgewright.converter.lower.layout import Index, check_size, identity_index
from edgewright.converter.lower.linear import (
    accumulator_bias,
    check_accumulator,
    output_scales,
    per_channel,
    stored_format,
    symmetric,
)
from edgewright.converter.lower.operands import Constant, Pending, Placed, QuantizedData, Real
from edgewright.converter.lower.problem import Refused
from edgewright.converter.lower.registry import lowers
from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.ops.requantize import ActivationRange, Requantize
from edgewright.converter.ops.weight_format import weight_format
from edgewright.converter.program import Array, Quantization


@lowers("Gemm")
def gemm(context: Context, node: ir.Node) -> Pending:
    """alpha * x * w + beta * c, each of x and w transposed or not."""
    x = context.real(node, 0)
    stored = context.weights(node, 1)
    if len(x.placed.shape) != 2 or stored.values.ndim != 2:
        raise Refused(f"ranks {len(x.placed.shape)} and {stored.values.ndim}", code="EW-MODEL-INVALID")
    if attributes.integer(node, "transA", 0):
        x = replace(x, placed=Placed(x.placed.value, x.placed.index.T))
    layer = _layer(stored, 0 if attributes.integer(node, "transB", 0) else 1)
    layer = layer.scaled(attributes.number(node, "alpha", 1.0))
    biases: tuple[Constant, ...] = ()
    beta = attributes.number(node, "beta", 1.0)
    if context.has(node, 2) and beta != 0:
        bias = per_channel(context.constant(node, 2, "bias"), len(layer.weights), 1, 2)
        biases = (bias if beta == 1 else Constant(np.asarray(bias.data * np.float32(beta))),)
    return layer.pending(context, attributes.node_name(node), x, biases)


@lowers("MatMul")
def matmul(context: Context, node: ir.Node) -> Pending:
    """x [..., K] * w [K, N] with constant w."""
    x = context.real(node, 0)
    if not isinstance(context.operand(node, 1), Constant):
        raise Refused("neither factor is constant", "only MatMul with constant weights is supported")
    stored = context.weights(node, 1)
    if stored.values.ndim > 2 and prod(stored.values.shape[:-2]) == 1:
        dims = stored.values.shape
        axis = None if stored.axis is None else stored.axis - (len(dims) - 2)
        stored = QuantizedData(stored.values.reshape(dims[-2:]), stored.scale, stored.zero_point, axis)
    if stored.values.ndim != 2 or len(x.placed.shape) < 1:
        raise Refused(f"its weights have the shape {list(stored.values.shape)}, not [K, N]")
    return _layer(stored, 1).pending(context, attributes.node_name(node), x, ())


def _layer(stored: QuantizedData, output_axis: int) -> Layer:
    weights = symmetric(stored)
    scales = output_scales(stored, output_axis, weights.shape[output_axis])
    by_output = np.ascontiguousarray(weights if output_axis == 0 else weights.T)
    return Layer(by_output, scales, stored_format(stored, weights))


@dataclass(frozen=True, eq=False)
class Layer:
    """Weights of a fully connected layer.

    Args:
        weights: int8 [N, K].
        scales: Their scale, one or [N].
        weight_format: How the weights are stored in flash.
    """

    weights: Array
    scales: npt.NDArray[np.float64]
    weight_format: str = "int8"

    def scaled(self, alpha: float) -> Layer:
        """The layer with its weights multiplied by a real."""
        if not np.isfinite(alpha) or alpha == 0:
            raise Refused(f"alpha is {alpha}")
        if alpha > 0:
            return replace(self, scales=self.scales * alpha)
        lowest = int(self.weights.min())
        if lowest == -128 or not weight_format(self.weight_format).holds(-self.weights):
            raise Refused(f"alpha is {alpha} and a weight is {lowest}", "use a positive alpha")
        return replace(self, weights=-self.weights, scales=self.scales * -alpha)

    def pending(self, context: Context, node: str, x: Real, biases: tuple[Constant, ...]) -> Pending:
        """The layer applied to an activation [..., K]."""
        outputs, depth = self.weights.shape
        leading = x.placed.shape[:-1]
        if x.placed.shape[-1] != depth:
            raise Refused(f"{list(x.placed.shape)} times weights of depth {depth}", code="EW-MODEL-INVALID")
        check_size((*leading, outputs), "its result")
        bias = accumulator_bias(biases, x.quantization.scale, self.scales, outputs)
        check_accumulator(self.weights, bias, x.quantization)
        rows = Rows.of(x.placed.index.reshape(-1, depth))
        index = rows.order[:, None] * outputs + np.arange(outputs, dtype=np.int32)
        value = rows.value(context.builder, x.placed)

        def emit(name: str, output: Quantization, activation: ActivationRange) -> str:
            weights = np.empty_like(self.weights)
            weights[:, rows.columns] = self.weights
            requantize = Requantize.for_fully_connected(
                x.quantization.scale,
                self.scales,
                output,
                bias,
                activation,
                channels=outputs,
                weights=weights,
                input_zero_point=x.quantization.zero_point,
            )
            op = FullyConnected(weights, requantize, x.quantization.zero_point, self.weight_format)
            return context.builder.add(op, (value,), name, node)

        def with_bias(constant: Constant) -> Pending:
            vector = per_channel(constant, outputs, len(leading), len(leading) + 1)
            return self.pending(context, node, x, (*biases, vector))

        scale = x.quantization.scale * float(self.scales.max())
        return Pending(node, index.reshape(*leading, outputs), scale, emit, with_bias=with_bias)


@dataclass(frozen=True, eq=False)
class Rows:
    """How the rows [M, K] of a matrix lie in its value.

    Args:
        order: int32 [M], stored position of each row.
        columns: int32 [K], stored position of each column; the weights are permuted to it, so a
            flattened image needs no transposition.
        moved: Whether the matrix has to be transposed into rows first.
    """

    order: Index
    columns: Index
    moved: bool

    @staticmethod
    def of(index: Index) -> Rows:
        """Rows and columns of an index [M, K]."""
        depth = index.shape[1]
        order, columns = index // depth, index % depth
        if np.all(order == order[:, :1]) and np.all(columns == columns[:1]):
            return Rows(order[:, 0], columns[0], moved=False)
        straight = identity_index(index.shape)
        return Rows(straight[:, 0] // depth, straight[0], moved=True)

    def value(self, builder: Builder, placed: Placed) -> str:
        """Value [.., .., K] with the rows."""
        shape = builder.values[placed.value].shape
        count, depth = len(self.order), len(self.columns)
        if self.moved:
            matrix = Placed(placed.value, placed.index.reshape(count, depth))
            return builder.arrange(matrix, (0, 1), (count, 1, depth))
        if shape[2] == depth:
            return placed.value
        flat = Placed(placed.value, identity_index((count * depth,)))
        return builder.arrange(flat, (0,), (count, 1, depth))
