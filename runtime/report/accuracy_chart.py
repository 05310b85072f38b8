"""A bar chart of the error of each layer."""

from __future__ import annotations

from typing import Any

from edgewright.quantize.accuracy import AccuracyReport, LayerAccuracy
from edgewright.runtime.report.accuracy_text import advice, layer_names
from edgewright.runtime.report.figure_style import (
    BLUE,
    INK,
    ON_AREA,
    ORANGE,
    SETTINGS,
    SOFT,
    new_figure,
    titles,
)

WIDTH_IN, ROW_IN = 9.6, 0.25
LEFT_IN, RIGHT_IN, TOP_IN, BOTTOM_IN = 2.9, 0.35, 1.05, 0.5
LABEL_PT = 7.5
# A bar longer than this share of the longest has its figure inside.
INSIDE = 0.09


def layer_figure(report: AccuracyReport) -> Any:
    """Signal to quantization noise by layer: bars of the whole error, ticks of what the layer makes itself.

    Args:
        report: With layers.
    """
    from matplotlib import rc_context

    layers = [layer for layer in report.layers if layer.sqnr_db is not None]
    height = TOP_IN + ROW_IN * max(1, len(layers)) + BOTTOM_IN
    worst = {x.tensor for x, _ in advice(report)}
    names = layer_names(report)
    with rc_context(SETTINGS):
        figure = new_figure(WIDTH_IN, height)
        box = (
            LEFT_IN / WIDTH_IN,
            BOTTOM_IN / height,
            (WIDTH_IN - LEFT_IN - RIGHT_IN) / WIDTH_IN,
            1 - (TOP_IN + BOTTOM_IN) / height,
        )
        axes = figure.add_axes(box)
        _bars(axes, layers, worst)
        labels = [f"{names[x.name]}{_format_note(x)}" for x in layers]
        axes.set_yticks(range(len(layers)), labels, size=LABEL_PT + 0.5)
        for tick, layer in zip(axes.get_yticklabels(), layers, strict=True):
            tick.set_color(INK if layer.tensor in worst else SOFT)
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(len(layers) - 0.4, -0.6)
        axes.set_xlabel("signal to quantization noise, dB (longer is better)")
        axes.grid(axis="x", linewidth=0.6)
        axes.set_axisbelow(True)
        _legend(axes)
        subtitle = f"{report.model}, {report.quantized.samples} samples, {report.on}"
        titles(figure, "What quantization does to each layer", subtitle, 0.014)
    return figure


def _format_note(layer: LayerAccuracy) -> str:
    """Weights that are not the usual ones."""
    return f" ({layer.weights})" if layer.weights not in (None, "int8") else ""


def _bars(axes: Any, layers: list[LayerAccuracy], worst: set[str]) -> None:
    values = [layer.sqnr_db or 0.0 for layer in layers]
    own = [layer.own_sqnr_db for layer in layers]
    colours = [ORANGE if layer.tensor in worst else BLUE for layer in layers]
    places = list(range(len(layers)))
    axes.barh(places, values, height=0.62, color=colours, alpha=0.85, linewidth=0, zorder=2)
    for place, value in zip(places, own, strict=True):
        if value is not None:
            axes.plot([value, value], [place - 0.36, place + 0.36], color=INK, linewidth=1.6, zorder=3)
    longest = max([*values, *(v for v in own if v is not None)], default=1.0)
    axes.set_xlim(min(0.0, *values) if values else 0.0, longest * 1.08 or 1.0)
    for place, value, fill in zip(places, values, colours, strict=True):
        inside = value > INSIDE * longest
        style = {"va": "center", "size": LABEL_PT, "zorder": 4}
        colour = INK if not inside else "#ffffff" if fill == BLUE else ON_AREA
        at = 0.008 * longest if inside else max(value, 0.0) + 0.008 * longest
        axes.text(at, place, f"{value:.1f}", ha="left", color=colour, **style)


def _legend(axes: Any) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles = [
        Patch(facecolor=BLUE, alpha=0.85, label="error of the result"),
        Patch(facecolor=ORANGE, alpha=0.85, label="the same, of the worst layers"),
        Line2D([], [], color=INK, linewidth=1.6, label="error that the layer makes itself"),
    ]
    axes.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=3,
        frameon=False,
        fontsize=8,
        handlelength=1.4,
        columnspacing=1.4,
        borderpad=0.3,
    )
