"""A picture of the trade-off: memory against estimated cycles, one mark a plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgewright.runtime.report.figure_style import (
    BLUE,
    CARD,
    INK,
    ORANGE,
    RED,
    SETTINGS,
    SOFT,
    new_figure,
    titles,
)
from edgewright.runtime.report.plan_data import Entry

WIDTH_IN, HEIGHT_IN = 9.6, 5.4
# Of the words at the marks: the series' colours, dark enough to be read.
DARK = {"resident": "#2259b8", "rows": "#9c5d0f"}
SERIES = {"resident": ("input resident", BLUE, "o"), "rows": ("input by rows", ORANGE, "s")}
# From this ratio of largest to smallest memory on the axis is logarithmic.
WIDE = 2.5
# A limit so many times above the largest plan is told in words instead of drawn.
FAR = 1.6
LABEL_PT = 8.0


def front_figure(entries: Sequence[Entry], title: str, *, limit_bytes: int, limit_name: str) -> Any:
    """Draw the plans of a model.

    Args:
        entries: Plans (`plan_entry`), the chosen one marked.
        title: Above the picture.
        limit_bytes: Largest arena that fits.
        limit_name: Whose limit that is.
    """
    from matplotlib import rc_context

    sizes = [e["ram_bytes"] for e in entries]
    near = limit_bytes <= FAR * max(sizes)
    with rc_context(SETTINGS):
        figure = new_figure(WIDTH_IN, HEIGHT_IN)
        axes = figure.add_axes((0.085, 0.115, 0.885, 0.70))
        shown = [*sizes, limit_bytes] if near else sizes
        _scales(axes, shown, [e["slowdown"] for e in entries])
        for mode, (words, colour, marker) in SERIES.items():
            own = [e for e in entries if e["input"] == mode]
            _series(axes, own, words, colour, marker)
        _limit(axes, limit_bytes, limit_name, near)
        axes.axhline(1.0, color=SOFT, linewidth=0.8, linestyle=":", zorder=1)
        _chosen(axes, entries)
        _names(axes, entries)
        axes.set_xlabel("RAM of the arena")
        axes.set_ylabel("estimated cycles, relative to layer by layer")
        axes.grid(linewidth=0.6)
        axes.set_axisbelow(True)
        axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.01), ncols=5, frameon=False, fontsize=8.5)
        subtitle = "each mark is a plan; beside it the multiply-accumulates computed twice, and the passes"
        titles(figure, title, subtitle, 0.014)
    return figure


def kilobytes(value: float) -> str:
    """3620 -> "3.54 KB"."""
    return f"{value / 1024:.3g} KB" if value < 1000 * 1024 else f"{value / 1024**2:.3g} MB"


def _scales(axes: Any, sizes: Sequence[int], slowdowns: Sequence[float]) -> None:
    from matplotlib.ticker import FixedLocator, NullLocator

    low, high = min(sizes), max(sizes)
    if high / low > WIDE:
        axes.set_xscale("log")
        axes.set_xlim(low / 1.25, high * 1.35)
        fine = (1, 1.5, 2, 3, 4, 5, 6, 8) if high / low < 10 else (1, 2, 5)
        marks = [m * 1024 * f for m in (0.1, 1, 10, 100, 1000, 10000) for f in fine]
        axes.xaxis.set_major_locator(FixedLocator([m for m in marks if low / 1.25 <= m <= high * 1.35]))
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        space = 0.09 * (high - low) or 0.1 * high
        axes.set_xlim(max(0, low - space), high + 1.6 * space)
        step = _round_step((high - low or high) / 6)
        first = int(max(0, low - space) // step)
        axes.xaxis.set_major_locator(FixedLocator([step * (first + i) for i in range(1, 12)]))
    axes.xaxis.set_major_formatter(lambda value, _: kilobytes(value))
    bottom, top = min(1.0, *slowdowns), max(1.02, *slowdowns)
    axes.set_ylim(bottom - 0.10 * (top - bottom), top + 0.14 * (top - bottom))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.2f}x")


def _round_step(step: float) -> float:
    """The next larger of 0.25, 0.5, 1, 2, 4, 8... kilobytes."""
    size = 64.0
    while size < step:
        size *= 2
    return size


def _series(axes: Any, entries: Sequence[Entry], words: str, colour: str, marker: str) -> None:
    """A step line along the best of an input mode, and a mark for each plan; hollow where MACs repeat."""
    if not entries:
        return
    best: list[Entry] = []
    for entry in entries:
        if not best or entry["slowdown"] < best[-1]["slowdown"]:
            best.append(entry)
    xs, ys = [e["ram_bytes"] for e in best], [e["slowdown"] for e in best]
    axes.plot(xs, ys, drawstyle="steps-post", color=colour, linewidth=1.4, alpha=0.55, zorder=2)
    for recompute in (False, True):
        own = [e for e in entries if (e["mac_overhead"] > 1) is recompute]
        axes.scatter(
            [e["ram_bytes"] for e in own],
            [e["slowdown"] for e in own],
            s=46,
            marker=marker,
            facecolor=CARD if recompute else colour,
            edgecolor=colour,
            linewidth=1.6,
            zorder=4,
            label=f"{words}{', some computed twice' if recompute else ''}" if own else None,
        )


def _limit(axes: Any, limit_bytes: int, name: str, near: bool) -> None:
    if near:
        axes.axvline(limit_bytes, color=RED, linewidth=1.2, linestyle=(0, (5, 3)), zorder=3)
        axes.axvspan(limit_bytes, axes.get_xlim()[1], color=RED, alpha=0.05, linewidth=0, zorder=0.5)
    text = f"{name}: {limit_bytes:,} B" + ("" if near else ", far to the right →")
    at = limit_bytes if near else axes.get_xlim()[1]
    style = {"transform": axes.get_xaxis_transform(), "ha": "right", "va": "top", "size": 8.5, "color": RED}
    axes.text(at, 0.985, f"{text} ", **style)


def _chosen(axes: Any, entries: Sequence[Entry]) -> None:
    for entry in entries:
        if entry["chosen"]:
            axes.scatter(
                entry["ram_bytes"],
                entry["slowdown"],
                s=210,
                facecolor="none",
                edgecolor=INK,
                linewidth=1.6,
                zorder=5,
                label="chosen",
            )


def _names(axes: Any, entries: Sequence[Entry]) -> None:
    """A few words at each mark, on a side where they cover nothing; none where there is no such side."""
    taken: list[tuple[float, float, float, float]] = []
    written: list[tuple[str, float]] = []
    figure = axes.get_figure()
    pixels = figure.dpi / 72
    for entry in sorted(entries, key=lambda e: (not e["chosen"], e["schedule"] != "layer", e["ram_bytes"])):
        text = mark_text(entry)
        x, y = axes.transData.transform((entry["ram_bytes"], entry["slowdown"]))
        if any(text == other and abs(y - at) < 2 * LABEL_PT * pixels for other, at in written):
            continue
        written.append((text, y))
        width, height = 0.6 * LABEL_PT * len(text) * pixels, 1.25 * LABEL_PT * pixels
        away = 9 * pixels if not entry["chosen"] else 12 * pixels
        for dx, dy, ha, va in (
            (away * 0.7, away * 0.7, "left", "bottom"),
            (0, away, "center", "bottom"),
            (-away * 0.7, -away * 0.7, "right", "top"),
            (0, -away, "center", "top"),
            (away, 0, "left", "center"),
            (-away, 0, "right", "center"),
            (away * 0.7, -away * 0.7, "left", "top"),
            (-away * 0.7, away * 0.7, "right", "bottom"),
        ):
            left = x + dx - {"center": width / 2, "left": 0, "right": width}[ha]
            low = y + dy - {"center": height / 2, "bottom": 0, "top": height}[va]
            box = (left, low, left + width, low + height)
            if _free(box, taken, axes, entries):
                taken.append(box)
                offset = (dx / pixels, dy / pixels)
                at = (entry["ram_bytes"], entry["slowdown"])
                style = {"ha": ha, "va": va, "size": LABEL_PT, "color": DARK[entry["input"]], "zorder": 6}
                # Lines end at the words instead of crossing them out.
                ground = {"facecolor": CARD, "edgecolor": "none", "pad": 0.8, "alpha": 0.8}
                axes.annotate(text, at, offset, textcoords="offset points", bbox=ground, **style)
                break


def _free(
    box: tuple[float, float, float, float],
    taken: Sequence[tuple[float, float, float, float]],
    axes: Any,
    entries: Sequence[Entry],
) -> bool:
    """Whether a label covers no other label and no mark, and lies within the axes."""
    frame = axes.get_window_extent()
    inside = box[0] > frame.x0 and box[2] < frame.x1 + 20 and box[1] > frame.y0 and box[3] < frame.y1 - 18
    marks = axes.transData.transform([(e["ram_bytes"], e["slowdown"]) for e in entries])
    covers = any(box[0] - 5 < x < box[2] + 5 and box[1] - 5 < y < box[3] + 5 for x, y in marks)
    meets = any(box[0] < t[2] and t[0] < box[2] and box[1] < t[3] and t[1] < box[3] for t in taken)
    return inside and not covers and not meets


def mark_text(entry: Mapping[str, Any]) -> str:
    """`9,216 B, +6.4 % MAC, 3 passes`."""
    parts = [f"{entry['ram_bytes']:,} B"]
    if entry["mac_overhead"] > 1:
        parts.append(f"+{100 * (entry['mac_overhead'] - 1):.2g} % MAC")
    if entry["passes"] > 1:
        parts.append(f"{entry['passes']} passes")
    if entry["schedule"] == "layer" and entry["input"] == "resident":
        parts.append("layer by layer")
    return ", ".join(parts)
