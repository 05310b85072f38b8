"""The plan in words and tables: what the terminal shows, and what the report holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from edgewright.converter.short_names import short_names
from edgewright.runtime.report.tables import MISSING, Column, Table, si

Data = Mapping[str, Any]
INPUT_WORDS = {"resident": "input resident", "rows": "input by rows"}
SCHEDULE_WORDS = {"layer": "layer by layer", "stream": "streamed", "patch": "in patches"}


def plan_words(plan: Data) -> str:
    """`streamed, input by rows in 2 passes`."""
    return f"{SCHEDULE_WORDS[plan['schedule']]}, {input_words(plan)}"


def input_words(plan: Data) -> str:
    """`input by rows in 2 passes`."""
    return INPUT_WORDS[plan["input"]] + (f" in {plan['passes']} passes" if plan["passes"] > 1 else "")


def plan_fields(plan: Data) -> list[tuple[str, str]]:
    """(label, sentence) of the chosen plan (`chosen_data`)."""
    fields = [
        ("plan", f"{plan_words(plan)}: {plan['how']}"),
        (
            "arena",
            f"{plan['ram_bytes']:,} B of the {plan['limit_bytes']:,} B there are; {proof(plan)}",
        ),
        (
            "cycles",
            f"{si(plan['estimated_cycles'])} estimated, {plan['slowdown']:.3f}x the layer plan's; "
            f"{overhead_text(plan)}",
        ),
    ]
    if plan["schedule"] != "layer" or plan["input"] == "rows":
        fields.append(("streaming", streaming_sentence(plan["streaming_cost"])))
    return [*fields, ("peak", plan["peak"])]


def plan_sentence(plan: Data) -> str:
    """One line for a summary: how it runs, what it takes."""
    return f"{plan_words(plan)}, arena {plan['ram_bytes']:,} B, {overhead_text(plan)}"


def proof(plan: Data) -> str:
    """Whether a plan is known to be the best, or its gap."""
    if plan["optimal"]:
        return "optimal: all cuts into segments compared, no placement needs less"
    if plan["gap_bytes"]:
        share = 100 * plan["gap_bytes"] / plan["ram_bytes"]
        return f"not proven smallest, gap {plan['gap_bytes']:,} B ({share:.1f} %)"
    return "no placement needs less, but not all cuts into segments were compared"


def streaming_sentence(cost: Data) -> str:
    """Where the estimated cycles beyond the layer plan go."""
    parts = [
        (cost["reread_cycles"], "for running kernels row by row (calls, weights read again)"),
        (cost["copied_cycles"], "for copying rows into rings"),
        (cost["pushed_cycles"], "for taking over rows of the input"),
        (cost["recomputed_cycles"], "for computing borders of strips twice"),
    ]
    named = ", ".join(f"{signed(value)} {words}" for value, words in parts if value)
    return f"{signed(cost['total_cycles'])} cycles against the layer plan" + (f": {named}" if named else "")


def signed(value: float) -> str:
    """1234 -> "+1,234"; -20000 -> "-20.00 k"."""
    return ("+" if value >= 0 else "-") + si(abs(value))


def overhead_text(plan: Data) -> str:
    """Multiply-accumulates that are computed twice."""
    more = plan["mac_overhead"] - 1
    if more > 0:
        return f"{100 * more:.2g} % of the MACs computed twice"
    return "no MAC computed twice" if more == 0 else f"{-100 * more:.2g} % of the MACs never needed"


def front_table(entries: Sequence[Data]) -> Table:
    """One row a plan (`plan_entry`); the chosen one is marked."""
    columns = (
        Column(""),
        Column("RAM B", True),
        Column("est. cycles", True),
        Column("slowdown", True),
        Column("MAC", True),
        Column("kernels B", True),
        Column("input"),
        Column("passes", True),
        Column("how"),
        Column("gap B", True),
    )
    return Table(columns, tuple(_front_row(e) for e in entries))


def _front_row(entry: Data) -> tuple[str, ...]:
    whole = entry["schedule"] == "layer" and entry["input"] == "resident"
    return (
        ">" if entry["chosen"] else "",
        f"{entry['ram_bytes']:,}",
        si(entry["estimated_cycles"]),
        f"{entry['slowdown']:.3f}x",
        f"{entry['mac_overhead']:.3f}x",
        f"{entry['kernel_bytes']:,}",
        entry["input"],
        str(entry["passes"]) if entry["input"] == "rows" else MISSING,
        f"layer by layer: {entry['how']}" if whole else entry["how"],
        "0" if entry["optimal"] else f"{entry['gap_bytes']:,}" if entry["gap_bytes"] else "?",
    )


def step_table(plan: Data) -> Table:
    """One row a step of the chosen plan (`chosen_data`), and below streamed ones a row a layer."""
    columns = (
        Column("step", True),
        Column("layer"),
        Column("runs"),
        Column("output"),
        Column("in use B", True),
        Column("est. cycles", True),
        Column("slowdown", True),
        Column("kernel, ring"),
    )
    names = short_names(layer["name"] for s in plan["segments"] for layer in s["layers"])
    rows = tuple(row for i, s in enumerate(plan["segments"]) for row in _step_rows(i, s, names))
    return Table(columns, rows)


def _step_rows(index: int, segment: Data, names: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    first, last = segment["layers"][0], segment["layers"][-1]
    single = len(segment["layers"]) == 1
    slowdown = segment["estimated_cycles"] / segment["layer_cycles"] if segment["layer_cycles"] else 1.0
    yield (
        str(index),
        names[first["name"]] if single else f"{len(segment['layers'])} layers",
        runs(segment) if not single or segment["schedule"] != "layer" else first["kind"],
        _shape(last["output_shape"]),
        f"{segment['in_use_bytes']:,}",
        si(segment["estimated_cycles"]),
        f"{slowdown:.3f}x",
        ": ".join(filter(None, (segment["kernel"], segment["why"]))),
    )
    if not single:
        for layer in segment["layers"]:
            name = f"  {names[layer['name']]}"
            yield ("", name, layer["kind"], _shape(layer["output_shape"]), "", "", "", _ring(layer))


def runs(segment: Data) -> str:
    """How a segment runs."""
    if segment["patches"]:
        return "{}x{} patches".format(*segment["patches"])
    if segment["schedule"] == "layer":
        return "layer"
    return "by rows" + (f", {segment['strips']} strips" if segment["strips"] > 1 else "")


def _ring(layer: Data) -> str:
    if layer["ring_rows"] is None:
        return "whole tensor"
    size = f"{layer['ring_rows']} row{'s' if layer['ring_rows'] > 1 else ''} of {layer['row_bytes']:,} B"
    return size + (" and newest rows" if layer["newest"] else "")


def _shape(extents: Sequence[int]) -> str:
    return "x".join(map(str, extents))
