"""The report as rows of text, for the terminal and for report.txt."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgewright.converter.short_names import short_names
from edgewright.runtime.report.build_report import cost_unit, layer_cost

MISSING = "-"
# Of names of kernels; report.json has them in full.
KERNEL_WIDTH = 32


@dataclass(frozen=True)
class Column:
    """A column's head, and whether its cells are numbers (aligned right)."""

    title: str
    number: bool = False


@dataclass(frozen=True)
class Table:
    """Cells as text."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]


def layer_table(report: Mapping[str, Any]) -> Table:
    """One row a layer: what it is, kernel, cost, cost per MAC (and in times of the least), flash, share."""
    unit = cost_unit(report)
    columns = (
        Column("layer"),
        Column("kind"),
        Column("output"),
        Column("MAC", True),
        Column("kernel"),
        Column(unit, True),
        Column(("i" if unit == "instructions" else "c") + "/MAC", True),
        Column("x bound", True),
        Column("flash", True),
        Column("share", True),
    )
    named = zip(report["layers"], step_names(report["layers"]), strict=True)
    return Table(columns, tuple(_row(layer, name) for layer, name in named))


def step_names(layers: Sequence[Mapping[str, Any]]) -> list[str]:
    """Short names of the layers of a report; of those streamed together the first and the last."""
    nodes = [[str(n) for n in layer["nodes"] or [layer["name"]]] for layer in layers]
    short = short_names(name for own in nodes for name in own)
    return [" … ".join(dict.fromkeys((short[own[0]], short[own[-1]]))) for own in nodes]


def _row(layer: Mapping[str, Any], name: str) -> tuple[str, ...]:
    cost, per_mac, share = layer_cost(layer), layer["cost_per_mac"], layer["share"]
    return (
        name,
        str(layer["kind"]),
        "x".join(map(str, layer["output_shape"] or ())),
        si(layer["macs"]) if layer["macs"] else MISSING,
        _short(str(layer["variant"] or layer["kernel"] or MISSING)),
        si(cost) if cost is not None else MISSING,
        f"{per_mac:.2f}" if per_mac is not None else MISSING,
        f"{layer['times_bound']:.1f}" if layer["times_bound"] is not None else MISSING,
        grouped(layer["constant_bytes"]) if layer["constant_bytes"] else MISSING,
        f"{100 * share:.1f} %" if share is not None else MISSING,
    )


def _short(text: str) -> str:
    """At most `KERNEL_WIDTH` characters."""
    return text if len(text) <= KERNEL_WIDTH else f"{text[: KERNEL_WIDTH - 1]}…"


def summary(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(label, sentence) of the report's head, in the order of the work."""
    model, board = report["model"], report["board"]
    rows = [
        ("model", f"{model['name']}, {si(model['macs'])} MAC, sha256 {str(model['sha256'])[:12]}…"),
        ("board", str(board)),
        ("memory", _memory(report["memory"])),
    ]
    if report["verify"]:
        rows.append(("verify", verify_sentence(report["verify"])))
    if report["latency"]:
        rows.append(("bench", latency_sentence(report["latency"])))
    return rows


def _memory(memory: Mapping[str, Any]) -> str:
    parts = [
        f"arena {grouped(memory['arena_bytes'])} B",
        f"stack {grouped(memory['stack_bytes'])} B",
        f"weights {grouped(memory['weights_bytes'])} B",
        f"code {grouped(memory['code_bytes'])} B",
    ]
    return " · ".join(parts)


def verify_sentence(verify: Mapping[str, Any]) -> str:
    """How many inputs gave the reference's outputs."""
    cases = verify["cases"]
    if verify["ok"]:
        layers = (
            f", after each of {verify['layers_compared']} layers too" if verify["layers_compared"] else ""
        )
        return f"{cases} of {cases} inputs equal to the reference, bit for bit{layers}"
    worst = "not a number" if verify["max_abs_diff"] is None else f"by up to {verify['max_abs_diff']:.4g}"
    share = f"{verify['mismatches']} of {verify['outputs']} outputs"
    # Of a TFLite layer, which has the names of all it was fused from, the first will do here.
    first = re.sub(r";[^\[]*", "…", verify["first_bad_layer"] or verify["first_bad"] or "")
    return f"{verify['bad_cases']} of {cases} inputs differ: {share}, {worst}" + (
        f"; first: {first}" if first else ""
    )


def latency_sentence(latency: Mapping[str, Any]) -> str:
    """The figure and where it comes from; an estimate is called one."""
    runs = f"{latency['runs']} run{'s' if latency['runs'] != 1 else ''}"
    if latency["source"] == "device":
        counter = f"{si(latency['cycles'])} cycles" if latency["cycles"] is not None else "microsecond timer"
        return f"{milliseconds(latency['latency_us'])} (device {latency['board']}, {counter}, {runs})"
    counted = f"{si(latency['instructions'])} instructions"
    if latency["estimated_cycles"] is None:
        return f"{counted} (emulator {latency['board']}; no cycle estimate for this core)"
    cycles = f"{latency['cycle_model']} model, {si(latency['estimated_cycles'])} cycles"
    if latency["latency_us"] is None:
        return (
            f"{counted} (emulator estimate: {cycles} on {latency['board']}, whose core is another: no time)"
        )
    time = f"{milliseconds(latency['latency_us'])} at {latency['clock_hz'] / 1e6:g} MHz"
    return f"{time} (emulator estimate: {cycles}; {counted})"


def milliseconds(microseconds: float | None) -> str:
    """12345.6 -> "12.35 ms"."""
    if microseconds is None:
        return MISSING
    return f"{microseconds / 1000:.2f} ms" if microseconds >= 1000 else f"{microseconds:.1f} µs"


def si(value: float | None) -> str:
    """1,234,567 -> "1.23 M"; below 10,000 the number itself."""
    if value is None:
        return MISSING
    for limit, divisor, suffix in ((1e10, 1e9, " G"), (999_950, 1e6, " M"), (1e4, 1e3, " k")):
        if abs(value) >= limit:
            scaled = value / divisor
            return f"{scaled:.{0 if scaled >= 1000 else 1 if scaled >= 100 else 2}f}{suffix}"
    return f"{value:,.0f}"


def grouped(value: int | None) -> str:
    """12345 -> "12,345"."""
    return MISSING if value is None else f"{value:,}"


def render_layers(report: Mapping[str, Any]) -> str:
    """The layers in aligned columns; empty where the build has none."""
    return aligned(layer_table(report))


def aligned(table: Table) -> str:
    """A table in columns two spaces apart; empty where it has no rows."""
    columns, rows = table.columns, [tuple(c.title for c in table.columns), *table.rows]
    if not table.rows:
        return ""
    widths = [max(len(row[i]) for row in rows) for i in range(len(columns))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column.number else cell.ljust(width)
            for column, width, cell in zip(columns, widths, row, strict=True)
        ).rstrip()
        for row in rows
    )
