"""From a path of candidates to a plan: every buffer of every step gets its place in one arena."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgewright.converter.schedule.band import Band
from edgewright.converter.schedule.candidate import Candidate, bands_of, strip_row_bytes
from edgewright.converter.schedule.memory_plan import Buffer, Plan, Step
from edgewright.converter.schedule.network import Network
from edgewright.converter.schedule.placement import Together, place
from edgewright.converter.schedule.search import Path
from edgewright.converter.schedule.segment import InputMode
from edgewright.converter.schedule.whole import layer_bands, overtaking, shared_bytes


@dataclass(frozen=True)
class _Moments:
    """What is in use together: a step, or one strip of it.

    Args:
        step: Index of the step.
        strip: Column strip.
        bands: All memory in use, the tensors that pass the step included.
        leads: Distances of whole tensors that overtake each other.
        shared_bytes: What they save.
    """

    step: int
    strip: int
    bands: tuple[Band, ...]
    leads: Mapping[tuple[str, str], int]
    shared_bytes: int


def assemble(
    network: Network,
    path: Path,
    input_mode: InputMode,
    *,
    searched: bool,
    solver_s: float = 0.0,
) -> Plan:
    """Place everything.

    Args:
        network: What the path was found in.
        path: The segmentation.
        input_mode: As in the search.
        searched: Whether the path is known to be the best of its kind.
        solver_s: For the solver, where greedy placement leaves a gap; 0 for none.
    """
    placed, steps = [], []
    for i, candidate in enumerate(path.candidates):
        moments = _moments(network, i, candidate)
        placed += moments
        steps.append(_step(network, candidate, moments))
    if not placed:
        # Nothing runs: the outputs are the inputs under other shapes.
        kept = (Band(t.name, "tensor", t.size_bytes, np.ones(1, bool)) for t in network.tensors.values())
        placed.append(_Moments(0, 0, tuple(kept), {}, 0))
    sizes = {_unique(m, band): band.size_bytes for m in placed for band in m.bands}
    index = {name: i for i, name in enumerate(sizes)}
    together = Together(list(sizes.values()))
    for item in placed:
        members = [index[_unique(item, b)] for b in item.bands]
        local = {b.name: i for i, b in enumerate(item.bands)}
        leads = {(local[a], local[b]): lead for (a, b), lead in item.leads.items()}
        together.add(members, item.bands, leads, item.shared_bytes)
    result = place(together, network.alignment, solver_s=solver_s)
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


def _moments(network: Network, step: int, candidate: Candidate) -> list[_Moments]:
    """The bands of a step, strip by strip."""
    segment = candidate.streamed
    if segment is None:
        op = candidate.op
        assert op is not None
        leads = {}
        for v in op.inputs:
            lead = overtaking(network, candidate.first, op, v) if v is not None else None
            if v is not None and lead is not None:
                leads[v, op.output] = lead
        bands = _with_passing(network, candidate, layer_bands(network, op))
        return [_Moments(step, 0, bands, leads, shared_bytes(network, candidate.first, op))]
    return [
        _Moments(
            step,
            number,
            _with_passing(
                network,
                candidate,
                bands_of(network, segment, candidate.strips, row_bytes, segment.rings),
            ),
            {},
            0,
        )
        for number, row_bytes in enumerate(strip_row_bytes(segment, candidate.strips))
    ]


def _with_passing(network: Network, candidate: Candidate, bands: list[Band]) -> tuple[Band, ...]:
    """The bands, and those of the tensors that are alive and not touched."""
    events, touched = len(bands[0].used), {b.name for b in bands}
    fed = candidate.streamed.fed if candidate.streamed is not None else None
    n = network.positions
    for t in network.tensors.values():
        unread = t.producer < 0 and not t.readers and not t.is_output
        alive = t.producer < candidate.first and t.last(n) >= candidate.stop
        if t.name not in touched and t.name != fed and (alive or (unread and candidate.first == 0)):
            bands.append(Band(t.name, "tensor", t.size_bytes, np.ones(events, bool)))
    return tuple(bands)


def _step(network: Network, candidate: Candidate, moments: Sequence[_Moments]) -> Step:
    weights = [{b.name: b.weight() for b in m.bands} for m in moments]
    totals = [np.sum(list(w.values()), axis=0) for w in weights]
    strip = max(range(len(totals)), key=lambda i: int(totals[i].max()))
    peak = int(totals[strip].argmax())
    in_use = sorted(
        ((name, int(w[peak])) for name, w in weights[strip].items() if w[peak] > 0),
        key=lambda pair: (-pair[1], pair[0]),
    )
    forms = network.forms[candidate.first : candidate.stop]
    segment = candidate.streamed
    return Step(
        nodes=tuple(f.node for f in forms),
        schedule="layer" if segment is None else "patch" if candidate.blocks else "stream",
        strips=candidate.strips,
        patches=(candidate.blocks, candidate.strips) if candidate.blocks else None,
        op=candidate.op,
        streamed=segment,
        rings=segment.rings if segment is not None else {},
        row_bytes=tuple(strip_row_bytes(segment, candidate.strips)) if segment is not None else (),
        in_use_bytes=int(totals[strip][peak]) - moments[strip].shared_bytes,
        in_use=tuple(in_use),
        cycles=candidate.cycles,
        macs=candidate.macs,
        constant_bytes=candidate.constant_bytes,
        functions=candidate.functions,
    )


def _unique(moments: _Moments, band: Band) -> str:
    """Tensors are the same from step to step, the state from strip to strip."""
    if band.kind == "tensor":
        return band.name
    return f"{moments.step}/{0 if band.kind == 'state' else moments.strip}/{band.name}"


def _buffers(
    network: Network,
    placed: Sequence[_Moments],
    index: Mapping[str, int],
    offsets: Sequence[int],
    path: Path,
) -> list[Buffer]:
    """A buffer for each value (reshapes included) and for each piece of working memory."""
    found: dict[str, Buffer] = {}
    for item in placed:
        segment = path.candidates[item.step].streamed if path.candidates else None
        for band in item.bands:
            name = _unique(item, band)
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
                strip=0 if whole else item.strip,
            )
    aliases = [
        replace(found[root], name=value, value=value)
        for value, root in network.root.items()
        if value != root and root in found
    ]
    ordered = sorted(found.values(), key=lambda b: (b.kind != "tensor", b.first_step, b.last_step))
    return [*ordered, *aliases]
