"""Nodes that run whole, from tensor to tensor, and how far their outputs may overtake their inputs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edgewright.converter.schedule.band import Band, round_up
from edgewright.converter.schedule.candidate import Candidate
from edgewright.converter.schedule.network import Network
from edgewright.converter.schedule.row_op import RowOp


def layers(network: Network, position: int) -> Iterator[Candidate]:
    """One node run whole, with each of its kernels."""
    for op in network.forms[position].layer:
        yield _layer(network, position, op)


def _layer(network: Network, position: int, op: RowOp) -> Candidate:
    tensors, n = network.tensors, network.positions
    bands = layer_bands(network, op)
    peak = sum(b.size_bytes for b in bands) - shared_bytes(network, position, op)
    touched = {b.name for b in bands}
    peak += sum(
        t.size_bytes for t in tensors.values() if t.name not in touched and t.producer < position < t.last(n)
    )
    return Candidate(
        position,
        position + 1,
        1,
        None,
        peak,
        op.out_rows * op.cycles,
        op.out_rows * op.macs,
        constant_bytes=op.constant_bytes,
        functions=op.functions,
        op=op,
    )


def layer_bands(network: Network, op: RowOp) -> list[Band]:
    """Memory of one node run whole, as one event."""
    tensors = network.tensors
    always = np.ones(1, bool)
    touched = dict.fromkeys((*(v for v in op.inputs if v is not None), op.output))
    bands = [Band(v, "tensor", tensors[v].size_bytes, always) for v in touched]
    if op.scratch_bytes:
        scratch = round_up(op.scratch_bytes, network.alignment)
        bands.append(Band(f"{op.node}:scratch", "scratch", scratch, always))
    return bands


def shared_bytes(network: Network, position: int, op: RowOp) -> int:
    """Bytes that the output of a node run whole can have in common with one of its inputs.

    Together they take max(input + lead, output) bytes.
    """
    tensors = network.tensors
    out = tensors[op.output].size_bytes
    most = 0
    for value in op.inputs:
        lead = overtaking(network, position, op, value) if value is not None else None
        if value is not None and lead is not None:
            most = max(most, min(tensors[value].size_bytes, out - lead))
    return most


def overtaking(network: Network, position: int, op: RowOp, value: str) -> int | None:
    """How far below a dying input the output of a node has to begin at least; None where it must not."""
    form = network.forms[position]
    tensor = network.tensors[value]
    if tensor.last(network.positions) != position:
        return None
    # A value read twice is read in two orders, but for operations in place.
    if op.inputs.count(value) != 1 and form.in_place != value:
        return None
    lead = op.leads[op.inputs.index(value)] if op.leads else None
    if form.in_place == value:
        lead = 0 if lead is None else min(lead, 0)
    return lead if lead is None else round_up(max(lead, 0), network.alignment)
