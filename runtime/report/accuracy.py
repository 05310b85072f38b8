"""Writing an accuracy report: accuracy.json, and accuracy.html with the chart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from markupsafe import Markup

from edgewright.quantize.accuracy import AccuracyReport
from edgewright.runtime.report.accuracy_chart import layer_figure
from edgewright.runtime.report.accuracy_text import (
    FIGURES,
    accuracy_sentence,
    advice,
    layer_names,
    layer_table,
    metrics_table,
    worst_figure,
)
from edgewright.runtime.report.figure_style import inline_svg
from edgewright.runtime.report.html import Fact
from edgewright.runtime.report.page import render_page
from edgewright.runtime.report.write_report import write_texts

SCHEMA_VERSION = 1


def write_accuracy(folder: Path, report: AccuracyReport) -> list[Path]:
    """Write accuracy.json and accuracy.html into a folder, each whole or not at all.

    Raises:
        WorkError: EW-REPORT-WRITE.
    """
    document = {"schema_version": SCHEMA_VERSION, **report.data()}
    texts = {
        "accuracy.json": json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n",
        "accuracy.html": accuracy_page(report),
    }
    return write_texts(folder, texts)


def accuracy_page(report: AccuracyReport) -> str:
    """A page of its own, nothing loaded from elsewhere."""
    sentence = accuracy_sentence(report)
    return render_page("accuracy.html.j2", sentence=sentence, model=report.model, **_values(report))


def accuracy_section(report: AccuracyReport) -> Markup:
    """The body of the page, for a page with the same style sheet."""
    return Markup(render_page("accuracy_section.html.j2", **_values(report)))


def accuracy_facts(report: AccuracyReport) -> list[Fact]:
    """Headline figures, each with that of the float model as a note."""
    found = []
    for label, name, text, change in FIGURES:
        value = getattr(report.quantized, name)
        before = getattr(report.reference, name, None)
        if value is not None:
            note = f"float {text(before)}, difference {change(value - before)}" if before is not None else ""
            found.append(Fact(label, text(value), note))
    return found


def _values(report: AccuracyReport) -> dict[str, Any]:
    names = layer_names(report)
    return {
        "facts": accuracy_facts(report),
        "metrics": metrics_table(report),
        "layers": layer_table(report),
        "worst": [(names[x.name], worst_figure(x), what) for x, what in advice(report)],
        "chart": Markup(inline_svg(layer_figure(report), "error by layer")) if report.layers else "",
        "notes": report.notes,
    }
