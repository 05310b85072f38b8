"""How every benchmark ends: its file, the figures that missed their limits, and the exit status."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.machine import git_commit, machine, tool_versions
from benchmarks.results import Figure
from edgewright.errors import UsageError

SCHEMA_VERSION = 1


def check_writable(out: Path) -> None:
    """Find out before minutes of work whether the result can be written.

    Raises:
        UsageError: EW-OUT-WRITE.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with out.open("a"):
            pass
    except OSError as error:
        raise UsageError("EW-OUT-WRITE", f"cannot write {out}: {error}") from error


def write_document(out: Path, figures: Sequence[Figure], seconds: float, **details: Any) -> dict[str, Any]:
    """Write everything measured, with what is needed to understand it later; returns it."""
    document = {
        "schema_version": SCHEMA_VERSION,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "git": git_commit(),
        "machine": machine(),
        "tools": tool_versions(),
        "seconds": round(seconds, 1),
        "ok": all(f.ok for f in figures),
        "figures": [asdict(f) for f in figures],
        **details,
    }
    out.write_text(json.dumps(document, indent=1) + "\n")
    return document


def verdict(figures: Sequence[Figure], out: Path, seconds: float) -> int:
    """Say what missed its limit and how many are good; returns the exit status."""
    missed = [f for f in figures if not f.ok]
    for figure in missed:
        print(f"missed: {figure.model}, {figure.row}: {figure.text}, limit {figure.limit}", file=sys.stderr)
    print(f"{len(figures) - len(missed)} of {len(figures)} figures good; {out} ({seconds:.0f} s)")
    return 1 if missed else 0
