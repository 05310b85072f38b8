"""Inline model-local functions, after bounding what they grow to.

Functions that call functions grow exponentially: thirty of them, each calling the next one twice,
are a gigabyte of nodes in a file of a few kilobytes.
"""

from __future__ import annotations

import graphlib

import onnx
import onnx_ir as ir
from onnx_ir.passes.common import InlinePass

from edgewright.converter.importers.limits import MAX_NODES
from edgewright.errors import ModelError

_Key = tuple[str, str, str]


def bound_functions(model: onnx.ModelProto) -> None:
    """Check that the model's functions can be inlined.

    Raises:
        ModelError: EW-ONNX-CYCLE, functions that call each other in a circle; EW-MODEL-SIZE.
    """
    bodies = {(f.domain, f.name, f.overload): [_key(n) for n in f.node] for f in model.functions}
    calls = {key: [k for k in body if k in bodies] for key, body in bodies.items()}
    try:
        order = list(graphlib.TopologicalSorter(calls).static_order())
    except graphlib.CycleError as error:
        circle = " -> ".join(name for _, name, _ in error.args[1])
        raise ModelError("EW-ONNX-CYCLE", f"functions call each other in a circle: {circle}") from None
    nodes: dict[_Key, int] = {}
    for key in order:
        nodes[key] = min(sum(nodes.get(k, 1) for k in bodies[key]), MAX_NODES + 1)
    if sum(nodes.get(_key(n), 1) for n in model.graph.node) > MAX_NODES:
        raise ModelError(
            "EW-MODEL-SIZE", f"with its functions inlined the model has more than {MAX_NODES:,} nodes"
        )


def inline_functions(model: ir.Model) -> None:
    """Replace every call of a model-local function by its body, in place.

    Raises:
        ModelError: EW-ONNX-OP, a function that cannot be inlined.
    """
    if not model.functions:
        return
    try:
        InlinePass()(model)
    except (ValueError, TypeError, KeyError, IndexError, ir.passes.PassError) as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        raise ModelError(
            "EW-ONNX-OP", f"a function of the model cannot be inlined: {reason}", "export without functions"
        ) from error
    model.functions.clear()


def _key(node: onnx.NodeProto) -> _Key:
    return node.domain, node.op_type, node.overload
