"""Tables of a report about the code: bytes of each function, and what the rewrites of the graph saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgewright.runtime.report.tables import MISSING, Column, Table, grouped, si


def code_table(report: Mapping[str, Any]) -> Table:
    """Functions and tables of the library with their bytes, largest first; those of all of them last."""
    code = report.get("code") or ()
    rows = [(str(entry["function"]), grouped(entry["bytes"])) for entry in code]
    if rows:
        rows.append(("all", grouped(sum(entry["bytes"] for entry in code))))
    return Table((Column("function"), Column("bytes", True)), tuple(rows))


def rewrite_table(report: Mapping[str, Any]) -> Table:
    """What every rewrite that changed the graph saved."""
    columns = (
        Column("rewrite"),
        Column("operations", True),
        Column("channels", True),
        Column("MAC", True),
        Column("weights, B", True),
    )
    rows = tuple(
        (
            str(saving["rewrite"]),
            *(grouped(saving[key]) if saving[key] else MISSING for key in ("nodes", "channels")),
            si(saving["macs"]) if saving["macs"] else MISSING,
            grouped(saving["weights_bytes"]) if saving["weights_bytes"] else MISSING,
        )
        for saving in report.get("rewrites") or ()
    )
    return Table(columns, rows)


def code_tables(report: Mapping[str, Any]) -> list[tuple[str, Table]]:
    """(title, table) of those that have rows."""
    found = (
        ("Code by function", code_table(report)),
        ("Saved by rewrites of the graph", rewrite_table(report)),
    )
    return [(title, table) for title, table in found if table.rows]
