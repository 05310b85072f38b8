"""The results in docs/binarization.md, and their picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bibench_tables import Table, markdown, operators, places, title
from benchmarks.bibench_tracks import FLOAT, Record
from benchmarks.machine import ROOT
from edgewright.errors import WorkError
from edgewright.runtime.report.figure_style import (
    BLUE,
    INK,
    LINE,
    ORANGE,
    SETTINGS,
    SOFT,
    TEAL,
    new_figure,
    svg_text,
    titles,
)

PAGE = ROOT / "docs" / "binarization.md"
PICTURE = ROOT / "docs" / "images" / "bibench.svg"
BEGIN, END = "<!-- bibench: begin (written by `make bibench`) -->\n", "<!-- bibench: end -->\n"
COLOURS = {"plain": BLUE, "residual": TEAL}
ROW_IN, TOP_IN, BOTTOM_IN, WIDTH_IN = 0.3, 1.15, 0.55, 9.2
LEFT, GAP = 0.115, 0.025


def write_page(page: Path, tables: Sequence[Table], note: str) -> None:
    """Replace what stands between the marks of the page.

    Raises:
        WorkError: EW-BENCH-PAGE where the page has no marks.
    """
    text = page.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise WorkError("EW-BENCH-PAGE", f"{page} has no place for the results: {BEGIN.strip()}")
    before, rest = text.split(BEGIN)
    lines = [note, ""]
    for table in tables:
        lines += [f"### {table.heading}", "", *markdown(table), ""]
    page.write_text(before + BEGIN + "\n".join(lines) + END + rest.split(END)[1], encoding="utf-8")


def draw(records: Sequence[Record], builds: Sequence[Record]) -> Any:
    """A row an operator; accuracy of every task, robustness and the gain on the board side by side."""
    from matplotlib import rc_context

    with rc_context(SETTINGS):
        return _draw(records, builds)


def _draw(records: Sequence[Record], builds: Sequence[Record]) -> Any:
    names = operators(records)
    tasks = list(dict.fromkeys(t for t, _ in places(records)))
    panels = [*(f"top-1 of {t}, %" for t in tasks), "kept when corrupted, %"]
    panels += ["cycles of int8 / cycles, M4"] if any("cycles" in b for b in builds) else []
    height = TOP_IN + BOTTOM_IN + ROW_IN * len(names)
    figure = new_figure(WIDTH_IN, height)
    seeds = len({r["seed"] for r in records})
    titles(figure, "Eight ways to one bit", f"means of {seeds} seeds; dashed: the float twin", 0.02)
    width = (0.985 - LEFT - GAP * (len(panels) - 1)) / len(panels)
    for index, panel in enumerate(panels):
        at = (LEFT + index * (width + GAP), BOTTOM_IN / height, width, ROW_IN * len(names) / height)
        axes = figure.add_axes(at)
        _style(axes, names if index == 0 else [""] * len(names), panel)
        for architecture, colour in COLOURS.items():
            values, twin = _values(panel, index, tasks, records, builds, architecture)
            axes.scatter(values, range(len(names)), s=34, color=colour, label=architecture, zorder=3)
            if twin is not None:
                axes.axvline(twin, color=colour, lw=1, ls="--", alpha=0.7)
        if index == 0:
            handles, labels = axes.get_legend_handles_labels()
            figure.legend(handles, labels, loc="upper right", ncol=2, frameon=False, fontsize=9)
    return figure


def _style(axes: Any, names: Sequence[str], heading: str) -> None:
    axes.set_title(heading, fontsize=9, color=SOFT, loc="left")
    axes.set_yticks(range(len(names)), [title(n) if n else "" for n in names], color=INK)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(True, axis="both", color=LINE, lw=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)
    if heading.startswith("cycles"):
        axes.axvline(1, color=ORANGE, lw=1, ls="--")


def _values(
    panel: str,
    index: int,
    tasks: Sequence[str],
    records: Sequence[Record],
    builds: Sequence[Record],
    architecture: str,
) -> tuple[list[float], float | None]:
    """A value an operator, and that of the twin where it is not 1."""
    names = operators(records)
    own = [r for r in records if r["architecture"] == architecture]
    if index < len(tasks):
        here = [r for r in own if r["task"] == tasks[index]]
        twin = 100 * _mean([r["accuracy"] for r in here if r["operator"] == FLOAT])
        return [100 * _mean([r["deployed"] for r in here if r["operator"] == n]) for n in names], twin
    if panel.startswith("kept"):
        return [100 * _kept(own, n) for n in names], 100 * _kept(own, FLOAT)
    found = {(b["operator"], b["task"]): b["cycles"] for b in builds if b["architecture"] == architecture}
    places_built = list(dict.fromkeys(t for _, t in found))
    return [_mean([found[FLOAT, t] / found[n, t] for t in places_built]) for n in names], None


def _kept(records: Sequence[Record], operator: str) -> float:
    own = [r for r in records if r["operator"] == operator]
    return _mean([float(np.mean([*r["corrupted"].values()])) / max(r["accuracy"], 1e-9) for r in own])


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def write_picture(records: Sequence[Record], builds: Sequence[Record], path: Path = PICTURE) -> None:
    """Draw and write it."""
    path.write_text(svg_text(draw(records, builds)), encoding="utf-8")
