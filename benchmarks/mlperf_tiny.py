"""The figures of the MLPerf Tiny models on emulated boards: `python -m benchmarks.mlperf_tiny`.

Every model's outputs against golden and LiteRT on four boards, cycles, memory, code size, and the wall time
of `edgewright deploy`, each beside its limit and beside TensorFlow Lite Micro with CMSIS-NN. A model is
planned with its arena limit as the largest arena, as `--ram` plans: without one, kernels take whatever RAM
makes them faster. Cycles, arena and code are of that one plan, and all three limits hold for it; the wall
time is of a deployment without limits. Exit status: 0, 1 where a limit is missed, 2 where the models are
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

from benchmarks.figures import (
    BOARDS,
    M4_BOARD,
    MODELS,
    RANDOM_INPUTS,
    REAL_INPUTS,
    SMALL_BOARD,
    SMALL_BOARD_MODEL,
    Model,
)
from benchmarks.locate import ENVIRONMENT, locate
from benchmarks.machine import ROOT
from benchmarks.measure import deploy_seconds, make_reference, run_on_board
from benchmarks.outcome import check_writable, verdict, write_document
from benchmarks.pool import Progress, worker_pool
from benchmarks.results import Figure, figures_of
from benchmarks.table import print_table
from edgewright.errors import EdgewrightError

OUT = ROOT / "build" / "bench" / "mlperf_tiny.json"
QUICK_INPUTS = 5
Runs = dict[tuple[str, str], dict[str, Any]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit status."""
    options = parse(arguments)
    models = [m for m in MODELS if m.key in options.only]
    try:
        files = locate(models, options.models)
        check_writable(options.out)
    except EdgewrightError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="edgewright-bench-") as folder:
        references, runs = measure_all(models, files, options.quick, Path(folder))
    figures = [f for m in models for f in figures_of(m, runs, options.quick)]
    seconds = time.monotonic() - begin
    write_json(options.out, options.quick, models, references, runs, figures, seconds)
    print_table(figures)
    return verdict(figures, options.out, seconds)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line; argparse itself ends with status 2 where it is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.mlperf_tiny", description=__doc__.split("\n")[0]
    )
    parser.add_argument(
        "--models",
        type=Path,
        metavar="DIR",
        help="folder with the .tflite models and the KWS inputs "
        f"(default: ${ENVIRONMENT}, then the development data)",
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=[m.key for m in MODELS],
        default=[m.key for m in MODELS],
        metavar="MODEL",
        help="measure only these: " + " ".join(m.key for m in MODELS),
    )
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_INPUTS} inputs a model")
    parser.add_argument("--out", type=Path, default=OUT, metavar="FILE", help="JSON file to write")
    return parser.parse_args(arguments)


def measure_all(
    models: Sequence[Model], files: dict[str, Path], quick: bool, folder: Path
) -> tuple[dict[str, dict[str, Any]], Runs]:
    """References first, then every model on every board, two processes; wall times last and alone."""
    runs: Runs = {}
    jobs = [(m, board) for m in models for board in BOARDS]
    jobs += [(m, SMALL_BOARD) for m in models if m.key == SMALL_BOARD_MODEL]
    # The longest first, so that both processes end at about the same time: loading costs by the byte.
    jobs.sort(key=lambda job: ["VWW", "IC", "KWS", "SWW", "AD"].index(job[0].key))
    timed = [m for m in models if m.limits.deploy_s is not None]
    tell = Progress(len(models) + len(jobs) + len(timed))
    with worker_pool() as pool:

        def reference(m: Model) -> Future[dict[str, Any]]:
            count = QUICK_INPUTS if quick else REAL_INPUTS if m.inputs else RANDOM_INPUTS
            inputs = files[m.inputs] if m.inputs else None
            return pool.submit(make_reference, files[m.file], inputs, count, folder / f"{m.key}.npz")

        references = _collect({(m.key,): reference(m) for m in models}, tell)

        def on_board(m: Model, board: str) -> Future[dict[str, Any]]:
            out = folder / f"{m.key}-{board}"
            reference = folder / f"{m.key}.npz"
            return pool.submit(run_on_board, files[m.file], board, reference, out, m.arena_bytes(board))

        runs |= _collect({(m.key, board): on_board(m, board) for m, board in jobs}, tell)
    for m in timed:
        runs[m.key, "deploy"] = deploy_seconds(files[m.file], M4_BOARD, folder / f"{m.key}-deploy")
        tell(f"{m.key}, deploy", _told(runs[m.key, "deploy"]))
    return {key: value for (key,), value in references.items()}, runs


def _collect(futures: dict[tuple[str, ...], Future[dict[str, Any]]], tell: Progress) -> dict[Any, Any]:
    names = {future: key for key, future in futures.items()}
    results = {}
    for future in as_completed(names):
        results[names[future]] = future.result()
        tell(", ".join(names[future]), _told(future.result()))
    return results


def _told(result: dict[str, Any]) -> str:
    """One job's result in few words."""
    if "error" in result:
        return str(result["error"]["code"])
    if "equal_golden" in result:
        return f"{min(result['equal_golden'], result['equal_litert'])} of {result['inputs']} equal"
    if "golden_equals_litert" in result:
        return f"golden equals LiteRT on {result['golden_equals_litert']} of {result['inputs']} inputs"
    return f"{result['seconds']:.1f} s"


def write_json(
    out: Path,
    quick: bool,
    models: Sequence[Model],
    references: dict[str, dict[str, Any]],
    runs: Runs,
    figures: Sequence[Figure],
    seconds: float,
) -> None:
    """Everything measured, with what is needed to understand it later."""
    measured = [
        {
            "model": asdict(m),
            "reference": references[m.key],
            "runs": {place: run for (key, place), run in runs.items() if key == m.key},
        }
        for m in models
    ]
    write_document(out, figures, seconds, quick=quick, models=measured)


if __name__ == "__main__":
    sys.exit(main())
