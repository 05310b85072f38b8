"""The figures of the MLPerf Tiny models on emulated boards: `python -m benchmarks.mlperf_tiny`.

Every model's outputs against golden and LiteRT on four boards, cycles, memory, code size, and the wall time
of `edgewright deploy`, each beside its limit and beside TensorFlow Lite Micro with CMSIS-NN. Exit status: 0,
1 where a limit is missed, 2 where the models are missing or the command line is wrong.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import asdict
from datetime import UTC, datetime
from multiprocessing.context import SpawnContext
from multiprocessing.queues import SimpleQueue
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
from benchmarks.machine import ROOT, git_commit, machine, tool_versions
from benchmarks.measure import deploy_seconds, make_reference, run_on_board, stay_on_one_core
from benchmarks.results import Figure, figures_of
from benchmarks.table import print_table
from edgewright.errors import EdgewrightError, UsageError

OUT = ROOT / "build" / "bench" / "mlperf_tiny.json"
PROCESSES = 2
QUICK_INPUTS = 5
SCHEMA_VERSION = 1
Runs = dict[tuple[str, str], dict[str, Any]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit status."""
    options = parse(arguments)
    models = [m for m in MODELS if m.key in options.only]
    try:
        files = locate(models, options.models)
        _writable(options.out)
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
    missed = [f for f in figures if not f.ok]
    for figure in missed:
        print(f"missed: {figure.model}, {figure.row}: {figure.text}, limit {figure.limit}", file=sys.stderr)
    print(f"{len(figures) - len(missed)} of {len(figures)} figures good; {options.out} ({seconds:.0f} s)")
    return 1 if missed else 0


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


def _writable(out: Path) -> None:
    """Find out before minutes of work whether the result can be written."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with out.open("a"):
            pass
    except OSError as error:
        raise UsageError("EW-OUT-WRITE", f"cannot write {out}: {error}") from error


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
    tell = _Progress(len(models) + len(jobs) + len(timed))
    # spawn: a forked child would inherit TVM's threads half way.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, context, stay_on_one_core, (_cores(context),)) as pool:

        def reference(m: Model) -> Future[dict[str, Any]]:
            count = QUICK_INPUTS if quick else REAL_INPUTS if m.inputs else RANDOM_INPUTS
            inputs = files[m.inputs] if m.inputs else None
            return pool.submit(make_reference, files[m.file], inputs, count, folder / f"{m.key}.npz")

        references = _collect({(m.key,): reference(m) for m in models}, tell)

        def on_board(m: Model, board: str) -> Future[dict[str, Any]]:
            out = folder / f"{m.key}-{board}"
            return pool.submit(run_on_board, files[m.file], board, folder / f"{m.key}.npz", out)

        runs |= _collect({(m.key, board): on_board(m, board) for m, board in jobs}, tell)
    for m in timed:
        runs[m.key, "deploy"] = deploy_seconds(files[m.file], M4_BOARD, folder / f"{m.key}-deploy")
        tell((m.key, "deploy"), runs[m.key, "deploy"])
    return {key: value for (key,), value in references.items()}, runs


def _cores(context: SpawnContext) -> SimpleQueue[int]:
    """A core for each worker; none where there are too few."""
    cores: SimpleQueue[int] = context.SimpleQueue()
    available = sorted(os.sched_getaffinity(0))
    for core in available[:PROCESSES] if len(available) >= PROCESSES else ():
        cores.put(core)
    return cores


def _collect(
    futures: dict[tuple[str, ...], Future[dict[str, Any]]], tell: Callable[..., None]
) -> dict[Any, Any]:
    names = {future: key for key, future in futures.items()}
    results = {}
    for future in as_completed(names):
        results[names[future]] = future.result()
        tell(names[future], future.result())
    return results


class _Progress:
    """A line on stderr for each job that is done."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._begin = time.monotonic()

    def __call__(self, job: tuple[str, ...], result: dict[str, Any]) -> None:
        self._done += 1
        if "error" in result:
            what = result["error"]["code"]
        elif "equal_golden" in result:
            what = f"{min(result['equal_golden'], result['equal_litert'])} of {result['inputs']} equal"
        elif "golden_equals_litert" in result:
            what = f"golden equals LiteRT on {result['golden_equals_litert']} of {result['inputs']} inputs"
        else:
            what = f"{result['seconds']:.1f} s"
        elapsed = time.monotonic() - self._begin
        count = f"[{self._done:2}/{self._total}]"
        print(f"{count} {elapsed:4.0f} s  {', '.join(job):<16} {what}", file=sys.stderr, flush=True)


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
    document = {
        "schema_version": SCHEMA_VERSION,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "git": git_commit(),
        "machine": machine(),
        "tools": tool_versions(),
        "quick": quick,
        "seconds": round(seconds, 1),
        "ok": all(f.ok for f in figures),
        "figures": [asdict(f) for f in figures],
        "models": [
            {
                "model": asdict(m),
                "reference": references[m.key],
                "runs": {place: run for (key, place), run in runs.items() if key == m.key},
            }
            for m in models
        ],
    }
    out.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
