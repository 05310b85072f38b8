"""Signal padding: a program over a longer window, in which no op that streams pads in time.

The rows that were zero padding become rows of the stream before and after the window, so each value grows
by the rows its readers reach over its border. Where two branches reach unequally far (a residual around a
padded convolution), row slices align them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from edgewright.converter.ops.slice import Slice
from edgewright.converter.program import Node, Program, TensorType
from edgewright.converter.streaming.analysis import NodeTime, StreamAnalysis
from edgewright.converter.streaming.time_axis import of_rows, with_rows
from edgewright.converter.streaming.time_window import on_slab


@dataclass(frozen=True)
class SignalPadded:
    """A program whose window is longer than that of the original.

    Args:
        program: Equal to the original but for the rows of padding; exact to stream.
        before: Rows of the input above the original window.
        after: Rows below it: the output of a call is that of the window that ended so many rows ago.
    """

    program: Program
    before: int
    after: int


def pad_with_signal(analysis: StreamAnalysis) -> SignalPadded:
    """Replace the time padding of all ops that stream by rows of the signal."""
    program = analysis.program
    port = program.inputs[0]
    rows = program.values[port.value].shape[0]
    wanted = _wanted_rows(analysis)
    window = wanted[port.value]
    edit = _Edit(program, {port.value: window})
    edit.values[port.value] = of_rows(program.values[port.value], len(window))
    for time in analysis.nodes:
        edit.add(time, wanted)
    outputs = tuple(
        replace(p, value=edit.cut(p.value, range(program.values[p.value].shape[0]))) for p in program.outputs
    )
    padded = replace(
        program,
        inputs=(with_rows(port, rows, len(window)),),
        outputs=outputs,
        values=edit.values,
        nodes=tuple(edit.nodes),
    )
    padded.verify()
    return SignalPadded(padded, before=-window.start, after=window.stop - rows)


def _wanted_rows(analysis: StreamAnalysis) -> dict[str, range]:
    """Rows of every value that somebody reads, in its own rows of the original window (0 = its first)."""
    program = analysis.program
    wanted = {name: range(t.shape[0]) for name, t in program.values.items()}
    for time in reversed(analysis.nodes):
        if not time.streams:
            continue
        assert time.windows is not None
        repeat = max(w.repeat for w in time.windows)
        rows = wanted[time.node.output]
        wanted[time.node.output] = rows = range(
            rows.start // repeat * repeat, -(-rows.stop // repeat) * repeat
        )
        for window, name in zip(time.windows, time.node.inputs, strict=True):
            if name not in program.constants:
                needed, known = window.rows(rows), wanted[name]
                wanted[name] = range(min(needed.start, known.start), max(needed.stop, known.stop))
    return wanted


@dataclass
class _Edit:
    """The longer program under construction; `made` is the rows each value has by now."""

    program: Program
    made: dict[str, range]
    values: dict[str, TensorType] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.values = {name: self.program.values[name] for name in self.program.constants}

    def cut(self, name: str, rows: range) -> str:
        """The value with just these of its rows."""
        if name in self.program.constants or self.made[name] == rows:
            return name
        begin, end = rows.start - self.made[name].start, rows.stop - self.made[name].start
        cut = f"{name}[{begin}:{end}]"
        if cut not in self.values:
            _, columns, channels = self.values[name].shape
            op = Slice((begin, 0, 0), (end, columns, channels))
            self._append(Node(cut, op, (name,), cut))
        return cut

    def add(self, time: NodeTime, wanted: dict[str, range]) -> None:
        """A node, on the rows it needs; one that streams without its time padding."""
        node, op = time.node, time.node.op
        if time.streams:
            assert time.windows is not None
            rows = wanted[node.output]
            op = on_slab(op, len(rows), keep_padding=False)
            needed = [w.rows(rows) for w in time.windows]
        else:
            rows = range(time.rows)
            needed = [range(self.program.values[i].shape[0]) for i in node.inputs]
        inputs = tuple(self.cut(i, r) for i, r in zip(node.inputs, needed, strict=True))
        self.made[node.output] = rows
        self._append(replace(node, op=op, inputs=inputs))

    def _append(self, node: Node) -> None:
        self.nodes.append(node)
        self.values[node.output] = node.op.output_type(*(self.values[i] for i in node.inputs))
