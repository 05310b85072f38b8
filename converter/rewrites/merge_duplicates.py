"""Keep one of several channels that always hold the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.base import OpKind
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.ops.weight_format import weight_format
from edgewright.converter.program import Array, Node, Program
from edgewright.converter.rewrites.channel_graph import (
    CHANNEL_MULTIPLE,
    ChannelGraph,
    Mask,
    is_wide,
    links_of,
    without_channels,
)

First = npt.NDArray[np.intp]
"""[C]: for every channel the first one that holds the same."""


def merge_duplicates(program: Program, multiple: int = CHANNEL_MULTIPLE) -> Program:
    """Drop channels that equal another, and add their weights to its, where the sums are still int8.

    Channels are equal where a convolution has the same weights, bias and factors for them, and stay so
    through what works channel by channel. Repeated, as the next layer may then have equal weights.

    Args:
        program: A well-formed program.
        multiple: Numbers of channels are rounded up to a multiple of this.
    """
    while not is_wide(program):
        first = _equal_channels(program)
        may_go = {name: same != np.arange(same.size) for name, same in first.items()}
        if not any(mask.any() for mask in may_go.values()):
            break
        for node in program.nodes:
            links = links_of(node, program)
            if links is not None and links.sums:
                value = node.inputs[0]
                may_go[value] &= _can_join(node.op, first[value], may_go[value])
        gone = ChannelGraph.of(program).removable(program, may_go, multiple)
        if not gone:
            break
        nodes = tuple(_joined(node, gone, first) for node in program.nodes)
        program = without_channels(replace(program, nodes=nodes), gone)
    return program


def _equal_channels(program: Program) -> dict[str, First]:
    """For every value the first channel equal to each."""
    first = {name: np.arange(tensor.shape[2]) for name, tensor in program.values.items()}
    for name, data in program.constants.items():
        first[name] = _first(np.moveaxis(data, 2, 0))
    for node in program.nodes:
        keys = _keys(node, program, first)
        if keys is not None:
            first[node.output] = _first(keys)
    return first


def _keys(node: Node, program: Program, first: Mapping[str, First]) -> Array | None:
    """[C, N]: equal where output channels are; None where nothing is known of them."""
    links = links_of(node, program)
    parameters = node.op.channel_parameters(*(program.values[i] for i in node.inputs))
    if links is None or parameters is None:
        return None
    made = [np.full(program.values[node.output].shape[2], -1) for _ in node.inputs]
    for i, value in enumerate(node.inputs):
        one, other = links.pairs[i]
        made[i][other] = first[value][one]
    return _columns([*made, *parameters])


def _columns(parts: Iterable[npt.NDArray[Any]]) -> Array:
    """Parts [C] or [C, N] beside each other."""
    return np.concatenate([p.reshape(len(p), -1).astype(np.int64) for p in parts], axis=1)


def _first(keys: Array) -> First:
    """For every entry of the first axis the first one equal to it."""
    seen: dict[bytes, int] = {}
    rows = np.ascontiguousarray(keys).reshape(len(keys), -1)
    return np.array([seen.setdefault(row.tobytes(), i) for i, row in enumerate(rows)], np.intp)


def _can_join(op: OpKind, first: First, wanted: Mask) -> Mask:
    """[I]: channels whose weights can be added to those of the first one, together with any others."""
    assert isinstance(op, Conv2D | FullyConnected)
    if weight_format(op.weight_format).packed:
        return np.zeros(first.size, np.bool_)
    weights = op.weights.astype(np.int64)
    rising, falling = np.maximum(weights, 0), np.minimum(weights, 0)
    fits = np.zeros(first.size, np.bool_)
    for channel in np.flatnonzero(wanted):
        to = first[channel]
        most, least = (part[..., to] + part[..., channel] for part in (rising, falling))
        if most.max() <= 127 and least.min() >= -128:
            fits[channel] = True
            rising[..., to], falling[..., to] = most, least
    return fits


def _joined(node: Node, gone: Mapping[str, Mask], first: Mapping[str, First]) -> Node:
    """The node with the weights of the channels that go added to those of the first ones."""
    op, value = node.op, node.inputs[0]
    if not isinstance(op, Conv2D | FullyConnected) or value not in gone or getattr(op, "groups", 1) > 1:
        return node
    weights = op.weights.copy()
    for channel in np.flatnonzero(gone[value]):
        weights[..., first[value][channel]] += weights[..., channel]
        weights[..., channel] = 0
    return replace(node, op=replace(op, weights=weights))
