"""Eight binarization operators compared, after BiBench: `python -m benchmarks.bibench`, `make bibench`.

Two tasks, two architectures, three seeds; tracks as in BiBench, and the networks on an emulated Cortex-M4.
Runs are kept in build/bibench and not repeated. Exit status: 0, 1 where a figure is missed, 2 where the
command line is wrong.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import as_completed
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.bibench_nets import ARCHITECTURES
from benchmarks.bibench_page import PAGE, write_page, write_picture
from benchmarks.bibench_tables import (
    Table,
    accuracy_table,
    board_table,
    digits_figures,
    robustness_table,
    track_table,
    training_table,
)
from benchmarks.bibench_tasks import TASKS, available_tasks
from benchmarks.bibench_tracks import FLOAT
from benchmarks.machine import ROOT
from benchmarks.outcome import check_writable, verdict, write_document
from benchmarks.pool import Progress, worker_pool
from edgewright.cli.table import text_table
from edgewright.errors import EdgewrightError
from edgewright.quantize.binary import ALGORITHMS

OUT, CACHE = ROOT / "build" / "bench" / "bibench.json", ROOT / "build" / "bibench"
SEEDS, QUICK = 3, "plain"
Records = list[dict[str, Any]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit status."""
    options = parse(arguments)
    begin = time.monotonic()
    tasks, reasons = available_tasks()
    tasks = [t for t in tasks if t in options.tasks]
    for name, reason in reasons.items():
        print(f"without {name}: {reason}", file=sys.stderr)
    if not tasks:
        print("no task has its data here", file=sys.stderr)
        return 2
    try:
        check_writable(options.out)
        options.cache.mkdir(parents=True, exist_ok=True)
        kept = len([*options.cache.glob("*.json")])
        records, builds = run(options, tasks)
    except EdgewrightError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    seconds = time.monotonic() - begin
    tables = all_tables(records, builds)
    for table in tables:
        print(
            f"{table.heading}\n{text_table(table.columns, table.rows, right=range(1, len(table.columns)))}\n"
        )
    figures = [] if options.quick else digits_figures(records)
    complete = is_complete(options, tasks, builds)
    document = write_document(
        options.out,
        figures,
        seconds,
        runs_kept_from_before=kept,
        complete=complete,
        tables=[asdict(t) for t in tables],
        runs=records,
        boards=builds,
        left_out=reasons,
    )
    if complete and options.page:
        write_picture(records, builds)
        write_page(PAGE, tables, note(document))
    for figure in figures:
        print(f"{figure.model}: {figure.row} {figure.text}, at least {figure.limit:g} %")
    return verdict(figures, options.out, seconds)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line; argparse itself ends with status 2 where it is wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bibench", description=__doc__.split("\n")[0])
    parser.add_argument("--tasks", nargs="+", choices=[*TASKS], default=[*TASKS], metavar="TASK")
    parser.add_argument(
        "--operators", nargs="+", choices=[*ALGORITHMS], default=[*ALGORITHMS], metavar="NAME"
    )
    parser.add_argument(
        "--architectures", nargs="+", choices=ARCHITECTURES, default=[*ARCHITECTURES], metavar="NAME"
    )
    parser.add_argument("--seeds", type=int, choices=range(1, 11), default=SEEDS, metavar="N")
    parser.add_argument(
        "--quick", action="store_true", help="an epoch, an architecture, a seed, no board: a trial"
    )
    parser.add_argument("--no-board", action="store_true", help="build and emulate nothing")
    parser.add_argument("--no-page", dest="page", action="store_false", help="leave docs/ as it is")
    parser.add_argument("--cache", type=Path, default=CACHE, metavar="DIR", help="where runs are kept")
    parser.add_argument("--out", type=Path, default=OUT, metavar="FILE", help="JSON file to write")
    return parser.parse_args(arguments)


def run(options: argparse.Namespace, tasks: Sequence[str]) -> tuple[Records, Records]:
    """Train everything, two groups at a time, then build a network of every kind."""
    from benchmarks.bibench_train import Group, run_group

    if options.quick:  # in this process: starting others takes longer than the training
        return [
            r for t in tasks for r in run_group(Group(t, QUICK, 0, True), options.operators, options.cache)
        ], []
    groups = [Group(t, a, s) for s in range(options.seeds) for t in tasks for a in options.architectures]
    found: dict[Any, Records] = {}
    with worker_pool() as pool:
        jobs = {pool.submit(run_group, g, options.operators, options.cache): g for g in groups}
        tell = Progress(len(jobs))
        for job in as_completed(jobs):
            group = jobs[job]
            found[group] = job.result()
            best = max(r["deployed"] for r in found[group] if r["operator"] != FLOAT)
            tell(f"{group.task}, {group.architecture}, {group.seed}", f"best {best:.4f}")
        records = [r for g in groups for r in found[g]]
        if options.no_board:
            return records, []
        return records, _boards(pool, [g for g in groups if g.seed == 0], options)


def _boards(pool: Any, groups: Sequence[Any], options: argparse.Namespace) -> Records:
    from benchmarks.bibench_device import measure_on_board

    jobs = {}
    for group in groups:
        for operator in (FLOAT, *options.operators):
            key = {"task": group.task, "architecture": group.architecture, "operator": operator}
            model = group.path(options.cache, operator, ".onnx")
            jobs[pool.submit(measure_on_board, model, key)] = key
    tell, builds = Progress(len(jobs)), []
    for job in as_completed(jobs):
        builds.append(job.result())
        what = builds[-1].get("error") or f"{builds[-1]['cycles']:,} cycles"
        tell(", ".join(jobs[job].values()), what)
    order = list(jobs.values())
    builds.sort(key=lambda b: order.index({k: b[k] for k in ("task", "architecture", "operator")}))
    return builds


def all_tables(records: Records, builds: Records) -> list[Table]:
    """Accuracy, tracks, robustness, training and, if anything was built, the board."""
    good = [b for b in builds if "error" not in b]
    tables = [accuracy_table(records), track_table(records, good)]
    tables += [board_table(records, good)] if good else []
    return [*tables, robustness_table(records), training_table(records)]


def is_complete(options: argparse.Namespace, tasks: Sequence[str], builds: Records) -> bool:
    """Whether nothing was left out."""
    everything = [(tasks, TASKS), (options.operators, ALGORITHMS), (options.architectures, ARCHITECTURES)]
    whole = all(len(chosen) == len(known) for chosen, known in everything) and options.seeds >= SEEDS
    return whole and not options.quick and bool(builds) and all(b.get("equal") for b in builds)


def note(document: dict[str, Any]) -> str:
    """When and where the results come from."""
    commit = str(document["git"]["commit"] or "unknown")[:7]
    commit += " with changes" if document["git"]["modified"] else ""
    return (
        f"Two tasks, two architectures, {SEEDS} seeds; {document['date'][:10]}, at commit {commit}. Accuracy "
        "is that of the deployed networks on the held-out 30 %: hidden layers binary, the others int8."
    )


if __name__ == "__main__":
    sys.exit(main())
