"""Inline model-local functions, after bounding what they grow to.

Functions that call functions grow exponentially: thirty of them, each calling the next one twice,
are a gigabyte of nodes in a file of a few kilobytes.
"""

from __future__ import annotations

import graphlib

import onnx_ir as ir
from onnx_ir.passes.common import InlinePass

from edgewright.converter.importers.limits import MAX_NODES
from edgewright.errors import ModelError


def inline_functions(model: ir.Model) -> None:
    """Replace every call of a model-local function by its body, in place.

    Raises:
        ModelError: EW-ONNX-CYCLE, functions that call each other in a circle; EW-MODEL-SIZE;
            EW-ONNX-OP, a function that cannot be inlined.
    """
    if not model.functions:
        return
    nodes = sum(_inlined_nodes(model).get(node.op_identifier(), 1) for node in model.graph)
    if nodes > MAX_NODES:
        raise ModelError(
            "EW-MODEL-SIZE", f"with its functions inlined the model has more than {MAX_NODES:,} nodes"
        )
    try:
        InlinePass()(model)
    except (ValueError, TypeError, KeyError, IndexError, ir.passes.PassError) as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        raise ModelError(
            "EW-ONNX-OP", f"a function of the model cannot be inlined: {reason}", "export without functions"
        ) from error
    model.functions.clear()


def _inlined_nodes(model: ir.Model) -> dict[ir.OperatorIdentifier, int]:
    """Nodes of each function's body with all calls inlined, capped above `MAX_NODES`."""
    calls = {
        key: [n.op_identifier() for n in function if n.op_identifier() in model.functions]
        for key, function in model.functions.items()
    }
    try:
        order = list(graphlib.TopologicalSorter(calls).static_order())
    except graphlib.CycleError as error:
        circle = " -> ".join(name for _, name, _ in error.args[1])
        raise ModelError("EW-ONNX-CYCLE", f"functions call each other in a circle: {circle}") from None
    sizes: dict[ir.OperatorIdentifier, int] = {}
    for key in order:
        plain = len(model.functions[key]) - len(calls[key])
        sizes[key] = min(plain + sum(sizes[c] for c in calls[key]), MAX_NODES + 1)
    return sizes
