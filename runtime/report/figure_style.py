"""How the pictures of a report look, and how they are written."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

INK, SOFT, LINE, CARD = "#1c2430", "#5d6b7e", "#e3e8ef", "#ffffff"
BLUE, TEAL, ORANGE, RED, GREEN = "#2f6fde", "#2aa198", "#d98a29", "#c4332b", "#1d8a4e"
# Text on coloured areas, which stay light on a dark page.
ON_AREA = "#132033"
FONT = ["DejaVu Sans"]
PNG_DPI = 150
# Fixed: the same plan gives the same file.
SETTINGS = {
    "font.family": FONT,
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": SOFT,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "grid.color": LINE,
    "hatch.linewidth": 0.6,
    "svg.fonttype": "none",
    "svg.hashsalt": "edgewright",
    "figure.facecolor": CARD,
    "axes.facecolor": "none",
}


def new_figure(width_in: float, height_in: float) -> Any:
    """An empty figure, drawn without a display."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context(SETTINGS):
        figure = Figure(figsize=(width_in, height_in))
        FigureCanvasAgg(figure)
    return figure


def titles(figure: Any, title: str, subtitle: str, left: float) -> None:
    """A title and a line below it, above the axes at the left."""
    height = figure.get_size_inches()[1]
    figure.text(left, 1 - 0.22 / height, title, size=12.5, weight="bold", color=INK, va="top")
    figure.text(left, 1 - 0.48 / height, subtitle, size=9, color=SOFT, va="top")


def save_figure(figure: Any, folder: Path, name: str) -> list[Path]:
    """Write NAME.svg and NAME.png into a folder that exists."""
    paths = [folder / f"{name}.svg", folder / f"{name}.png"]
    paths[0].write_text(svg_text(figure), encoding="utf-8")
    from matplotlib import rc_context

    with rc_context(SETTINGS):
        figure.savefig(paths[1], dpi=PNG_DPI)
    return paths


def svg_text(figure: Any) -> str:
    """The figure as an SVG document."""
    from matplotlib import rc_context

    buffer = io.StringIO()
    with rc_context(SETTINGS):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    # Two digits behind the point are a hundredth of a pixel.
    return re.sub(r"(\.\d\d)\d+", r"\1", buffer.getvalue())


def inline_svg(figure: Any, name: str) -> str:
    """The figure as an <svg> element of a page, in whose colours it is drawn.

    Args:
        figure: The figure.
        name: What it shows, for those who cannot see it.
    """
    text = svg_text(figure)
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
    text = text[text.index("<svg") :].replace("<svg ", f'<svg role="img" aria-label="{name}" ', 1)
    text = text.replace("*{stroke-", "figure *{stroke-")
    # Several figures on one page: ids must not meet.
    prefix = re.sub(r"\W", "-", name)
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}-", text)
    for colour, variable in ((INK, "ink"), (SOFT, "soft"), (LINE, "line"), (CARD, "card")):
        text = text.replace(colour, f"var(--{variable}, {colour})")
    return text
