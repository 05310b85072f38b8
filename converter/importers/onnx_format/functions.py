"""Inline model-local functions, after bounding what they grow to; calls of binary layers stay.

Functions that call functions grow exponentially: thirty of them, each calling the next one twice,
are a gigabyte of nodes in a file of a few kilobytes.
"""

from __future__ import annotations

import graphlib

import onnx
import onnx.inliner

from edgewright.converter.binary_functions import DOMAIN, is_known
from edgewright.converter.importers.limits import MAX_NODES
from edgewright.converter.importers.normalize.finish import first_line
from edgewright.errors import ModelError

_Key = tuple[str, str, str]


def bound_functions(model: onnx.ModelProto) -> None:
    """Check that the model's functions can be inlined.

    Raises:
        ModelError: EW-ONNX-CYCLE, functions that call each other in a circle; EW-MODEL-SIZE.
    """
    bodies = {_key_of(f): [_key(n) for n in f.node] for f in model.functions}
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


def inline_functions(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with every call of a model-local function replaced by its body.

    Binary layers (`converter/binary_functions.py`) stay calls, if their functions are the known ones; a
    function that only has the name of one is inlined like any other.

    Raises:
        ModelError: EW-ONNX-OP, a function that cannot be inlined.
    """
    _check_defined(model)
    others = [f for f in model.functions if not is_known(f)]
    if not others:
        return model
    names = {_key_of(f) for f in others}
    try:
        if len(others) == len(model.functions):  # says more where it cannot
            inlined: onnx.ModelProto = onnx.inliner.inline_local_functions(model)
        else:
            chosen = [(f.domain, f.name) for f in others]
            inlined = onnx.inliner.inline_selected_functions(model, chosen)
    except Exception as error:  # what the C++ beneath throws
        raise _refused(first_line(error)) from error
    for node in inlined.graph.node:
        if _key(node) in names:
            raise _refused(f"node {node.name!r} calls {node.op_type}, which is written for another opset")
    kept = [f for f in inlined.functions if _key_of(f) not in names]
    del inlined.functions[:]
    inlined.functions.extend(kept)
    return inlined


def _check_defined(model: onnx.ModelProto) -> None:
    """Calls of binary layers mean something only with the functions themselves."""
    defined = {f.name for f in model.functions if f.domain == DOMAIN}
    for node in (*model.graph.node, *(n for f in model.functions for n in f.node)):
        if node.domain == DOMAIN and node.op_type not in defined:
            raise ModelError(
                "EW-ONNX-OP",
                f"node {node.name!r} calls {DOMAIN}.{node.op_type}, a function the model does not define",
                "add it: edgewright.converter.binary_functions.add_functions",
                node=node.name,
                op=f"{DOMAIN}.{node.op_type}",
            )


def _refused(reason: str) -> ModelError:
    return ModelError(
        "EW-ONNX-OP", f"a function of the model cannot be inlined: {reason}", "export without functions"
    )


def _key(node: onnx.NodeProto) -> _Key:
    return node.domain, node.op_type, node.overload


def _key_of(function: onnx.FunctionProto) -> _Key:
    return function.domain, function.name, function.overload
