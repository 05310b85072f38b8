"""The arena of time streaming: what is kept from call to call, and the memory of a call around it.

Event 0 of a call is the arrival of the new input rows, event i + 1 its i-th kernel.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edgewright.converter.program import TensorType
from edgewright.converter.schedule.band import Band, round_up
from edgewright.converter.schedule.placement import Together, place
from edgewright.converter.streaming.time_axis import of_rows
from edgewright.targets.codegen.stream_calls import Call, StreamCalls

POSITIONS = ":positions"
POSITION_BYTES = 2
SOLVER_S = 2.0


@dataclass(frozen=True)
class History:
    """Rows of a value that survive.

    Args:
        value: Its name.
        after: Event whose end stores the new rows.
        linear: Whether they lie in a linear buffer, the new rows behind them, instead of a ring.
    """

    value: str
    after: int
    linear: bool


@dataclass(frozen=True, eq=False)
class StreamMemory:
    """Everything in its place.

    Args:
        calls: What is run.
        histories: In the order in which a call stores them.
        offsets: By buffer name: values (their new rows), `<value>:kept`, `<node>:scratch`, POSITIONS.
        arena_bytes: All of it.
        bound_bytes: No placement of these buffers needs less.
        state_bytes: The part that survives between calls.
    """

    calls: StreamCalls
    histories: tuple[History, ...]
    offsets: dict[str, int]
    arena_bytes: int
    bound_bytes: int
    state_bytes: int

    def address(self, name: str, first_row: int) -> int:
        """Offset of a row of a value that does not lie in a ring (0 = the oldest)."""
        base, offset = self.calls.root(name)
        value = self.calls.streamed.values[name]
        if base in self.calls.linear:
            return self.offsets[kept(base)] + offset + first_row * value.tensor.row_bytes
        return self.offsets[base] + offset + (first_row - value.history) * value.tensor.row_bytes

    def new_rows(self, name: str) -> int:
        """Offset of a value's new rows."""
        base, offset = self.calls.root(name)
        if base != name:
            return self.address(name, 0)
        return self.offsets[base] + offset


def kept(value: str) -> str:
    """Name of the buffer of a value's kept rows."""
    return f"{value}:kept"


def place_stream(calls: StreamCalls) -> StreamMemory:
    """Lay out the arena.

    Args:
        calls: Kernels of a call.
    """
    spans = _spans(calls)
    histories = sorted(_histories(calls, spans), key=lambda h: h.after)
    bands = [*_value_bands(calls, spans), *_working_bands(calls, len(histories))]
    leads, shared = _leads(calls, spans, bands)
    together = Together([b.size_bytes for b in bands])
    together.add(range(len(bands)), bands, leads, shared)
    placed = place(together, calls.cpu.alignment, solver_s=SOLVER_S)
    return StreamMemory(
        calls=calls,
        histories=tuple(histories),
        offsets=dict(zip((b.name for b in bands), placed.offsets, strict=True)),
        arena_bytes=placed.height_bytes,
        bound_bytes=placed.bound_bytes,
        state_bytes=calls.streamed.state_bytes + POSITION_BYTES * len(histories),
    )


def _spans(calls: StreamCalls) -> dict[str, tuple[int, int]]:
    """First and last event of the new rows of every value that owns memory."""
    streamed = calls.streamed
    written = {streamed.input.value: 0} | {c.node.output: i + 1 for i, c in enumerate(calls.calls)}
    last = dict(written)
    for event, call in enumerate(calls.calls, 1):
        for name in call.node.inputs:
            if name not in streamed.constants:
                last[calls.root(name)[0]] = event
    for port in streamed.outputs:
        last[calls.root(port.value)[0]] = len(calls.calls)
    return {name: (first, last[name]) for name, first in written.items()}


def _histories(calls: StreamCalls, spans: dict[str, tuple[int, int]]) -> Iterator[History]:
    for name, (first, last) in spans.items():
        if calls.streamed.values[name].history:
            linear = name in calls.linear
            yield History(name, first if linear else last, linear)


def _new(calls: StreamCalls, name: str) -> TensorType:
    value = calls.streamed.values[name]
    return of_rows(value.tensor, value.new_rows)


def _value_bands(calls: StreamCalls, spans: dict[str, tuple[int, int]]) -> Iterator[Band]:
    """New rows while they are needed; rows that are kept always."""
    events, alignment = np.arange(len(calls.calls) + 1), calls.cpu.alignment
    outputs = {p.value for p in calls.streamed.outputs}
    for name, (first, last) in spans.items():
        value, new_bytes = calls.streamed.values[name], _new(calls, name).size_bytes
        linear = name in calls.linear
        # A linear buffer takes the new rows in at once.
        end = first if linear and name not in outputs else last
        yield Band(name, "tensor", round_up(new_bytes, alignment), (events >= first) & (events <= end))
        if not value.history:
            continue
        always = np.ones(len(events), bool)
        if linear:
            size = round_up(value.tensor.size_bytes, alignment)
            lower = np.where((events >= first) & (events <= last), 0, new_bytes)
            yield Band(kept(name), "ring", size, always, lower=lower)
        else:
            yield Band(kept(name), "ring", round_up(value.state_bytes, alignment), always)


def _working_bands(calls: StreamCalls, histories: int) -> Iterator[Band]:
    events, alignment = np.arange(len(calls.calls) + 1), calls.cpu.alignment
    for event, call in enumerate(calls.calls, 1):
        if call.kernel.scratch_bytes:
            size = round_up(call.kernel.scratch_bytes, alignment)
            yield Band(f"{call.node.name}:scratch", "scratch", size, events == event)
    if histories:
        size = round_up(POSITION_BYTES * histories, alignment)
        yield Band(POSITIONS, "state", size, np.ones(len(events), bool))


def _leads(
    calls: StreamCalls, spans: dict[str, tuple[int, int]], bands: list[Band]
) -> tuple[dict[tuple[int, int], int], int]:
    """How far outputs have to begin below inputs that die, and the bytes this can save at most."""
    index = {b.name: i for i, b in enumerate(bands)}
    leads, shared = {}, 0
    for event, call in enumerate(calls.calls, 1):
        output = call.node.output
        for position, name in enumerate(call.node.inputs):
            lead = _lead(calls, spans, event, call, position)
            if lead is not None:
                lead = round_up(max(lead, 0), calls.cpu.alignment)
                leads[index[name], index[output]] = lead
                out_bytes = bands[index[output]].size_bytes
                shared = max(shared, min(bands[index[name]].size_bytes, out_bytes - lead))
    return leads, shared


def _lead(
    calls: StreamCalls, spans: dict[str, tuple[int, int]], event: int, call: Call, position: int
) -> int | None:
    """How far below an input an output may begin; None where it must not overlap it."""
    streamed, name = calls.streamed, call.node.inputs[position]
    if name in streamed.constants or name in calls.aliases:
        return None
    value, whole = streamed.values[name], call.reads[position]
    roots = [calls.root(i)[0] for i in call.node.inputs if i not in streamed.constants]
    if value.history or len(whole) != value.new_rows or spans[name][1] != event or roots.count(name) > 1:
        return None
    # An output lives to the end, and so through the last kernel, without being its input.
    if name in {calls.root(p.value)[0] for p in streamed.outputs}:
        return None
    leads = call.kernel.leads()
    lead = leads[position] if position < len(leads) else None
    same_size = _new(calls, name).size_bytes == _new(calls, call.node.output).size_bytes
    if call.node.op.in_place_input == position and same_size:
        lead = 0 if lead is None else min(lead, 0)
    return lead
