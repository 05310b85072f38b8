"""Which function lowers which ONNX operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import onnx_ir as ir

from edgewright.converter.lower.operands import Operand

if TYPE_CHECKING:
    from edgewright.converter.lower.context import Context

Lowering = Callable[["Context", ir.Node], Operand | tuple[Operand, ...]]

LOWERINGS: dict[str, Lowering] = {}


def lowers(*op_types: str) -> Callable[[Lowering], Lowering]:
    """Register a function for ONNX operators.

    It gets the context and the node, and returns the operand of each output; it raises `Refused`
    where the node is not supported.
    """

    def register(function: Lowering) -> Lowering:
        for op_type in op_types:
            LOWERINGS[op_type] = function
        return function

    return register
