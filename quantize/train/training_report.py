"""The report of a training: training.json, learning_curve.svg and training.html in one folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from edgewright.runtime.report.figure_style import (
    BLUE,
    LINE,
    ORANGE,
    SETTINGS,
    SOFT,
    TEAL,
    inline_svg,
    new_figure,
    svg_text,
    titles,
)
from edgewright.runtime.report.page import render_page
from edgewright.runtime.report.write_report import write_texts

if TYPE_CHECKING:
    from edgewright.quantize.train.session import Binarized

SCHEMA_VERSION = 1
WIDTH_IN, HEIGHT_IN = 7.2, 3.1


def training_document(result: Binarized, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Everything about a training, JSON-ready.

    Args:
        result: Of `binarize_model` or `train_module`.
        settings: What it was told.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "algorithm": result.algorithm,
        "metric": result.metric,
        "float": result.float_value,
        "binary": result.binary_value,
        "trained_with": result.trained_with,
        "held_back": result.held_back,
        "settings": dict(settings),
        "layers": [asdict(layer) for layer in result.layers],
        "history": [asdict(e) for e in result.history],
    }


def draw_learning_curve(document: Mapping[str, Any]) -> Any:
    """Loss at the left, accuracy at the right, an epoch a step."""
    history: Sequence[Mapping[str, Any]] = document["history"]
    epochs = range(1, len(history) + 1)
    from matplotlib import rc_context

    with rc_context(SETTINGS):
        return _draw(document, history, epochs)


def _draw(document: Mapping[str, Any], history: Sequence[Mapping[str, Any]], epochs: range) -> Any:
    figure = new_figure(WIDTH_IN, HEIGHT_IN)
    title = f"{document['algorithm']}, {len(history)} epochs"
    titles(figure, title, f"{document['trained_with']:,} samples, {document['held_back']:,} held back", 0.075)
    loss = figure.add_axes((0.075, 0.16, 0.385, 0.53))
    loss.plot(epochs, [e["loss"] for e in history], color=BLUE, lw=1.6)
    loss.set_ylim(bottom=0)
    loss.set_title("training loss", fontsize=9, color=SOFT, loc="left")
    right = figure.add_axes((0.565, 0.16, 0.385, 0.53))
    _draw_metric(right, document, epochs)
    for axes in (loss, right):
        axes.set_xlabel("epoch")
        axes.grid(True, color=LINE, lw=0.8)
        axes.set_axisbelow(True)
        axes.xaxis.get_major_locator().set_params(integer=True)
        if len(history) > 1:
            axes.set_xlim(1, len(history))
    return figure


def _draw_metric(axes: Any, document: Mapping[str, Any], epochs: range) -> None:
    percent = document["metric"] == "top1"
    factor = 100 if percent else 1
    history = document["history"]
    curves = [("held back", "held_back", TEAL, 2.0)]
    if percent:
        curves.insert(0, ("training batches", "train", BLUE, 1.2))
    for label, key, colour, width in curves:
        values = [e[key] for e in history]
        if values and all(v is not None for v in values):
            axes.plot(epochs, [factor * v for v in values], color=colour, lw=width, label=label)
    if document["float"] is not None and percent:
        axes.axhline(factor * document["float"], color=ORANGE, lw=1.2, ls="--", label="float model")
    name = "top-1, %" if percent else "mean squared error to the float model"
    axes.set_title(name, fontsize=9, color=SOFT, loc="left")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="best", frameon=False, fontsize=8)


def write_training_report(folder: Path, document: Mapping[str, Any]) -> list[Path]:
    """Write the three files, each wholly or not at all.

    Raises:
        WorkError: EW-REPORT-WRITE where the folder cannot be written.
    """
    figure = draw_learning_curve(document) if document["history"] else None
    texts = {"training.json": json.dumps(document, indent=2, allow_nan=False) + "\n"}
    if figure is not None:
        texts["learning_curve.svg"] = svg_text(figure)
    texts["training.html"] = _page(document, "" if figure is None else inline_svg(figure, "learning curve"))
    return write_texts(folder, texts)


def _page(document: Mapping[str, Any], svg: str) -> str:
    rows = [
        (
            layer["name"],
            f"{layer['weights']:,}",
            f"{-(-layer['weights'] // 8):,}",
            "-" if layer["flipped"] is None else f"{layer['flipped']:.1%}",
        )
        for layer in document["layers"]
    ]
    text, curve = summary(document), Markup(svg)
    return render_page(
        "training.html.j2", algorithm=document["algorithm"], summary=text, curve=curve, rows=rows
    )


def summary(document: Mapping[str, Any]) -> str:
    """Accuracy of float and binary model in a sentence."""
    if document["binary"] is None:
        return "Nothing was held back, so that the accuracy is not known."
    name, form = ("Top-1", "{:.2%}") if document["metric"] == "top1" else ("Mean squared error", "{:.4g}")
    value = form.format(document["binary"])
    if document["float"] is None or document["metric"] != "top1":
        return f"{name} on {document['held_back']:,} held-back samples: {value}."
    reference = form.format(document["float"])
    return f"{name} on {document['held_back']:,} held-back samples: {value}, the float model {reference}."
