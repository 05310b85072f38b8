"""An accuracy report as tables of text."""

from __future__ import annotations

from collections.abc import Callable

from edgewright.converter.short_names import short_names
from edgewright.quantize.accuracy import AccuracyReport, LayerAccuracy
from edgewright.quantize.accuracy.diagnose import decisive_db, worst
from edgewright.runtime.report.tables import MISSING, Column, Table, aligned

PLACES = {
    "onnxruntime": "in onnxruntime",
    "host": "on this machine (the exact integer program)",
    "emulator": "on the emulator",
    "serial": "on the board",
}


def accuracy_sentence(report: AccuracyReport) -> str:
    """What ran where on how much."""
    count = report.quantized.samples
    return f"{report.model} {PLACES[report.on]}, {count} sample{'s' if count != 1 else ''}"


def metrics_table(report: AccuracyReport) -> Table:
    """One row a figure that applies: of the float model, of this one, and the difference."""
    columns = [Column(""), Column(report.on, True)]
    if report.reference is not None:
        columns = [Column(""), Column("float", True), Column(report.on, True), Column("difference", True)]
    rows: list[tuple[str, ...]] = []
    for label, name, text, change in FIGURES:
        value = getattr(report.quantized, name)
        before = getattr(report.reference, name, None)
        if value is None:
            continue
        if report.reference is None:
            rows.append((label, text(value)))
        elif before is None:
            rows.append((label, "", text(value), ""))
        else:
            rows.append((label, text(before), text(value), change(value - before)))
    return Table(tuple(columns), tuple(rows))


def layer_table(report: AccuracyReport) -> Table:
    """One row a quantized tensor, in the order of the model."""
    columns = (
        Column("layer"),
        Column("op"),
        Column("weights"),
        Column("SQNR dB", True),
        Column("own dB", True),
        Column("mostly"),
    )
    names = layer_names(report)
    rows = [
        (
            names[x.name],
            x.op,
            x.weights or MISSING,
            decibel_text(x.sqnr_db),
            decibel_text(x.own_sqnr_db),
            x.cause,
        )
        for x in report.layers
    ]
    return Table(columns, tuple(rows))


def layer_names(report: AccuracyReport) -> dict[str, str]:
    """Short names of the layers by full name."""
    return short_names(layer.name for layer in report.layers)


def advice(report: AccuracyReport, count: int = 5) -> list[tuple[LayerAccuracy, str]]:
    """The worst layers, and for each what to do, in one sentence."""
    return [(layer, layer.suggestion or FINE) for layer in worst(report.layers, count)]


def worst_figure(layer: LayerAccuracy) -> str:
    """The figure that a layer is among the worst for."""
    return f"{decibel_text(decisive_db(layer))} dB" + ("" if layer.cause == "channels" else " of its own")


FINE = "as good as its format allows"


def accuracy_text(report: AccuracyReport) -> str:
    """All of it, for a terminal."""
    parts = [accuracy_sentence(report), aligned(metrics_table(report)), aligned(layer_table(report))]
    if report.layers:
        names = layer_names(report)
        lines = [f"  {names[x.name]}: {worst_figure(x)}; {what}" for x, what in advice(report)]
        parts.append("\n".join(["worst layers", *lines]))
    parts += [f"note: {note}" for note in report.notes]
    return "\n\n".join(filter(None, parts))


def decibel_text(value: float | None) -> str:
    """12.345 -> "12.3"."""
    return MISSING if value is None else f"{value:.1f}"


def _percent(value: float) -> str:
    return f"{100 * value:.2f} %"


def _points(value: float) -> str:
    return f"{100 * value:+.2f}"


def _score(value: float) -> str:
    return f"{value:.4f}"


def _signed_score(value: float) -> str:
    return f"{value:+.4f}"


Format = Callable[[float], str]
# Label, field, and how its value and a difference of two are written.
FIGURES: tuple[tuple[str, str, Format, Format], ...] = (
    ("top-1", "top1", _percent, _points),
    ("top-5", "top5", _percent, _points),
    ("AUC", "auc", _score, _signed_score),
    ("MSE to float", "mse", "{:.3g}".format, "{:+.3g}".format),
    ("cosine to float", "cosine", "{:.5f}".format, "{:+.5f}".format),
    ("SQNR to float, dB", "sqnr_db", "{:.1f}".format, "{:+.1f}".format),
)
