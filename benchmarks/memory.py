"""Smallest arenas of nets on a Cortex-M4: `python -m benchmarks.memory`.

The Pareto front of each net (RAM against estimated cycles, with and without recompute, the input resident or
fed by rows), each figure beside its limit. The smallest plan of each kind is then built and run: outputs
against the reference, cycles, high-water marks of arena and stack; patch-based inference beside them; and
three nets are deployed within little RAM. Exit status: 0, 1 where a limit is missed, 2 where the nets are
missing or the command line is wrong.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import Future, as_completed
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import table
from benchmarks.figures import M4_BOARD
from benchmarks.locate import ENVIRONMENT
from benchmarks.machine import ROOT
from benchmarks.memory_nets.deploying import deploy
from benchmarks.memory_nets.kinds import LAYER, arenas_to_run
from benchmarks.memory_nets.nets import NETS, Net, find_nets, int8_file
from benchmarks.memory_nets.planning import plan_front
from benchmarks.memory_nets.results import SHOW, figures_of
from benchmarks.memory_nets.running import run_on_board, run_on_host
from benchmarks.outcome import check_writable, verdict, write_document
from benchmarks.pool import Progress, worker_pool
from edgewright.errors import EdgewrightError

OUT = ROOT / "build" / "bench" / "memory.json"
Results = dict[str, dict[str, Any]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit status."""
    options = parse(arguments)
    nets = [n for n in NETS if n.key in options.only]
    begin = time.monotonic()
    try:
        files = find_nets(nets, options.models)
        check_writable(options.out)
        results = plan_all(nets, files)
        if not options.plans_only:
            run_all(nets, files, results)
    except EdgewrightError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    figures = [f for n in nets for f in figures_of(n, results[n.key])]
    seconds = time.monotonic() - begin
    complete = len(nets) == len(NETS) and all("runs" in r for r in results.values())
    measured = [{"net": asdict(n), **results[n.key]} for n in nets]
    write_document(options.out, figures, seconds, board=M4_BOARD, complete=complete, nets=measured)
    table.SHOW.update(SHOW)
    table.print_table(figures)
    return verdict(figures, options.out, seconds)


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
    parser.add_argument("--plans-only", action="store_true", help="plan, but build and run nothing")
    parser.add_argument("--out", type=Path, default=OUT, metavar="FILE", help="JSON file to write")
    return parser.parse_args(arguments)


def plan_all(nets: Sequence[Net], files: dict[str, Path]) -> Results:
    """Plans of every net by its key, one after the other: planning is timed, and uses several cores."""
    results: Results = {}
    tell = Progress(len(nets))
    for net in nets:
        result = plan_front(int8_file(files[net.key]), M4_BOARD)
        results[net.key] = result
        if "plans" in result:
            # The trade-off has only those layer plans that no streamed one beats.
            layers = plan_front(int8_file(files[net.key]), M4_BOARD, ("--schedule", "layer"))
            others = [p for p in result["plans"] if not LAYER.belongs(p)]
            result["plans"] = others + [p for p in layers.get("plans", ()) if LAYER.belongs(p)]
        what = result["error"]["code"] if "error" in result else f"{len(result['plans'])} plans"
        tell(net.key, what)
    return results


def run_all(nets: Sequence[Net], files: dict[str, Path], results: Results) -> None:
    """Run and deploy the plans of every net, two at a time; adds `runs` and `deployment` to its result."""
    with tempfile.TemporaryDirectory(prefix="edgewright-memory-") as folder, worker_pool() as pool:
        futures: dict[Future[dict[str, Any]], tuple[Net, str]] = {}
        # The longest first, so that both processes end at about the same time.
        for net in sorted(nets, key=lambda n: n.file.endswith(".onnx"), reverse=True):
            model, out = int8_file(files[net.key]), Path(folder) / net.key
            arenas = arenas_to_run(net, results[net.key].get("plans", ()))
            if net.inputs:
                job = pool.submit(run_on_board, model, M4_BOARD, arenas, net.inputs, out)
            else:
                job = pool.submit(run_on_host, model, arenas, out)
            futures[job] = net, "runs"
            if net.deployment is not None:
                job = pool.submit(deploy, model, net.deployment, Path(folder) / f"{net.key}-deployed")
                futures[job] = net, "deployment"
        tell = Progress(len(futures))
        for future in as_completed(futures):
            net, what = futures[future]
            results[net.key][what] = future.result()
            tell(f"{net.key}, {what}", describe(what, future.result()))


def describe(what: str, result: dict[str, Any]) -> str:
    """A few words on what a job found."""
    runs = [result] if what == "deployment" else list(result.values())
    failed = [run["error"]["code"] for run in runs if "error" in run]
    return ", ".join(failed) or f"{sum(r['equal'] for r in runs)} of {sum(r['cases'] for r in runs)} equal"


if __name__ == "__main__":
    sys.exit(main())
