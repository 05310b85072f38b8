"""Draws how a line buffer works, from the planner's simulation of two layers of the example model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from matplotlib import rc_context

from edgewright.converter.schedule import Wish
from edgewright.converter.schedule.candidate import CopyCost, stream
from edgewright.converter.schedule.events import Simulation
from edgewright.converter.schedule.rings import Ring
from edgewright.runtime.report.figure_style import (
    BLUE,
    LINE,
    ON_AREA,
    ORANGE,
    RED,
    SETTINGS,
    SOFT,
    TEAL,
    new_figure,
    titles,
)
from edgewright.targets.planning import Planning

LIGHT = {BLUE: "#c4d8f8", TEAL: "#bfe6e1", ORANGE: "#f3bd6c", RED: "#e6716a"}
LANE, BOX = 1.0, 0.72


@dataclass(frozen=True)
class Stay:
    """A row in a slot (-1: where the newest row waits), from an event to the one behind its last."""

    row: int
    slot: int
    begin: int
    end: int


def stays(simulation: Simulation, value: str, ring: Ring) -> Iterator[Stay]:
    """Where each row of a value lies, and when."""
    lives = simulation.lives[value]
    freed = dict(zip(ring.waits.tolist(), ring.freed.tolist(), strict=True))
    for row, (made, last) in enumerate(zip(lives.made.tolist(), lives.last.tolist(), strict=True)):
        if row in freed:
            yield Stay(row, -1, made, freed[row] + 1)
            made = freed[row] + 1
        if last >= made:
            yield Stay(row, row % ring.slots, made, last + 1)


def line_buffer_figure(planning: Planning, writer: str, reader: str) -> Any:
    """The rows that one layer writes and the next one reads.

    Args:
        planning: Of the model.
        writer, reader: Names of two consecutive nodes.
    """
    network = planning.planner("resident", Wish()).network
    names = [form.node.name for form in network.forms]
    first = names.index(writer)
    segment = stream(network, first, names.index(reader) + 1, None, CopyCost(0.0, 1.0))
    assert segment is not None
    simulation = segment.simulation
    made, read = simulation.ops
    ring = segment.rings[made.output]
    figure = new_figure(10.5, 3.7)
    row_bytes, rows = made.out_row_bytes, ring.slots + ring.waiting_slots
    titles(
        figure,
        f"A line buffer: rows on their way from {writer} to {reader}",
        f"{made.out_rows} rows of {row_bytes} B pass through {rows * row_bytes} B instead of "
        f"{made.out_rows * row_bytes:,} B; a dot marks a row that {reader} reads",
        0.02,
    )
    with rc_context(SETTINGS):
        axes = figure.add_axes((0.135, 0.13, 0.85, 0.68))
    places = {-1: 2 + ring.slots, **{slot: 2 + slot for slot in range(ring.slots)}}
    labels = [f"{writer} computes", f"{reader} computes"]
    labels += [f"ring, slot {slot}" for slot in range(ring.slots)] + ["newest row, waits"]
    _calls(axes, simulation)
    found = list(stays(simulation, made.output, ring))
    for stay in found:
        _box(
            axes, stay.begin, stay.end, places[stay.slot], f"row {stay.row}", RED if stay.slot < 0 else ORANGE
        )
        if stay.slot < 0 and any(s.row == stay.row and s.slot >= 0 for s in found):
            _arrow(axes, stay.end, places[-1], places[stay.row % ring.slots])
    _reads(axes, simulation, read, found, places)
    axes.set_xlim(0, len(simulation.sequence))
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xticks(range(len(simulation.sequence) + 1))
    axes.set_xticklabels([])
    axes.set_xlabel("kernel calls, one after the other")
    axes.tick_params(length=0)
    axes.grid(axis="x", color=LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["left", "bottom"]].set_visible(False)
    return figure


def _calls(axes: Any, simulation: Simulation) -> None:
    counts = [0] * len(simulation.ops)
    for event, index in enumerate(simulation.sequence.tolist()):
        _box(axes, event, event + 1, index, f"row {counts[index]}", TEAL if index else BLUE)
        counts[index] += 1


def _reads(axes: Any, simulation: Simulation, reader: Any, found: list[Stay], places: dict[int, int]) -> None:
    """A dot on every row that a call of the reader reads."""
    (starts, ends), row = reader.windows[0], 0
    for event, index in enumerate(simulation.sequence.tolist()):
        if simulation.ops[index] is not reader:
            continue
        axes.axvspan(event, event + 1, color=LIGHT[TEAL], alpha=0.25, linewidth=0, zorder=0)
        for stay in found:
            if starts[row] <= stay.row < ends[row] and stay.begin <= event < stay.end:
                axes.plot(event + 0.5, places[stay.slot] + 0.22, "o", color=TEAL, markersize=4, zorder=4)
        row += 1


def _box(axes: Any, begin: float, end: float, lane: int, text: str, colour: str) -> None:
    gap = 0.04
    axes.barh(
        lane,
        end - begin - 2 * gap,
        BOX,
        left=begin + gap,
        color=LIGHT[colour],
        edgecolor=colour,
        linewidth=1,
        zorder=2,
    )
    axes.text((begin + end) / 2, lane - 0.04, text, ha="center", va="center", size=8, color=ON_AREA, zorder=5)


def _arrow(axes: Any, x: float, low: int, high: int) -> None:
    """The waiting row is copied into its slot."""
    axes.annotate(
        "",
        xy=(x + 0.12, high + BOX / 2 - 0.04),
        xytext=(x - 0.08, low - BOX / 2 + 0.06),
        arrowprops={"arrowstyle": "->", "color": SOFT, "linewidth": 1.2},
        zorder=6,
    )
