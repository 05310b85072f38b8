"""How every benchmark ends: its file, the figures that missed their limits, and the exit status."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.results import Figure
from edgewright.errors import UsageError


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


def verdict(figures: Sequence[Figure], out: Path, seconds: float) -> int:
    """Say what missed its limit and how many are good; returns the exit status."""
    missed = [f for f in figures if not f.ok]
    for figure in missed:
        print(f"missed: {figure.model}, {figure.row}: {figure.text}, limit {figure.limit}", file=sys.stderr)
    print(f"{len(figures) - len(missed)} of {len(figures)} figures good; {out} ({seconds:.0f} s)")
    return 1 if missed else 0
