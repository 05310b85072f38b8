"""The arena over time as areas to draw: when which bytes are in use, event by event where rows stream.

Time runs from 0 to 1. Steps get a width that grows with their estimated cycles, and inside a streamed
segment every row gets a share of it in proportion to its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgewright.converter.schedule.band import Band, Kind
from edgewright.converter.schedule.candidate import bands_of
from edgewright.converter.schedule.memory_plan import Buffer, Plan, Step
from edgewright.converter.schedule.network import Network
from edgewright.converter.schedule.rings import Ring
from edgewright.converter.schedule.streaming_cost import strip_cycles
from edgewright.converter.schedule.whole import layer_bands

# Share of the whole width that is spread evenly over the steps, so that fast ones can be seen.
EVEN_SHARE = 0.3
# What follows this closely is drawn as one: about a pixel.
CLOSE = 1.2e-3

Times = npt.NDArray[np.float64]
# A moment: time, first byte in use, end of the bytes in use.
Moment = tuple[float, int, int]


@dataclass(frozen=True)
class Area:
    """Bytes that one buffer has in use.

    Args:
        buffer: Whose.
        kind: What lies there.
        moments: Corners over time; between two of them the edges are straight. Where nothing is in use,
            both are the same byte.
    """

    buffer: Buffer
    kind: Kind
    moments: tuple[Moment, ...]


@dataclass(frozen=True)
class SlotRow:
    """Rows in a slot of a ring, one after the other: from `begin` to `end`, bytes `low` to `high`."""

    begin: float
    end: float
    low: int
    high: int


@dataclass(frozen=True)
class Span:
    """A step on the time axis."""

    step: Step
    begin: float
    end: float


@dataclass(frozen=True)
class Timeline:
    """What there is to draw.

    Args:
        spans: The steps.
        areas: In the order in which they are drawn.
        rows: Rows in the slots of rings.
        slots: Borders between the slots of rings: (begin, end, byte).
        peak_begin, peak_end: When the most bytes are in use.
        peak_bytes: How many.
    """

    spans: tuple[Span, ...]
    areas: tuple[Area, ...]
    rows: tuple[SlotRow, ...]
    slots: tuple[tuple[float, float, int], ...]
    peak_begin: float
    peak_end: float
    peak_bytes: int


def timeline(plan: Plan, network: Network) -> Timeline:
    """Lay out a plan over time.

    Args:
        plan: The plan.
        network: What it was planned in (`Planner.network`).
    """
    spans = _spans(plan.steps)
    moments: dict[Buffer, list[Moment]] = defaultdict(list)
    rows: list[SlotRow] = []
    slots: list[tuple[float, float, int]] = []
    peak = (0, 0.0, 1.0)
    for index, span in enumerate(spans):
        alive = _distinct(plan.alive(index))
        for strip, (times, bands) in enumerate(_strips(network, span)):
            if index == plan.peak_step:
                peak = max(peak, _peak(bands, times))
            named = {b.name: b for b in bands}
            for buffer in alive:
                if buffer.kind not in ("tensor", "state") and buffer.strip != strip:
                    continue
                band = named.get(buffer.name)
                if band is not None and buffer.slots and span.step.schedule == "stream":
                    rows += _ring_rows(buffer, span.step, times)
                    slots += _slot_borders(buffer, band, times)
                moments[buffer] += _moments(buffer, band, times)
        if span.step.streamed is None:
            _overtake(span, alive, index, moments)
    areas = tuple(Area(b, b.kind, tuple(m)) for b, m in moments.items())
    return Timeline(
        spans=spans,
        areas=tuple(sorted(areas, key=lambda a: a.kind != "tensor")),
        rows=tuple(rows),
        slots=tuple(slots),
        peak_begin=peak[1],
        peak_end=peak[2],
        peak_bytes=plan.steps[plan.peak_step].in_use_bytes if plan.steps else 0,
    )


def _strips(network: Network, span: Span) -> Iterator[tuple[Times, list[Band]]]:
    """For each strip of a step, begin of each event and end of the last, and the memory in use.

    Args:
        network: What the plan was planned in.
        span: The step.
    """
    step, segment = span.step, span.step.streamed
    if segment is None:
        assert step.op is not None
        yield np.array([span.begin, span.end]), layer_bands(network, step.op)
        return
    cost = np.array([max(op.cycles, 1e-9) for op in segment.simulation.ops])
    ends = np.concatenate([[0.0], np.cumsum(cost[segment.simulation.sequence])])
    costs, begin = [max(c, 1e-9) for c in strip_cycles(step)], span.begin
    for own, row_bytes in zip(costs, step.row_bytes, strict=True):
        width = (span.end - span.begin) * own / sum(costs)
        bands = bands_of(network, segment, step.strips, row_bytes, step.rings)
        yield begin + width * ends / ends[-1], bands
        begin += width


def _spans(steps: Sequence[Step]) -> tuple[Span, ...]:
    cycles = np.array([max(s.cycles, 0.0) for s in steps])
    total = cycles.sum() or 1.0
    widths = (1 - EVEN_SHARE) * cycles / total + EVEN_SHARE / max(1, len(steps))
    ends = np.cumsum(widths / (widths.sum() or 1.0))
    begins = np.concatenate([[0.0], ends[:-1]])
    return tuple(Span(s, float(b), float(e)) for s, b, e in zip(steps, begins, ends, strict=True))


def _peak(bands: Sequence[Band], times: Times) -> tuple[int, float, float]:
    """The largest number of bytes in use of a strip, and when it is."""
    total = np.sum([b.weight() for b in bands], axis=0)
    event = int(total.argmax())
    return int(total[event]), float(times[event]), float(times[event + 1])


def _distinct(buffers: Sequence[Buffer]) -> list[Buffer]:
    """Without reshapes of the same bytes."""
    found = {(b.offset, b.size_bytes, b.first_step, b.last_step, b.kind): b for b in reversed(buffers)}
    return list(reversed(found.values()))


def _moments(buffer: Buffer, band: Band | None, times: Times) -> list[Moment]:
    """Corners of a buffer's area in one strip."""
    low, high = buffer.offset, buffer.end
    if band is None:
        return [(float(times[0]), low, high), (float(times[-1]), low, high)]
    used, events = band.used, len(band.used)
    lower = np.where(used, 0 if band.lower is None else band.lower, 0)
    upper = np.where(used, band.size_bytes if band.upper is None else band.upper, 0)
    upper = np.minimum(upper, buffer.size_bytes)
    lower = np.minimum(lower, upper)
    changes = np.flatnonzero(np.diff(lower) | np.diff(upper)) + 1
    starts, ends = np.concatenate([[0], changes]), np.concatenate([changes, [events]])
    found: list[Moment] = []
    for first, last in zip(starts, ends, strict=True):
        begin, end = float(times[first]), float(times[last])
        _append(found, (begin, end, low + int(lower[first]), low + int(upper[first])))
    return found


def _append(moments: list[Moment], part: tuple[float, float, int, int]) -> None:
    """Add a constant part; where the last one is a pixel away and alike, it is continued instead."""
    begin, end, low, high = part
    # A gap too short to be seen lies between two parts of the same bytes.
    gap = len(moments) >= 4 and moments[-1][1] == moments[-1][2] and begin - moments[-2][0] < CLOSE
    if gap and moments[-3][1:] == (low, high):
        del moments[-2:]
    if moments and moments[-1][1:] == (low, high):
        moments[-1] = (end, low, high)
    else:
        moments += [(begin, low, high), (end, low, high)]


def _overtake(span: Span, alive: Sequence[Buffer], index: int, moments: dict[Buffer, list[Moment]]) -> None:
    """Where the output of a whole layer lies over its input: it grows while the input is used up."""
    output = span.step.nodes[0].output
    made = [b for b in alive if b.value == output and b in moments]
    for new in made:
        for old in alive:
            dying = old.kind == "tensor" and old.last_step == index and old in moments and old != new
            if dying and old.offset < new.end and new.offset < old.end:
                moments[old][-2:] = [(span.begin, old.offset, old.end), (span.end, old.end, old.end)]
                moments[new][-2:] = [(span.begin, new.offset, new.offset), (span.end, new.offset, new.end)]


def _ring_rows(buffer: Buffer, step: Step, times: Times) -> Iterator[SlotRow]:
    """When each slot of a ring holds rows that are still needed."""
    assert step.streamed is not None
    ring, lives = step.rings[buffer.name], step.streamed.simulation.lives[buffer.name]
    begin, end = _arrivals(ring, lives.made), lives.last + 1
    size = buffer.size_bytes // buffer.slots
    for slot in range(buffer.slots):
        low = buffer.offset + slot * size
        waiting: tuple[float, float] | None = None
        for row in range(slot, len(begin), buffer.slots):
            if end[row] <= begin[row]:
                continue
            here = float(times[begin[row]]), float(times[end[row]])
            if waiting is not None and here[0] - waiting[1] > CLOSE:
                yield SlotRow(*waiting, low, low + size)
                waiting = None
            waiting = here if waiting is None else (waiting[0], here[1])
        if waiting is not None:
            yield SlotRow(*waiting, low, low + size)


def _arrivals(ring: Ring, made: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Event from which each row lies in its slot: when it is written, or copied there after waiting."""
    arrivals = made.copy()
    arrivals[ring.waits] = ring.freed + 1
    return arrivals


def _slot_borders(buffer: Buffer, band: Band, times: Times) -> Iterator[tuple[float, float, int]]:
    """Lines between the slots of a ring, as long as the ring is in use."""
    used = np.flatnonzero(band.used)
    size = buffer.size_bytes // buffer.slots
    for slot in range(1, buffer.slots if len(used) else 0):
        yield float(times[used[0]]), float(times[used[-1] + 1]), buffer.offset + slot * size
