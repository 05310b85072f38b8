"""From a path of candidates to a plan: every buffer of every step gets its place in one arena."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgewright.converter.schedule.bands import Together, place
from edgewright.converter.schedule.candidate import (
    Candidate,
    bands_of,
    layer_bands,
    overtaking,
    row_bytes_of,
    shared_bytes,
)
from edgewright.converter.schedule.memory_plan import Buffer, Plan, Step
from edgewright.converter.schedule.network import Network
from edgewright.converter.schedule.search import Path
from edgewright.converter.schedule.segment import Band, InputMode, Ring


@dataclass(frozen=True)
class _Placed:
    """What is placed: bands of one step, all with the same name once a plan."""

    step: int
    bands: tuple[Band, ...]
    leads: Mapping[tuple[str, str], int]
    shared_bytes: int


def assemble(
    network: Network,
    path: Path,
    input_mode: InputMode,
    *,
    searched: bool,
    time_limit_s: float = 0.5,
    solver_s: float = 0.0,
) -> Plan:
    """Place everything.

    Args:
        network: What the path was found in.
        path: The segmentation.
        input_mode: As in the search.
        searched: Whether the path is known to be the best of its kind.
        time_limit_s: For the greedy placement.
        solver_s: For the solver, where greedy placement leaves a gap; 0 for none.
    """
    placed, steps = [], []
    for i, candidate in enumerate(path.candidates):
        bands, leads, rings, row_bytes = _bands(network, candidate)
        shared = shared_bytes(network, candidate.first) if candidate.streamed is None else 0
        placed.append(_Placed(i, tuple(bands), leads, shared))
        steps.append(_step(network, candidate, bands, rings, row_bytes, shared))
    names, sizes = _names(network, placed)
    index = {name: i for i, name in enumerate(names)}
    together = Together(sizes)
    for item in placed:
        members = [index[_unique(item.step, b)] for b in item.bands]
        local = {b.name: i for i, b in enumerate(item.bands)}
        leads = {(local[a], local[b]): lead for (a, b), lead in item.leads.items()}
        together.add(members, item.bands, leads, item.shared_bytes)
    result = place(together, network.alignment, time_limit_s=time_limit_s, solver_s=solver_s)
    return Plan(
        steps=tuple(steps),
        buffers=tuple(_buffers(network, placed, index, result.offsets, path)),
        arena_bytes=result.height_bytes,
        lower_bound_bytes=result.bound_bytes,
        searched=searched,
        input_mode=input_mode,
        macs=network.program.macs,
        alignment=network.alignment,
    )


def _bands(
    network: Network, candidate: Candidate
) -> tuple[list[Band], dict[tuple[str, str], int], Mapping[str, Ring], dict[str, int]]:
    """Bands of a step with the tensors that pass it, and leads between whole tensors."""
    segment = candidate.streamed
    leads: dict[tuple[str, str], int] = {}
    rings: Mapping[str, Ring] = {}
    row_bytes: dict[str, int] = {}
    if segment is None:
        bands = layer_bands(network, candidate.first)
        op = network.forms[candidate.first].layer
        for v in op.inputs:
            lead = overtaking(network, candidate.first, v) if v is not None else None
            if v is not None and lead is not None:
                leads[v, op.output] = lead
    else:
        rings = segment.rings
        row_bytes, _, _ = row_bytes_of(segment, candidate.strips)
        bands = bands_of(network, segment, candidate.strips, row_bytes, rings)
    events = len(bands[0].used)
    touched = {b.name for b in bands}
    fed = segment.fed if segment is not None else None
    n = network.positions
    for t in network.tensors.values():
        unread = t.producer < 0 and not t.readers and not t.is_output
        alive = t.producer < candidate.first and t.last(n) >= candidate.stop
        if t.name not in touched and t.name != fed and (alive or (unread and candidate.first == 0)):
            bands.append(Band(t.name, "tensor", t.size_bytes, np.ones(events, bool)))
    return bands, leads, rings, row_bytes


def _step(
    network: Network,
    candidate: Candidate,
    bands: Sequence[Band],
    rings: Mapping[str, Ring],
    row_bytes: Mapping[str, int],
    shared: int,
) -> Step:
    weights = [b.weight() for b in bands]
    total = np.sum(weights, axis=0)
    peak = int(total.argmax())
    in_use = sorted(
        ((b.name, int(w[peak])) for b, w in zip(bands, weights, strict=True) if w[peak] > 0),
        key=lambda pair: (-pair[1], pair[0]),
    )
    forms = network.forms[candidate.first : candidate.stop]
    return Step(
        nodes=tuple(f.node for f in forms),
        schedule="layer" if candidate.streamed is None else "patch" if candidate.blocks else "stream",
        strips=candidate.strips,
        patches=(candidate.blocks, candidate.strips) if candidate.blocks else None,
        op=forms[0].layer if candidate.streamed is None else None,
        streamed=candidate.streamed,
        rings=rings,
        row_bytes=row_bytes,
        in_use_bytes=int(total[peak]) - shared,
        in_use=tuple(in_use),
        cycles=candidate.cycles,
        macs=candidate.macs,
    )


def _unique(step: int, band: Band) -> str:
    """Tensors are the same from step to step; what a segment needs for itself is its own."""
    return band.name if band.kind == "tensor" else f"{step}/{band.name}"


def _names(network: Network, placed: Sequence[_Placed]) -> tuple[list[str], list[int]]:
    sizes: dict[str, int] = {}
    for item in placed:
        for band in item.bands:
            sizes[_unique(item.step, band)] = band.size_bytes
    return list(sizes), list(sizes.values())


def _buffers(
    network: Network,
    placed: Sequence[_Placed],
    index: Mapping[str, int],
    offsets: Sequence[int],
    path: Path,
) -> list[Buffer]:
    """A buffer for each value (reshapes included) and for each piece of working memory."""
    found: dict[str, Buffer] = {}
    for item in placed:
        segment = path.candidates[item.step].streamed
        for band in item.bands:
            name = _unique(item.step, band)
            if name in found:
                found[name] = replace(found[name], last_step=item.step)
                continue
            whole = band.kind == "tensor"
            ring = segment.rings.get(band.name) if segment is not None else None
            found[name] = Buffer(
                name=band.name,
                value=band.name if whole else None,
                offset=offsets[index[name]],
                size_bytes=network.program.values[band.name].size_bytes if whole else band.size_bytes,
                first_step=item.step,
                last_step=item.step,
                kind=band.kind,
                slots=ring.slots if ring is not None and band.kind == "ring" else 0,
            )
    aliases = [
        replace(found[root], name=value, value=value)
        for value, root in network.root.items()
        if value != root and root in found
    ]
    ordered = sorted(found.values(), key=lambda b: (b.kind != "tensor", b.first_step, b.last_step))
    return [*ordered, *aliases]
