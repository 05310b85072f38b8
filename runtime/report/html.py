"""The report as one HTML page: no scripts, nothing loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from edgewright.runtime.report.build_report import cost_unit, layer_cost
from edgewright.runtime.report.code_tables import code_tables
from edgewright.runtime.report.page import render_page
from edgewright.runtime.report.plan_text import front_table, plan_fields, plan_words, step_table
from edgewright.runtime.report.tables import (
    Table,
    grouped,
    latency_sentence,
    layer_table,
    milliseconds,
    si,
    step_names,
    verify_sentence,
)

ROW_PX = 26
KERNEL_COLUMN = 4  # of `layer_table`; the reason for the choice stands under it


@dataclass(frozen=True)
class Bar:
    """A layer in the chart: widths are fractions of the widest bar."""

    name: str
    title: str
    y: int
    cost: float
    cost_text: str
    per_mac: float
    per_mac_text: str
    kind: str


@dataclass(frozen=True)
class Fact:
    """A headline figure."""

    label: str
    value: str
    note: str
    tone: str = ""


@dataclass(frozen=True)
class Segment:
    """A part of a memory bar, as percentages of the board's memory."""

    text: str
    start: float
    width: float
    tone: str


def render_html(report: Mapping[str, Any], pictures: Mapping[str, str] | None = None) -> str:
    """The whole page.

    Args:
        report: From `build_report`.
        pictures: Trusted <svg> elements: `arena`, `front`.
    """
    bars, plan = layer_bars(report), report["plan"]
    return render_page(
        "report.html.j2",
        report=report,
        facts=facts(report),
        bars=bars,
        chart_height=ROW_PX * len(bars),
        unit=cost_unit(report).replace("est.", "estimated"),
        kernel_column=KERNEL_COLUMN,
        memories=[m for m in (_ram(report["memory"]), _flash(report["memory"])) if m],
        table=layer_table(report),
        whys=[layer["why"] or "" for layer in report["layers"]],
        macs=si(report["model"]["macs"]),
        plan=plan_fields(plan) if plan is not None and "peak" in plan else [],
        plan_tables=plan_tables(plan),
        code_tables=code_tables(report),
        pictures={name: Markup(svg) for name, svg in (pictures or {}).items()},
    )


def plan_tables(plan: Mapping[str, Any] | None) -> list[tuple[str, Table]]:
    """(title, table) of the steps and of the other plans, as far as they are known."""
    if plan is None:
        return []
    found = [("Steps of the plan", step_table(plan))] if "peak" in plan else []
    return [*found, ("Other plans", front_table(plan["front"]))] if "front" in plan else found


def facts(report: Mapping[str, Any]) -> list[Fact]:
    """Latency, verification, RAM and flash; what is not known is left out."""
    found = []
    latency, verify, memory = report["latency"], report["verify"], report["memory"]
    if latency:
        found.append(_latency_fact(latency))
    if verify:
        value = f"{verify['cases'] - verify['bad_cases']} / {verify['cases']}"
        found.append(Fact("verified", value, verify_sentence(verify), "good" if verify["ok"] else "bad"))
    if memory["arena_bytes"] is not None:
        note = plan_words(report["plan"]) if report["plan"] else "all tensors and scratch, static"
        found.append(Fact("arena", f"{grouped(memory['arena_bytes'])} B", note))
    if memory["weights_bytes"] is not None:
        note = f"and {grouped(memory['code_bytes'])} B of code"
        found.append(Fact("weights", f"{grouped(memory['weights_bytes'])} B", note))
    return found


def _latency_fact(latency: Mapping[str, Any]) -> Fact:
    label = "latency" if latency["source"] == "device" else "latency, estimated"
    if latency["latency_us"] is not None:
        return Fact(label, milliseconds(latency["latency_us"]), latency_sentence(latency))
    if latency["estimated_cycles"] is not None:
        return Fact("cycles, estimated", si(latency["estimated_cycles"]), latency_sentence(latency))
    return Fact("instructions", si(latency["instructions"]), latency_sentence(latency))


def layer_bars(report: Mapping[str, Any]) -> list[Bar]:
    """Bars of cost and of cost per MAC; empty where nothing was measured."""
    named = zip(report["layers"], step_names(report["layers"]), strict=True)
    known = [(layer, name) for layer, name in named if layer_cost(layer) is not None]
    layers = [layer for layer, _ in known]
    widest = max((layer_cost(layer) or 0 for layer in layers), default=0) or 1
    steepest = max((layer["cost_per_mac"] or 0 for layer in layers), default=0) or 1
    return [_bar(layer, name, i, widest, steepest) for i, (layer, name) in enumerate(known)]


def _bar(layer: Mapping[str, Any], short: str, index: int, widest: int, steepest: float) -> Bar:
    cost, per_mac = layer_cost(layer) or 0, layer["cost_per_mac"]
    name = str(layer["name"])
    share = f"{100 * (layer['share'] or 0):.1f} %"
    return Bar(
        name=short,
        title=f"{name}: {layer['kind']}, {layer['kernel']}",
        y=index * ROW_PX,
        cost=cost / widest,
        cost_text=f"{si(cost)} · {share}",
        per_mac=(per_mac or 0) / steepest,
        per_mac_text=f"{per_mac:.2f}" if per_mac is not None else "",
        kind=str(layer["kind"]),
    )


def _ram(memory: Mapping[str, Any]) -> tuple[str, str, list[Segment]] | None:
    parts = [("arena", memory["arena_bytes"], "a"), ("static", memory["static_bytes"], "b")]
    parts.append(("stack of the model", memory["stack_bytes"], "c"))
    return _memory_bar("RAM", parts, memory["ram_bytes"], memory["board_ram_bytes"])


def _flash(memory: Mapping[str, Any]) -> tuple[str, str, list[Segment]] | None:
    parts = [("weights", memory["weights_bytes"], "a"), ("code of the model", memory["code_bytes"], "b")]
    return _memory_bar("flash", parts, memory["flash_bytes"], memory["board_flash_bytes"])


def _memory_bar(
    label: str, parts: list[tuple[str, int | None, str]], used: int | None, size: int
) -> tuple[str, str, list[Segment]] | None:
    """(label, sentence, segments) of one memory; the rest of `used` is the firmware around the model."""
    known = [(name, value, tone) for name, value, tone in parts if value]
    if not known:
        return None
    named = sum(value for _, value, _ in known)
    used = max(used or 0, named)
    if used > named:
        known.append(("firmware around it", used - named, "d"))
    start, segments = 0.0, []
    for name, value, tone in known:
        width = 100 * value / size
        segments.append(Segment(f"{name} {grouped(value)} B", start, width, tone))
        start += width
    return label, f"{grouped(used)} of {grouped(size)} B ({100 * used / size:.1f} %)", segments
