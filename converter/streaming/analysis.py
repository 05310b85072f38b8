"""Which rows of every value are new in a call of time streaming, and where that is not exact.

Window inference sees the last T rows of the stream; the next call sees the window moved by `hop` rows.
A value "streams" where its rows move along with the window: all but its last `new_rows` rows were
computed before. Zero padding above or below breaks that (a row that was at the border of one window is
inside the next), and so does a stride that does not divide the step.

C. Kechris et al., Don't think it twice: exploit shift invariance for efficient online streaming
inference of CNNs (StreamiNNC), 2024.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import lcm
from typing import Literal, get_args

from edgewright.converter.program import Node, Program
from edgewright.converter.short_names import short_names
from edgewright.converter.streaming.time_axis import time_input
from edgewright.converter.streaming.time_window import TimeWindow, time_windows
from edgewright.errors import UsageError

PaddingPolicy = Literal["refuse", "signal", "recompute"]
Alignment = Literal["refuse", "recompute"]
Cause = Literal["padding", "alignment"]
PADDINGS: tuple[PaddingPolicy, ...] = get_args(PaddingPolicy)
ALIGNMENTS: tuple[Alignment, ...] = get_args(Alignment)


@dataclass(frozen=True)
class Finding:
    """An op at which streaming is not window inference.

    Args:
        node: Name of the node.
        cause: What breaks shift invariance.
        reason: What the op does, for a person.
        remedy: What to do about it.
    """

    node: str
    cause: Cause
    reason: str
    remedy: str


@dataclass(frozen=True)
class NodeTime:
    """What one call computes of a node.

    Args:
        node: The node.
        rows: Rows of its output in a window.
        new_rows: Rows computed a call, the last ones; all of them where the op does not stream.
        windows: Rows read of each input; None where the op reads all.
        reason: Why all rows are computed again; empty where only new ones are.
    """

    node: Node
    rows: int
    new_rows: int
    windows: tuple[TimeWindow, ...] | None
    reason: str = ""

    @property
    def streams(self) -> bool:
        return self.new_rows < self.rows


@dataclass(frozen=True)
class StreamAnalysis:
    """The analysis of a program for one hop.

    Args:
        program: The program.
        hop: New rows of the input in a call.
        nodes: What a call computes of each node, in order.
        new_rows: New rows of each value that is no constant.
        findings: Where streaming is not window inference; empty = exact.
        hop_multiple: Every multiple of it is an aligned hop.
    """

    program: Program
    hop: int
    nodes: tuple[NodeTime, ...]
    new_rows: Mapping[str, int]
    findings: tuple[Finding, ...]
    hop_multiple: int

    @property
    def exact(self) -> bool:
        return not self.findings


def analyse(
    program: Program,
    hop: int,
    axis: str = "time",
    *,
    padding: PaddingPolicy = "refuse",
    alignment: Alignment = "refuse",
) -> StreamAnalysis:
    """New rows of every value in a call that brings `hop` rows of the input.

    Args:
        program: One input, [time, columns, channels].
        hop: New time steps in a call.
        axis: "time", the rows.
        padding: "recompute" computes ops that pad in time, and what follows, again in every call;
            otherwise they stream, and are findings.
        alignment: "recompute" accepts that misaligned ops, and what follows, are computed again in every
            call; with "refuse" they are findings.

    Raises:
        UsageError: EW-STREAM-AXIS; EW-STREAM-HOP where the hop is not in 1 .. time steps of the window.
        ModelError: EW-STREAM-AXIS where the input has no time axis.
    """
    port = time_input(program, axis)
    steps = program.values[port.value].shape[0]
    if not 1 <= hop <= steps:
        raise UsageError(
            "EW-STREAM-HOP",
            f"hop {hop} is not in 1 to {steps}, the time steps of input {port.name}",
            "the number of new time steps in a call, for instance 1",
        )
    walk = _Walk(program, {port.value: hop}, _hop_multiple(program, port.value), padding, alignment)
    nodes = tuple(walk.visit(node) for node in program.nodes)
    return StreamAnalysis(program, hop, nodes, walk.new_rows, tuple(walk.findings), walk.hop_multiple)


@dataclass
class _Walk:
    """New rows of the values known so far, and what was found on the way."""

    program: Program
    new_rows: dict[str, int]
    hop_multiple: int
    padding: PaddingPolicy
    alignment: Alignment
    findings: list[Finding] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.names = short_names(n.name for n in self.program.nodes)

    def visit(self, node: Node) -> NodeTime:
        """What a call computes of the next node."""
        windows = time_windows(node.op, [self.program.values[i] for i in node.inputs])
        rows = self.program.values[node.output].shape[0]
        new, reason = self._new_rows(node, windows, rows)
        self.new_rows[node.output] = new
        return NodeTime(node, rows, new, windows, reason)

    def _new_rows(self, node: Node, windows: tuple[TimeWindow, ...] | None, rows: int) -> tuple[int, str]:
        """(rows to compute in a call, why that is all of them)."""
        reason = self._mixing(node, windows)
        if reason or windows is None:
            return rows, reason
        if self._misaligned(node, windows):
            return rows, "it is not aligned with the hop"
        k, name = self._moving(node)[0]
        new = windows[k].new_rows(self.new_rows[name])
        if new is None or new >= rows:
            return rows, "the hop renews all its rows"
        return (rows, "it pads in time") if self._pads(node, windows, rows) else (new, "")

    def _moving(self, node: Node) -> list[tuple[int, str]]:
        """Index and name of the inputs that are no constants."""
        return [(k, i) for k, i in enumerate(node.inputs) if i in self.new_rows]

    def _mixing(self, node: Node, windows: tuple[TimeWindow, ...] | None) -> str:
        """Why no hop lets the node stream; empty where one may."""
        values = self.program.values
        moving = self._moving(node)
        if not moving or any(self.new_rows[i] == values[i].shape[0] for _, i in moving):
            return "its input is new in every call"
        if windows is None:
            return "it mixes all time steps"
        if any(i in self.program.constants and values[i].shape[0] > 1 for i in node.inputs):
            return "it reads a constant that differs from step to step"
        if values[node.output].shape[0] == 1:
            return "it makes one row of the window"
        steps = {windows[k].new_rows(self.new_rows[i]) for k, i in moving}
        return "its inputs move at different rates" if None not in steps and len(steps) > 1 else ""

    def _misaligned(self, node: Node, windows: tuple[TimeWindow, ...]) -> bool:
        """Whether the output moves by no whole number of rows; a finding unless that is accepted."""
        for k, name in self._moving(node):
            moved = self.new_rows[name]
            if windows[k].new_rows(moved) is None:
                if self.alignment == "refuse":
                    self._find(
                        node,
                        "alignment",
                        f"moves by {windows[k].stride} rows in time, but its input by {moved} a call",
                        f"a hop that is a multiple of {self.hop_multiple}; or compute the op, and what "
                        "follows it, again in every call",
                    )
                return True
        return False

    def _pads(self, node: Node, windows: tuple[TimeWindow, ...], rows: int) -> bool:
        """Whether the node pads in time, and is computed again for that; a finding if it streams."""
        above, below = _padding_rows(windows, [self.program.values[i].shape[0] for i in node.inputs], rows)
        if not (above or below):
            return False
        if self.padding == "recompute":
            return True
        self._find(
            node,
            "padding",
            f"pads in time, {above} rows above the window and {below} below",
            "signal padding: rows of the stream before and after take the place of the padding",
        )
        return False

    def _find(self, node: Node, cause: Cause, reason: str, remedy: str) -> None:
        text = f"{node.op.kind} {self.names[node.name]} {reason}"
        self.findings.append(Finding(node.name, cause, text, remedy))


def _padding_rows(windows: tuple[TimeWindow, ...], input_rows: list[int], rows: int) -> tuple[int, int]:
    """Rows outside the inputs (above, below) that an output of `rows` rows reads."""
    read = [w.rows(range(rows)) for w in windows]
    above = max(0, *(-r.start for r in read))
    below = max(0, *(r.stop - n for r, n in zip(read, input_rows, strict=True)))
    return above, below


def _hop_multiple(program: Program, time_value: str) -> int:
    """The step of the input by which every value that can stream moves by whole rows."""
    rates = {time_value: Fraction(1)}
    multiple = 1
    for node in program.nodes:
        windows = time_windows(node.op, [program.values[i] for i in node.inputs])
        if windows is None or program.values[node.output].shape[0] == 1:
            continue
        moving = [(k, i) for k, i in enumerate(node.inputs) if i not in program.constants]
        if all(i in rates for _, i in moving):
            found = {rates[i] * windows[k].repeat / windows[k].stride for k, i in moving}
            if len(found) == 1:
                rates[node.output] = found.pop()
                multiple = lcm(multiple, rates[node.output].denominator)
    return multiple
