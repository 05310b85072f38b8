"""Typed attributes of ONNX nodes; a wrong type is a refusal that names it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import onnx_ir as ir

from edgewright.converter.lower.problem import Refused


def _attribute(node: ir.Node, name: str, kind: ir.AttributeType) -> ir.Attr | None:
    attribute = node.attributes.get(name)
    if attribute is None:
        return None
    if attribute.is_ref() or attribute.type != kind:
        raise Refused(f"attribute {name} is not of type {kind.name}", code="EW-MODEL-INVALID")
    return attribute


def integer(node: ir.Node, name: str, default: int) -> int:
    """Attribute of one integer."""
    attribute = _attribute(node, name, ir.AttributeType.INT)
    return default if attribute is None else attribute.as_int()


def integers(node: ir.Node, name: str, default: Sequence[int]) -> tuple[int, ...]:
    """Attribute of a list of integers."""
    attribute = _attribute(node, name, ir.AttributeType.INTS)
    return tuple(default) if attribute is None else tuple(attribute.as_ints())


def number(node: ir.Node, name: str, default: float) -> float:
    """Attribute of one finite float."""
    attribute = _attribute(node, name, ir.AttributeType.FLOAT)
    value = default if attribute is None else attribute.as_float()
    if not math.isfinite(value):
        raise Refused(f"attribute {name} is {value}", code="EW-MODEL-INVALID")
    return value


def text(node: ir.Node, name: str, default: str) -> str:
    """Attribute of one string."""
    attribute = _attribute(node, name, ir.AttributeType.STRING)
    return default if attribute is None else attribute.as_string()


def node_name(node: ir.Node) -> str:
    """Name of a node; unnamed ones are called after their operator and first output."""
    return node.name or f"{node.op_type}_{node.outputs[0].name}"
