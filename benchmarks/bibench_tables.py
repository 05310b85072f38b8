"""What the binarization benchmark prints: accuracies, tracks, and what the emulated board measured."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks import bibench_tracks as tracks
from benchmarks.bibench_nets import theoretical
from benchmarks.bibench_tasks import TASKS
from benchmarks.bibench_tracks import FLOAT, Record
from benchmarks.results import Figure
from edgewright.quantize.binary import ALGORITHMS

LEAST_BINARY, LEAST_FLOAT = 0.96, 0.985
Row = tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A table: heading, titles of its columns, rows of text; all columns but the first are numbers."""

    heading: str
    columns: Row
    rows: list[Row]


def title(operator: str) -> str:
    """An operator as its authors write it."""
    return "float twin" if operator == FLOAT else ALGORITHMS[operator].title


def places(records: Sequence[Record]) -> list[tuple[str, str]]:
    """(task, architecture) of all records, in the order they are in."""
    return list(dict.fromkeys((r["task"], r["architecture"]) for r in records))


def operators(records: Sequence[Record]) -> list[str]:
    """Of all records but the float twins, in the order of publication."""
    found = {r["operator"] for r in records}
    return [o for o in ALGORITHMS if o in found]


def accuracy_table(records: Sequence[Record]) -> Table:
    """Top-1 of the deployed networks, mean and deviation over seeds; of the twins the float accuracy."""
    rows = []
    for operator in (FLOAT, *operators(records)):
        key = "accuracy" if operator == FLOAT else "deployed"
        cells = []
        for task, architecture in places(records):
            values = [r[key] for r in records if _is(r, operator, task, architecture)]
            cells.append(f"{100 * np.mean(values):.2f} ± {100 * np.std(values):.2f}")
        rows.append((title(operator), *cells))
    columns = ("top-1, %", *(f"{t}, {a}" for t, a in places(records)))
    return Table("Accuracy", columns, rows)


def track_table(records: Sequence[Record], builds: Sequence[Record]) -> Table:
    """One number an operator and track; 1 is as good as the twin, larger is better."""
    pairs = [theoretical(TASKS[t](0)) for t in dict.fromkeys(r["task"] for r in records)]
    rows = []
    for operator in operators(records):
        measured = tracks.measured_track(builds, operator)
        values = (
            tracks.accuracy_track(records, operator, "task"),
            tracks.accuracy_track(records, operator, "architecture"),
            tracks.robustness_track(records, operator),
            tracks.training_track(records, operator),
            tracks.theoretical_track(pairs),
        )
        shown = "-" if measured is None else f"{measured:.2f}"
        rows.append(
            (title(operator), *(f"{v:.3f}" for v in values[:3]), *(f"{v:.2f}" for v in values[3:]), shown)
        )
    columns = ("track", "task", "architecture", "robustness", "training", "theoretical", "measured")
    return Table("Tracks", columns, rows)


def robustness_table(records: Sequence[Record]) -> Table:
    """Part of the accuracy that is left under each corruption, mean over everything else."""
    names = list(records[0]["corrupted"])
    rows = []
    for operator in (FLOAT, *operators(records)):
        own = [r for r in records if r["operator"] == operator]
        cells = (np.mean([np.mean(r["corrupted"][n]) / max(r["accuracy"], 1e-9) for r in own]) for n in names)
        rows.append((title(operator), *(f"{100 * c:.1f}" for c in cells)))
    return Table("Robustness", ("accuracy kept, %", *names), rows)


def board_table(records: Sequence[Record], builds: Sequence[Record]) -> Table:
    """Estimated cycles and bytes of weights on the emulated Cortex-M4; the twin has int8 weights."""
    where = list(dict.fromkeys((b["task"], b["architecture"]) for b in builds))
    found = {(b["operator"], b["task"], b["architecture"]): b for b in builds}
    rows = []
    for operator in (FLOAT, *operators(records)):
        cells = []
        for place, key in itertools.product(where, ("cycles", "weights_bytes")):
            build = found.get((operator, *place))
            cells.append("-" if build is None or "error" in build else f"{build[key]:,}")
        rows.append(("int8 twin" if operator == FLOAT else title(operator), *cells))
    columns = [f"{t}, {a}: {what}" for t, a in where for what in ("est. cycles", "weights B")]
    return Table("On the emulated Cortex-M4", ("network", *columns), rows)


def training_table(records: Sequence[Record]) -> Table:
    """Seconds of CPU time an epoch takes."""
    rows = []
    for operator in (FLOAT, *operators(records)):
        cells = [
            np.mean([r["seconds"] for r in records if _is(r, operator, t, a)]) for t, a in places(records)
        ]
        rows.append((title(operator), *(f"{c:.2f}" for c in cells)))
    return Table("Training", ("s an epoch", *(f"{t}, {a}" for t, a in places(records))), rows)


def digits_figures(records: Sequence[Record]) -> list[Figure]:
    """What is promised of the digits: the best binary network, and the float twin of its architecture."""
    own = [r for r in records if r["task"] == "digits"]
    means = {
        (o, a): float(np.mean([r["deployed"] for r in own if _is(r, o, "digits", a)]))
        for o in operators(own)
        for _, a in places(own)
    }
    if not means:
        return []
    (operator, architecture), best = max(means.items(), key=lambda item: item[1])
    twin = float(np.mean([r["accuracy"] for r in own if _is(r, FLOAT, "digits", architecture)]))
    name = f"digits, {architecture}"
    return [
        _figure(f"{title(operator)}, first and last layer int8", name, best, LEAST_BINARY),
        _figure("float twin", name, twin, LEAST_FLOAT),
    ]


def _figure(row: str, model: str, value: float, least: float) -> Figure:
    return Figure(row, model, f"{100 * value:.2f} %", 100 * value, 100 * least, ok=value >= least)


def _is(record: Mapping[str, Any], operator: str, task: str, architecture: str) -> bool:
    return (record["operator"], record["task"], record["architecture"]) == (operator, task, architecture)


def markdown(table: Table) -> Iterable[str]:
    """Lines of a Markdown table."""
    yield "| " + " | ".join(table.columns) + " |"
    yield "|---|" + "---:|" * (len(table.columns) - 1)
    for row in table.rows:
        yield "| " + " | ".join(row) + " |"
