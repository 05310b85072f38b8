"""The benchmark's table: figures down, models across; under a figure its limit and what TFLM needs."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from benchmarks.results import COSTS, TOP1, Figure
from edgewright.cli.table import text_table

MISSED = " ✗"
LIMIT, INCUMBENT = "  limit", "  TFLM + CMSIS-NN"
SHOW = {cost.row: cost.show for cost in COSTS}


def table_rows(figures: Sequence[Figure]) -> tuple[list[str], list[list[str]]]:
    """Header and rows as text; a figure that misses its limit carries a ✗."""
    models = list(dict.fromkeys(f.model for f in figures))
    by_cell = {(f.row, f.model): f for f in figures}
    rows: list[list[str]] = []
    for title in dict.fromkeys(f.row for f in figures):
        cells = [by_cell.get((title, model)) for model in models]
        rows.append([title, *(_cell(c) for c in cells)])
        rows += _below(title, cells)
    return ["figure", *models], rows


def _cell(figure: Figure | None) -> str:
    return "-" if figure is None else figure.text + ("" if figure.ok else MISSED)


def _below(title: str, cells: Sequence[Figure | None]) -> list[list[str]]:
    """Rows with limit and incumbent, where there are any; equal outputs state theirs in the cell."""
    if title.startswith(("equal on", "on ")):
        return []
    show = SHOW.get(title, "{:g}".format)
    rows = []
    for label, values in (
        ("  LiteRT" if title == TOP1 else LIMIT, [c.limit if c else None for c in cells]),
        (INCUMBENT, [c.incumbent if c else None for c in cells]),
    ):
        if any(v is not None for v in values):
            rows.append([label, *("-" if v is None else show(v) for v in values)])
    return rows


def print_table(figures: Sequence[Figure]) -> None:
    """On a terminal with colours, else plain text, on stdout."""
    header, rows = table_rows(figures)
    if not sys.stdout.isatty():
        print(text_table(header, rows, right=range(1, len(header))), flush=True)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, title in enumerate(header):
        table.add_column(title, justify="right" if index else "left", no_wrap=True)
    for row in rows:
        style = "dim" if row[0].startswith(" ") else "red" if any(c.endswith(MISSED) for c in row) else ""
        table.add_row(*row, style=style)
    Console().print(table)
