"""Smallest arenas of nets on a Cortex-M4: `python -m benchmarks.memory`.

The Pareto front of each net (RAM against estimated cycles, with and without recompute, the input resident or
fed by rows), each figure beside its limit. Exit status: 0, 1 where a limit is missed, 2 where the nets are
missing or the command line is wrong.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import table
from benchmarks.figures import M4_BOARD
from benchmarks.locate import ENVIRONMENT
from benchmarks.machine import ROOT, git_commit, machine, tool_versions
from benchmarks.memory_nets.nets import NETS, Net, find_nets, int8_file
from benchmarks.memory_nets.planning import plan_front
from benchmarks.memory_nets.results import SHOW, figures_of
from benchmarks.results import Figure
from edgewright.errors import EdgewrightError, UsageError

OUT = ROOT / "build" / "bench" / "memory.json"
SCHEMA_VERSION = 1
Results = dict[str, dict[str, Any]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit status."""
    options = parse(arguments)
    nets = [n for n in NETS if n.key in options.only]
    begin = time.monotonic()
    try:
        files = find_nets(nets, options.models)
        _writable(options.out)
        results = measure_all(nets, files)
    except EdgewrightError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    figures = [f for n in nets for f in figures_of(n, results[n.key])]
    seconds = time.monotonic() - begin
    write_json(options.out, nets, results, figures, seconds)
    table.SHOW.update(SHOW)
    table.print_table(figures)
    missed = [f for f in figures if not f.ok]
    for figure in missed:
        print(f"missed: {figure.model}, {figure.row}: {figure.text}, limit {figure.limit}", file=sys.stderr)
    print(f"{len(figures) - len(missed)} of {len(figures)} figures good; {options.out} ({seconds:.0f} s)")
    return 1 if missed else 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line; argparse itself ends with status 2 where it is wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__.split("\n")[0])
    parser.add_argument(
        "--models",
        type=Path,
        metavar="DIR",
        help=f"folder with the .tflite models and the float nets (default: ${ENVIRONMENT}, then the "
        "development data)",
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=[n.key for n in NETS],
        default=[n.key for n in NETS],
        metavar="NET",
        help="measure only these: " + " ".join(n.key for n in NETS),
    )
    parser.add_argument("--out", type=Path, default=OUT, metavar="FILE", help="JSON file to write")
    return parser.parse_args(arguments)


def _writable(out: Path) -> None:
    """Find out before minutes of work whether the result can be written."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with out.open("a"):
            pass
    except OSError as error:
        raise UsageError("EW-OUT-WRITE", f"cannot write {out}: {error}") from error


def measure_all(nets: Sequence[Net], files: dict[str, Path]) -> Results:
    """Result of every net by its key, one after the other: planning is timed, and uses several cores."""
    results: Results = {}
    begin = time.monotonic()
    for done, net in enumerate(nets, 1):
        result = plan_front(int8_file(files[net.key]), M4_BOARD)
        results[net.key] = result
        what = result["error"]["code"] if "error" in result else f"{len(result['plans'])} plans"
        elapsed = time.monotonic() - begin
        print(f"[{done}/{len(nets)}] {elapsed:4.0f} s  {net.key:<16} {what}", file=sys.stderr, flush=True)
    return results


def write_json(
    out: Path, nets: Sequence[Net], results: Results, figures: Sequence[Figure], seconds: float
) -> None:
    """Everything measured, with what is needed to understand it later."""
    document = {
        "schema_version": SCHEMA_VERSION,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "git": git_commit(),
        "machine": machine(),
        "tools": tool_versions(),
        "board": M4_BOARD,
        "seconds": round(seconds, 1),
        "ok": all(f.ok for f in figures),
        "figures": [asdict(f) for f in figures],
        "nets": [{"net": asdict(n), **results[n.key]} for n in nets],
    }
    out.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
