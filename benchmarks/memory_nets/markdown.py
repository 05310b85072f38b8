"""The memory figures as a table for README.md: `python -m benchmarks.memory_nets.markdown [FILE]`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.machine import ROOT
from benchmarks.memory_nets.results import SHOW
from benchmarks.results import Figure
from benchmarks.table import MISSED

RESULTS = ROOT / "build" / "bench" / "memory.json"


def markdown_table(figures: Sequence[Figure]) -> str:
    """Figures down, nets across; each with its limit, if it has one."""
    nets = list(dict.fromkeys(f.model for f in figures))
    by_cell = {(f.row, f.model): f for f in figures}
    lines = [["", *nets], ["---", *["---:"] * len(nets)]]
    for row in dict.fromkeys(f.row for f in figures):
        lines.append([row, *(_cell(by_cell.get((row, net))) for net in nets)])
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _cell(figure: Figure | None) -> str:
    if figure is None:
        return "-"
    show = SHOW.get(figure.row, "{:g}".format)
    limit = f" (≤ {show(figure.limit)})" if figure.limit is not None else ""
    return figure.text + limit + ("" if figure.ok else MISSED)


def main() -> int:
    """Print the table of a file that `python -m benchmarks.memory` wrote; returns the exit status."""
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else RESULTS
    results = json.loads(file.read_text())
    print(markdown_table([Figure(**f) for f in results["figures"]]), end="")
    print(f"\n({results['date']}, commit {str(results['git']['commit'])[:7]}, {results['seconds']:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
