"""The graph of a model: what edgewright reads at all, and its execution order."""

from __future__ import annotations

from collections.abc import Iterable

import onnx

from edgewright.converter.importers.limits import MAX_NODES
from edgewright.errors import ModelError

MIN_OPSET = 13
# Operator -> first opset in which it means what it means today.
_CHANGED = {"GroupNormalization": 21, "DFT": 20, "GridSample": 20}
_EXPORT_HINT = "export the model again with an opset of at least 17"


def check_kind_of_model(model: onnx.ModelProto) -> None:
    """Refuse what no later step could handle: other opsets, control flow, non-tensor values.

    Raises:
        ModelError: EW-ONNX-DAMAGED, EW-ONNX-OPSET, EW-ONNX-OP or EW-MODEL-SIZE.
    """
    if not model.HasField("graph") or not model.graph.output:
        raise ModelError("EW-ONNX-DAMAGED", "damaged ONNX file: it holds no graph with an output")
    nodes = len(model.graph.node) + sum(len(f.node) for f in model.functions)
    if nodes > MAX_NODES:
        raise ModelError("EW-MODEL-SIZE", f"the model has {nodes:,} nodes, more than {MAX_NODES:,}")
    opset = _opset(model)
    if model.graph.sparse_initializer:
        name = model.graph.sparse_initializer[0].values.name
        raise ModelError(
            "EW-ONNX-OP", f"initializer {name!r} is a sparse tensor", "store the weights as dense tensors"
        )
    for value in (*model.graph.input, *model.graph.output):
        kind = value.type.WhichOneof("value")
        if kind not in ("tensor_type", None):
            raise ModelError("EW-ONNX-OP", f"{value.name!r} is a {kind}; only tensors are supported")
    for node in _all_nodes(model):
        _check_meaning(node, opset)
        for attribute in node.attribute:
            _check_attribute(node, attribute)


def _opset(model: onnx.ModelProto) -> int:
    """Version of the standard operators the model is written in."""
    newest = onnx.defs.onnx_opset_version()
    opsets = [o.version for o in model.opset_import if o.domain in ("", "ai.onnx")]
    if not opsets:
        raise ModelError("EW-ONNX-OPSET", "the model imports no version of ONNX's own operators")
    for opset in opsets:
        if opset < MIN_OPSET:
            raise ModelError(
                "EW-ONNX-OPSET", f"the model has opset {opset}; {MIN_OPSET} is the oldest", _EXPORT_HINT
            )
        if opset > newest:
            raise ModelError(
                "EW-ONNX-OPSET",
                f"the model has opset {opset}; the installed onnx package knows {newest}",
                "install a newer onnx package, or export the model with an older opset",
            )
    return int(opsets[0])


def _check_meaning(node: onnx.NodeProto, opset: int) -> None:
    since = _CHANGED.get(node.op_type, 0)
    if opset < since and node.domain in ("", "ai.onnx"):
        raise ModelError(
            "EW-ONNX-OP",
            f"node {node.name!r}: {node.op_type} of opset {opset} is not supported",
            f"export the model with opset {since} or newer",
            node=node.name,
            op=node.op_type,
        )


def _check_attribute(node: onnx.NodeProto, attribute: onnx.AttributeProto) -> None:
    kinds = onnx.AttributeProto
    if attribute.HasField("g") or attribute.graphs or attribute.type in (kinds.GRAPH, kinds.GRAPHS):
        raise ModelError(
            "EW-ONNX-OP",
            f"node {node.name!r} ({node.op_type}) is control flow, which is not supported",
            "export the model with fixed shapes and without data-dependent branches",
            node=node.name,
            op=node.op_type,
        )
    if attribute.HasField("sparse_tensor") or attribute.sparse_tensors:
        raise ModelError("EW-ONNX-OP", f"node {node.name!r} ({node.op_type}) holds a sparse tensor")


def _all_nodes(model: onnx.ModelProto) -> Iterable[onnx.NodeProto]:
    yield from model.graph.node
    for function in model.functions:
        yield from function.node


def sort_nodes(model: onnx.ModelProto) -> None:
    """Put the nodes of the graph and of each function in execution order, in place.

    A sorted graph stays as it is; some exporters write an unsorted one.

    Raises:
        ModelError: EW-ONNX-CYCLE naming the nodes of a cycle; EW-ONNX-DAMAGED, a value that nothing
            computes, or two nodes that compute the same.
    """
    graph = model.graph
    known = {v.name for v in graph.input} | {t.name for t in graph.initializer}
    _sort(graph, known, "")
    computed = known.union(*(node.output for node in graph.node))
    for value in graph.output:
        if value.name not in computed:
            raise ModelError("EW-ONNX-DAMAGED", f"damaged ONNX file: nothing computes output {value.name!r}")
    for function in model.functions:
        _sort(function, set(function.input), f"function {function.name!r}: ")


def _sort(graph: onnx.GraphProto | onnx.FunctionProto, known: set[str], place: str) -> None:
    nodes = list(graph.node)
    producer = _producers(nodes, known, place)
    waiting = {i: {producer[x] for x in _inputs(n) if x in producer} for i, n in enumerate(nodes)}
    if all(max(before, default=-1) < i for i, before in waiting.items()):
        return
    readers: dict[int, list[int]] = {}
    for i, before in waiting.items():
        for j in before:
            readers.setdefault(j, []).append(i)
    ready = [i for i, before in waiting.items() if not before]
    order: list[int] = []
    for i in ready:  # `ready` grows while it is walked
        order.append(i)
        for reader in readers.get(i, ()):
            waiting[reader].discard(i)
            if not waiting[reader]:
                ready.append(reader)
    if len(order) < len(nodes):
        raise _cycle(nodes, {i: before for i, before in waiting.items() if before}, place)
    ordered = [onnx.NodeProto.FromString(nodes[i].SerializeToString()) for i in order]
    del graph.node[:]
    graph.node.extend(ordered)


def _inputs(node: onnx.NodeProto) -> Iterable[str]:
    return (name for name in node.input if name)


def _producers(nodes: list[onnx.NodeProto], known: set[str], place: str) -> dict[str, int]:
    producer: dict[str, int] = {}
    for i, node in enumerate(nodes):
        for name in node.output:
            if not name:
                continue
            if name in producer or name in known:
                raise ModelError(
                    "EW-ONNX-DAMAGED", f"damaged ONNX file: {place}value {name!r} is defined more than once"
                )
            producer[name] = i
    for i, node in enumerate(nodes):
        for name in _inputs(node):
            if name not in producer and name not in known:
                raise ModelError(
                    "EW-ONNX-DAMAGED",
                    f"damaged ONNX file: {place}node {node.name or i!r} ({node.op_type}) reads {name!r}, "
                    "which nothing computes",
                )
    return producer


def _cycle(nodes: list[onnx.NodeProto], blocked: dict[int, set[int]], place: str) -> ModelError:
    """Walk backwards from a blocked node until one comes again: that is a cycle."""
    seen: dict[int, int] = {}
    walk: list[int] = []
    i = min(blocked)
    while i not in seen:
        seen[i] = len(walk)
        walk.append(i)
        i = min(blocked[i] & blocked.keys())
    circle = walk[seen[i] :][::-1]
    first = circle.index(min(circle))
    names = [nodes[j].name or f"{nodes[j].op_type} #{j}" for j in (*circle[first:], *circle[:first])]
    shown = " -> ".join(names[:8]) + (f" … ({len(names)} nodes)" if len(names) > 8 else f" -> {names[0]}")
    return ModelError(
        "EW-ONNX-CYCLE",
        f"{place}the graph has a cycle: {shown}",
        "a model for inference has none; export it again",
    )
