"""A picture of the arena over time: buffers as areas, rings with their slots, the largest moment marked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from edgewright.converter.schedule.band import Kind
from edgewright.converter.schedule.memory_plan import Plan
from edgewright.converter.schedule.network import Network
from edgewright.converter.short_names import short_names
from edgewright.runtime.report.arena_labels import (
    AXES_WIDTH_IN,
    LABEL_PT,
    StepName,
    label_place,
    step_names,
    text_width,
)
from edgewright.runtime.report.arena_timeline import Area, Moment, Span, Timeline, timeline
from edgewright.runtime.report.figure_style import (
    INK,
    LINE,
    ON_AREA,
    ORANGE,
    RED,
    SETTINGS,
    new_figure,
    titles,
)

AXES_HEIGHT_IN = 4.4
LEFT_IN, RIGHT_IN, TOP_IN = 0.85, 0.25, 1.3
WIDTH_IN = LEFT_IN + AXES_WIDTH_IN + RIGHT_IN
BOTTOM_IN = 0.45
# So many pieces of an area are drawn without outlines, which would hide them.
MANY = 30


@dataclass(frozen=True)
class Look:
    """How a kind of memory is drawn."""

    words: str
    fill: str
    edge: str
    hatch: str = ""


LOOKS: Mapping[Kind, Look] = {
    "tensor": Look("whole tensor", "#c3d8f8", "#5b8ce4"),
    "ring": Look("ring of rows", "#fdeed6", "#c07a1c"),
    "newest": Look("newest rows, until their slots are free", "#e4716a", "#c4332b"),
    "sums": Look("sums", "#a9dcbd", "#1d8a4e"),
    "scratch": Look("scratch of a kernel", "#dde3eb", "#8a96a8", "////"),
    "state": Look("state of the segment", "#6b788a", "#4a5668"),
}
TENSOR_FILLS = ("#c3d8f8", "#a9c7f4", "#d9e6fb")
ROW_FILL = "#f3bd6b"


def arena_figure(
    plan: Plan, network: Network, title: str, subtitle: str, *, ceiling_bytes: int | None = None
) -> Any:
    """Draw a plan.

    Args:
        plan: The plan.
        network: What it was planned in (`Planner.network`).
        title, subtitle: Above the picture.
        ceiling_bytes: Top of the byte axis; None for a little more than the arena.
    """
    from matplotlib import rc_context

    line = timeline(plan, network)
    top = ceiling_bytes or max(1, plan.arena_bytes) * 1.08
    names = step_names(line.spans)
    upright = max((text_width(n.text) * AXES_WIDTH_IN for n in names if n.upright), default=0.0)
    bottom = max(BOTTOM_IN, 0.3 + upright)
    height = bottom + AXES_HEIGHT_IN + TOP_IN
    with rc_context(SETTINGS):
        figure = new_figure(WIDTH_IN, height)
        axes = figure.add_axes(
            (LEFT_IN / WIDTH_IN, bottom / height, AXES_WIDTH_IN / WIDTH_IN, AXES_HEIGHT_IN / height)
        )
        axes.set_xlim(0, 1)
        axes.set_ylim(0, top)
        _steps(axes, line.spans, names)
        _areas(axes, line)
        _labels(axes, line, top)
        _marks(axes, plan, line)
        _legend(axes, line)
        axes.set_ylabel("byte of the arena")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.grid(axis="y", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.set_xticks([])
        titles(figure, title, subtitle, 0.12 / WIDTH_IN)
    return figure


def _steps(axes: Any, spans: Sequence[Span], names: Sequence[StepName]) -> None:
    """Names below, borders between the steps, streamed ones underlined and on a background."""
    below = axes.get_xaxis_transform()
    for span in spans:
        axes.axvline(span.end, color=LINE, linewidth=0.8, zorder=0.5)
        if span.step.streamed is not None:
            axes.axvspan(span.begin, span.end, color=ORANGE, alpha=0.06, linewidth=0, zorder=0.4)
            ends = [span.begin + 0.001, span.end - 0.001]
            style = {"color": ORANGE, "linewidth": 3, "solid_capstyle": "butt", "clip_on": False}
            axes.plot(ends, [-0.014, -0.014], transform=below, **style)
    for name in names:
        style = {"ha": "center", "va": "top", "size": LABEL_PT, "color": name.colour}
        axes.text(name.at, -0.04, name.text, transform=below, rotation=90 if name.upright else 0, **style)


def _areas(axes: Any, line: Timeline) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    tensors = 0
    rings: list[tuple[Any, str]] = []
    for area in line.areas:
        look = LOOKS[area.kind]
        fill = look.fill
        if area.kind == "tensor":
            fill, tensors = TENSOR_FILLS[tensors % len(TENSOR_FILLS)], tensors + 1
        polygons = [Path([*p, p[0]], closed=True) for p in _polygons(area)]
        if polygons:
            outline = Path.make_compound_path(*polygons)
            if area.kind == "ring" and len(polygons) <= MANY:
                rings.append((outline, look.edge))
            axes.add_patch(
                PathPatch(
                    outline,
                    facecolor=fill,
                    edgecolor=look.edge,
                    linewidth=0.7 if len(polygons) <= MANY else 0.0,
                    hatch=look.hatch if len(polygons) <= MANY else None,
                    zorder=2 if area.kind == "tensor" else 2.5,
                )
            )
    boxes = [
        Path([(r.begin, r.low), (r.end, r.low), (r.end, r.high), (r.begin, r.high), (r.begin, r.low)])
        for r in line.rows
    ]
    if boxes:
        path = Path.make_compound_path(*boxes)
        axes.add_patch(PathPatch(path, facecolor=ROW_FILL, edgecolor="none", zorder=2.6))
    for outline, edge in rings:
        axes.add_patch(PathPatch(outline, facecolor="none", edgecolor=edge, linewidth=0.7, zorder=2.8))
    for begin, end, byte in line.slots:
        axes.plot([begin, end], [byte, byte], color="#fdeed6", linewidth=0.7, zorder=2.7)


def _polygons(area: Area) -> Iterator[list[tuple[float, int]]]:
    """Outlines of the parts of an area that have bytes in use."""
    part: list[Moment] = []
    for first, second in pairwise(area.moments):
        if first[1] == first[2] and second[1] == second[2]:
            if part:
                yield _outline(part)
            part = []
        else:
            part = [*(part or [first]), second]
    if part:
        yield _outline(part)


def _outline(part: Sequence[Moment]) -> list[tuple[float, int]]:
    return [(t, high) for t, _, high in part] + [(t, low) for t, low, _ in reversed(part)]


def _labels(axes: Any, line: Timeline, top: float) -> None:
    """Names where there is room."""
    named = [a for a in line.areas if a.kind in ("tensor", "ring", "sums")]
    short = short_names((a.buffer.name for a in named), limit=22)
    height = 1.2 * LABEL_PT / 72 / AXES_HEIGHT_IN * top
    for area in named:
        name, size = short[area.buffer.name], f"{area.buffer.size_bytes:,} B"
        slots = f" · {area.buffer.slots} rows" if area.kind == "ring" and area.buffer.slots > 1 else ""
        for text in (f"{name}{slots} · {size}", f"{name}{slots}", name):
            place = label_place(area, text_width(text), height)
            if place is not None:
                # A line between two slots may run right through the name.
                box = {"facecolor": ROW_FILL, "edgecolor": "none", "pad": 0.6} if slots else None
                style = {"ha": "center", "va": "center", "size": LABEL_PT, "color": ON_AREA}
                axes.text(*place, text, zorder=4, bbox=box, **style)
                break


def _marks(axes: Any, plan: Plan, line: Timeline) -> None:
    """The size of the arena, and when the most bytes are in use."""
    axes.axhline(plan.arena_bytes, color=INK, linewidth=1.0, linestyle=(0, (5, 3)), zorder=3)
    axes.text(
        0.998,
        plan.arena_bytes + 0.012 * axes.get_ylim()[1],
        f"arena {plan.arena_bytes:,} B",
        ha="right",
        va="bottom",
        size=8.5,
        color=INK,
    )
    middle = (line.peak_begin + line.peak_end) / 2
    if line.peak_end - line.peak_begin > 0.004:
        axes.axvspan(line.peak_begin, line.peak_end, color=RED, alpha=0.10, linewidth=0, zorder=3)
    else:
        axes.axvline(middle, color=RED, linewidth=1.0, zorder=3.5)
    axes.annotate(
        f"largest moment: {line.peak_bytes:,} B",
        (middle, 1.0),
        (min(max(middle, 0.08), 0.92), 1.035),
        xycoords=axes.get_xaxis_transform(),
        textcoords=axes.get_xaxis_transform(),
        ha="center",
        size=8.5,
        color=RED,
        arrowprops={"arrowstyle": "-", "color": RED, "linewidth": 1.0, "shrinkA": 0, "shrinkB": 0},
        annotation_clip=False,
    )


def _legend(axes: Any, line: Timeline) -> None:
    from matplotlib.patches import Patch

    kinds = dict.fromkeys(a.kind for a in line.areas)
    handles = []
    for kind, look in LOOKS.items():
        if kind in kinds:
            handles.append(
                Patch(facecolor=look.fill, edgecolor=look.edge, hatch=look.hatch or None, label=look.words)
            )
        if kind == "ring" and kind in kinds:
            handles.append(Patch(facecolor=ROW_FILL, edgecolor="#c07a1c", label="rows still needed"))
    axes.legend(
        handles=handles,
        loc="lower right",
        bbox_to_anchor=(1.0, 1.085),
        ncols=len(handles),
        frameon=False,
        fontsize=8,
        handlelength=1.4,
        handleheight=1.0,
        columnspacing=1.4,
        borderpad=0,
    )
