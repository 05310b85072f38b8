"""Speed and size of the MLPerf Tiny models on all families of cores: `python -m benchmarks.performance`.

Every model is planned without a limit of RAM for speed and for size, built, run on the emulated board of
each family and compared with golden; instructions, estimated cycles, code and weight bytes stand beside
their limits.
Exit status: 0, 1 where a limit is missed, 2 where the models are missing or the command line is wrong.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import as_completed
from pathlib import Path
from typing import Any

from benchmarks.figures import MODELS, Model
from benchmarks.locate import ENVIRONMENT, locate
from benchmarks.machine import ROOT
from benchmarks.outcome import check_writable, verdict, write_document
from benchmarks.pool import Progress, worker_pool
from benchmarks.results import Figure
from benchmarks.speed.limits import KEYS, M4_INT8, M4_SIZE, ROWS, SETTINGS, Row
from benchmarks.speed.runs import run_model
from edgewright.cli.table import text_table
from edgewright.errors import EdgewrightError

OUT = ROOT / "build" / "bench" / "performance.json"
INPUTS, QUICK_INPUTS = 20, 3
Results = Mapping[tuple[str, str], Mapping[str, Any]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit status."""
    options = parse(arguments)
    models = [m for m in MODELS if m.key in options.only]
    settings = [s for s in SETTINGS if s.core in options.cores]
    try:
        # The inputs of KWS are not needed: random ones do for counting.
        files = locate([Model(m.key, m.file, m.limits, m.incumbent) for m in models], options.models)
        check_writable(options.out)
    except EdgewrightError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    begin = time.monotonic()
    results: dict[tuple[str, str], dict[str, Any]] = {}
    count = QUICK_INPUTS if options.quick else INPUTS
    tell = Progress(len(models) * len(settings))
    with worker_pool() as pool:
        futures = {
            pool.submit(run_model, files[m.file], s, count): (m.key, s.name) for m in models for s in settings
        }
        for future in as_completed(futures):
            results[futures[future]] = future.result()
            tell(", ".join(futures[future]), _told(future.result()))
    figures = [f for m in models for f in figures_of(m.key, MACS[m.key], results)]
    seconds = time.monotonic() - begin
    runs = [{"model": model, **result} for (model, _), result in sorted(results.items())]
    write_document(options.out, figures, seconds, runs=runs, nominal_macs=MACS)
    print_table(figures, [m.key for m in models])
    return verdict(figures, options.out, seconds)


# Of the models as they were published; rewrites make them smaller.
MACS = {"IC": 12_501_632, "KWS": 2_656_768, "VWW": 7_489_664, "AD": 264_192, "SWW": 826_208}


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line; argparse itself ends with status 2 where it is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.performance", description=__doc__.split("\n")[0]
    )
    parser.add_argument(
        "--models",
        type=Path,
        metavar="DIR",
        help=f"folder with the .tflite models (default: ${ENVIRONMENT}, then the development data)",
    )
    parser.add_argument("--only", nargs="+", choices=KEYS, default=KEYS, metavar="MODEL")
    cores = list(dict.fromkeys(s.core for s in SETTINGS))
    parser.add_argument("--cores", nargs="+", choices=cores, default=cores, metavar="CORE")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_INPUTS} inputs a model")
    parser.add_argument("--out", type=Path, default=OUT, metavar="FILE", help="JSON file to write")
    return parser.parse_args(arguments)


def _told(result: Mapping[str, Any]) -> str:
    if "error" in result:
        return f"{result['error']['code']}: {result['error']['message']}"
    cost = result["cycles"] if result["cycles"] is not None else result["instructions"]
    return f"{result['equal']}/{result['inputs']} equal, {cost:,}, arena {result['arena_bytes']:,}"


def figures_of(model: str, macs: int, results: Results) -> list[Figure]:
    """Figures of a model, those of cores that were not run left out."""
    found = []
    for row in ROWS:
        run = results.get((model, row.setting.name))
        if run is not None:
            found.append(_figure(model, row, row.limits[KEYS.index(model)], run, macs))
    found += _weights_kept(model, results)
    own = [run for (key, _), run in results.items() if key == model]
    equal, inputs = (sum(run.get(k, 0) for run in own) for k in ("equal", "inputs"))
    failed = any("error" in run for run in own)
    found.append(
        Figure(
            "outputs equal to golden",
            model,
            f"{equal}/{inputs}",
            equal,
            inputs,
            ok=equal == inputs and not failed,
        )
    )
    return found


def _figure(model: str, row: Row, limit: float | None, run: Mapping[str, Any], macs: int) -> Figure:
    if "error" in run:
        return Figure(row.title, model, str(run["error"]["code"]), None, limit, ok=False)
    value = run["instructions"] / macs if row.key == "per_mac" else run[row.key]
    return Figure(row.title, model, show(row.key, value), value, limit, ok=limit is None or value <= limit)


def show(key: str, value: float) -> str:
    """A value for people: "11.42 M", "3.12", "9,870"."""
    if key == "per_mac":
        return f"{value:.3f}"
    return f"{value / 1e6:.3f} M" if key in ("cycles", "instructions") else f"{value:,.0f}"


def _weights_kept(model: str, results: Results) -> list[Figure]:
    """Weight bytes of the plan with limited flash relative to those of the smallest."""
    small, limited = (results.get((model, s.name), {}) for s in (M4_SIZE, M4_INT8))
    if "weights_bytes" not in small or "weights_bytes" not in limited:
        return []
    share, limit = limited["weights_bytes"] / small["weights_bytes"], M4_INT8.flash_share
    assert limit is not None
    return [Figure("weights of that plan / smallest", model, f"{share:.3f}", share, limit, ok=share <= limit)]


def print_table(figures: Sequence[Figure], models: Sequence[str]) -> None:
    """Figures down, models across, limits below."""
    cells = {(f.row, f.model): f for f in figures}
    keys = {row.title: row.key for row in ROWS}
    rows = []
    for title in dict.fromkeys(f.row for f in figures):
        own = [cells.get((title, m)) for m in models]
        rows.append([title, *("-" if f is None else f.text + ("" if f.ok else " ✗") for f in own)])
        limits = [f.limit if f is not None and title in keys else None for f in own]
        if any(v is not None for v in limits):
            rows.append(["  limit", *("-" if v is None else show(keys[title], v) for v in limits)])
    print(text_table(["figure", *models], rows, right=range(1, len(models) + 1)), flush=True)


if __name__ == "__main__":
    sys.exit(main())
