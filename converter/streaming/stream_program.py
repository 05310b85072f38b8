"""From a program over a window to the program of one call of time streaming."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from edgewright.converter.ops.slice import Slice
from edgewright.converter.program import Program
from edgewright.converter.rewrites.edit import output_values
from edgewright.converter.streaming.analysis import (
    ALIGNMENTS,
    PADDINGS,
    Alignment,
    NodeTime,
    PaddingPolicy,
    StreamAnalysis,
    analyse,
)
from edgewright.converter.streaming.signal_padding import pad_with_signal
from edgewright.converter.streaming.streamed_program import StreamedProgram, StreamNode, StreamValue
from edgewright.converter.streaming.time_axis import of_rows, with_rows
from edgewright.converter.streaming.time_window import on_slab
from edgewright.errors import ModelError, UsageError

# A row of a value that is read where it lies in another: (that value, its row).
_Place = tuple[str, int]


def stream_program(
    program: Program,
    hop: int,
    axis: str = "time",
    *,
    padding: PaddingPolicy = "refuse",
    alignment: Alignment = "refuse",
) -> StreamedProgram:
    """The program that runs when `hop` new time steps arrive.

    Args:
        program: One input, [time, columns, channels].
        hop: New time steps in a call.
        axis: "time", the rows.
        padding: Ops that pad in time: "refuse" them; "signal" takes rows of the stream instead of the
            padding, which is another function of the window's borders, and delays the output by
            `StreamedProgram.after` rows; "recompute" computes them, and all after them, in every call.
        alignment: Ops whose stride does not fit the hop: "refuse" or "recompute" them likewise.

    Raises:
        UsageError: EW-STREAM-AXIS; EW-STREAM-HOP, also where an op is not aligned; EW-STREAM-POLICY.
        ModelError: EW-STREAM-AXIS; EW-STREAM-INEXACT where ops pad in time.
    """
    _check_policy("padding", padding, PADDINGS)
    _check_policy("alignment", alignment, ALIGNMENTS)
    analysis = analyse(program, hop, axis, padding=padding, alignment=alignment)
    refuse_inexact(analysis, padding)
    before = after = 0
    if not analysis.exact:
        longer = pad_with_signal(analysis)
        before, after = longer.before, longer.after
        analysis = analyse(longer.program, hop, axis, padding=padding, alignment=alignment)
        assert analysis.exact, analysis.findings
    return _one_call(analysis, before, after)


def _check_policy(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UsageError(
            "EW-STREAM-POLICY", f"{name} {value!r} is unknown", hint=f"one of {', '.join(known)}"
        )


def refuse_inexact(analysis: StreamAnalysis, padding: PaddingPolicy = "refuse") -> None:
    """Raise the error of the findings, misaligned ops first.

    Raises:
        UsageError: EW-STREAM-HOP.
        ModelError: EW-STREAM-INEXACT, unless signal replaces the padding.
    """
    misaligned = [f for f in analysis.findings if f.cause == "alignment"]
    if misaligned:
        raise UsageError(
            "EW-STREAM-HOP",
            f"hop {analysis.hop} does not fit: " + "; ".join(f.reason for f in misaligned),
            hint=f"the hop has to be a multiple of {analysis.hop_multiple}",
            hop_multiple=analysis.hop_multiple,
            nodes=[f.node for f in misaligned],
        )
    if analysis.findings and padding != "signal":
        raise ModelError(
            "EW-STREAM-INEXACT",
            "streaming is not window inference: " + "; ".join(f.reason for f in analysis.findings),
            hint="padding signal takes rows of the stream instead, at a deviation that can be measured; "
            "padding recompute computes these ops, and what follows them, in every call",
            nodes=[f.node for f in analysis.findings],
        )


def _one_call(analysis: StreamAnalysis, before: int, after: int) -> StreamedProgram:
    """The call of an analysis without findings."""
    program = analysis.program
    places = _row_slices(program)
    reads = {t.node.name: _reads(t, program) for t in analysis.nodes}
    kept_nodes = [t for t in analysis.nodes if t.node.output not in places]
    keep = _kept_rows(analysis, kept_nodes, places, reads)
    steps = []
    for time in kept_nodes:
        inputs, rows = [], []
        for name, read in zip(time.node.inputs, reads[time.node.name], strict=True):
            base, offset = places.get(name, (name, 0))
            oldest = 0 if base in program.constants else program.values[base].shape[0] - keep[base]
            inputs.append(base)
            rows.append(range(read.start + offset - oldest, read.stop + offset - oldest))
        op = time.node.op
        if time.windows is not None:
            op = on_slab(op, time.new_rows, keep_padding=not time.streams)
        steps.append(StreamNode(replace(time.node, op=op, inputs=tuple(inputs)), tuple(rows)))
    values = {
        name: StreamValue(of_rows(program.values[name], rows), analysis.new_rows[name])
        for name, rows in keep.items()
    }
    port = program.inputs[0]
    streamed = StreamedProgram(
        window=program,
        hop=analysis.hop,
        before=before,
        after=after,
        values=values,
        nodes=tuple(steps),
        input=with_rows(port, program.values[port.value].shape[0], analysis.hop),
        outputs=tuple(
            with_rows(p, program.values[p.value].shape[0], analysis.new_rows[p.value])
            for p in program.outputs
        ),
    )
    streamed.verify()
    return streamed


def _row_slices(program: Program) -> dict[str, _Place]:
    """Where the first row of each value lies that only cuts rows: readers take the rows themselves."""
    places: dict[str, _Place] = {}
    outputs = output_values(program)
    for node in program.nodes:
        op, source = node.op, node.inputs[0]
        if not isinstance(op, Slice) or node.output in outputs or source in program.constants:
            continue
        _, columns, channels = program.values[source].shape
        if op.step[0] == 1 and op.ranges()[1:] == (range(columns), range(channels)):
            base, offset = places.get(source, (source, 0))
            places[node.output] = (base, offset + op.begin[0])
    return places


def _reads(time: NodeTime, program: Program) -> tuple[range, ...]:
    """Rows of the window a node reads of each input in a call."""
    input_rows = [program.values[i].shape[0] for i in time.node.inputs]
    if time.windows is None:
        return tuple(range(n) for n in input_rows)
    new = range(time.rows - time.new_rows, time.rows)
    read = [w.rows(new) for w in time.windows]
    # What an op that does not stream reads past the borders is padding, which it still makes itself.
    return tuple(range(max(0, r.start), min(n, r.stop)) for r, n in zip(read, input_rows, strict=True))


def _kept_rows(
    analysis: StreamAnalysis,
    nodes: list[NodeTime],
    places: Mapping[str, _Place],
    reads: Mapping[str, tuple[range, ...]],
) -> dict[str, int]:
    """Rows of each value that have to be there during a call, counted from the newest."""
    program = analysis.program
    keep = {name: new for name, new in analysis.new_rows.items() if name not in places}
    for time in nodes:
        for name, read in zip(time.node.inputs, reads[time.node.name], strict=True):
            base, offset = places.get(name, (name, 0))
            if base not in program.constants:
                keep[base] = max(keep[base], program.values[base].shape[0] - offset - read.start)
    return keep
