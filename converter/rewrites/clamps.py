"""The clamp of an operator's int8 result."""

from __future__ import annotations

from dataclasses import replace

from edgewright.converter.ops.average_pool import AveragePool
from edgewright.converter.ops.base import OpKind
from edgewright.converter.ops.binary import Add, Mul
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.ops.max_pool import MaxPool

Clamp = tuple[int, int]
UNCLAMPED: Clamp = (-128, 127)


def clamp_of(op: OpKind) -> Clamp | None:
    """(min, max) of the result; None where the operator has no clamp."""
    if isinstance(op, Conv2D | DepthwiseConv2D | FullyConnected):
        return op.requantize.clamp
    return op.clamp if isinstance(op, Add | Mul | AveragePool | MaxPool) else None


def with_clamp(op: OpKind, clamp: Clamp) -> OpKind:
    """The operator, which has a clamp, with another one."""
    if isinstance(op, Conv2D | DepthwiseConv2D | FullyConnected):
        return replace(op, requantize=replace(op.requantize, clamp=clamp))
    assert isinstance(op, Add | Mul | AveragePool | MaxPool)
    return replace(op, clamp=clamp)
