"""Let packed bits pass a Relu or Clip between two binary layers.

    sign(max(0, y) + s) = sign(y + s)   where s < 0
                        = +1            where s >= 0

so that a clamp between binary layers is part of the second one's shift, and the first one's result need not
be stored as int8. An upper bound works the same way.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgewright.converter.binary_functions import DOMAIN
from edgewright.converter.program import Array
from edgewright.quantize.graph_edit import constant_of, remove_node, set_constant

# A shift that decides the sign alone; sums and activations are far smaller.
ALWAYS = 1e30
# Functions that use nothing of x but its sign, and whose result has no factor of run time.
TAKES_SIGNS = ("BinaryConv", "BinaryConvSpatial", "BinaryGemm")
GIVES_SIGNS = ("BinaryConv", "BinaryGemm")


def clamped_shift(shift: Array, low: float, high: float) -> Array:
    """The shift s' with sign(y + s') = sign(clip(y, low, high) + s) for every y."""
    fixed = np.where(low + shift >= 0, ALWAYS, np.where(high + shift < 0, -ALWAYS, shift))
    return np.asarray(fixed, np.float32)


def bits_through_clamps(graph: ir.Graph) -> int:
    """Remove every clamp that stands between binary layers alone, in place; returns how many."""
    removed = 0
    for node in list(graph):
        bounds = _bounds(node)
        if bounds is None or not _between_binary(node):
            continue
        x, result = node.inputs[0], node.outputs[0]
        assert x is not None
        for reader in {use.node for use in result.uses()}:
            shift = reader.inputs[1]
            data = constant_of(shift)
            assert shift is not None and data is not None
            set_constant(shift, clamped_shift(data, *bounds))
        result.replace_all_uses_with(x)
        remove_node(graph, node)
        removed += 1
    return removed


def _bounds(node: ir.Node) -> tuple[float, float] | None:
    """Lower and upper bound of a clamp, None for other nodes."""
    if node.op_type == "Relu":
        return 0.0, float("inf")
    if node.op_type != "Clip":
        return None
    limits = [-float("inf"), float("inf")]
    for i, value in enumerate(node.inputs[1:3]):
        if value is None:
            continue
        data = constant_of(value)
        if data is None:
            return None
        limits[i] = float(data.reshape(()))
    return limits[0], limits[1]


def _between_binary(node: ir.Node) -> bool:
    x, result = node.inputs[0], node.outputs[0]
    maker = None if x is None else x.producer()
    if x is None or maker is None or maker.domain != DOMAIN or maker.op_type not in GIVES_SIGNS:
        return False
    if result.is_graph_output() or x.is_graph_output() or len(list(x.uses())) != 1:
        return False
    uses = list(result.uses())
    return bool(uses) and all(
        use.idx == 0
        and use.node.domain == DOMAIN
        and use.node.op_type in TAKES_SIGNS
        and _sole_shift(use.node)
        for use in uses
    )


def _sole_shift(node: ir.Node) -> bool:
    """Whether a call's shift is a constant of its own."""
    shift = node.inputs[1]
    return constant_of(shift) is not None and shift is not None and len(list(shift.uses())) == 1
