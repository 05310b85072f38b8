"""Tuning: measure every kernel that a model's layers could use on the board, instead of estimating it.

Round by round each layer gets the next of its kernels; the firmware is built, run and measured layer by
layer. The file is written after every round; a second call goes on where the first one ended.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgewright.converter.program import Program
from edgewright.converter.schedule import Wish
from edgewright.converter.schedule.whole import layers as whole_candidates
from edgewright.errors import UsageError, WorkError
from edgewright.runtime.build_folder import open_build
from edgewright.runtime.devices.opening import open_device
from edgewright.runtime.flash.flash import EMULATOR, flash, flash_plan
from edgewright.runtime.measure import Latency, LayerCost, bench
from edgewright.targets.board import Board
from edgewright.targets.build import Budget, build
from edgewright.targets.codegen.row_kernel import RowKernel
from edgewright.targets.costs import cycle_model
from edgewright.targets.fitting import arena_limit
from edgewright.targets.forms import NodeKernels
from edgewright.targets.planning import Planning, planning_for_board
from edgewright.targets.tuning import Source, Tuning, check_tuning, load_tuning, save_tuning

LAYERS = Wish(schedule="layer", input="resident", optimize="speed")
# Reasons why a set of kernels cannot run on a board; fewer of them may.
TOO_LARGE = ("EW-PLAN-MEMORY", "EW-MEM-OVER", "EW-FLASH-OVER")
NO_BUDGET = Budget()
# Called with (what, done, total) as kernels are measured.
Tell = Callable[[str, int, int], None]
Choice = dict[str, RowKernel]


@dataclass(frozen=True)
class Skipped:
    """A kernel that does not fit the board."""

    node: str
    variant: str


@dataclass(frozen=True)
class Tuned:
    """Outcome.

    Args:
        tuning: All costs, those of earlier calls included.
        measured: Kernels measured by this call.
        known: Kernels that an earlier call had measured.
        skipped: What does not fit.
    """

    tuning: Tuning
    measured: int
    known: int
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True)
class TuneJob:
    """What to tune and where.

    Args:
        program: The model.
        model: Its file name.
        board: Target.
        out: File to write, and to go on from.
        port: Serial port of the board; None runs the emulator.
        runner: Flashing method; None is the board's first.
        budget: Memory limits.
    """

    program: Program
    model: str
    board: Board
    out: Path
    port: str | None = None
    runner: str | None = None
    budget: Budget = NO_BUDGET


def tune(job: TuneJob, tell: Tell | None = None) -> Tuned:
    """Measure all kernels of a model's layers that are not in the file yet.

    Raises:
        UsageError: EW-TUNE-MODEL, EW-TUNE-CORE, EW-TUNE-SOURCE, EW-TUNE-FILE where the file is of something
            else, EW-OUT-WRITE.
        DeviceError, WorkError: of building, flashing and measuring.
    """
    planning = planning_for_board(job.program, job.board)
    tuning = _begin(job)
    wanted = [(name, k) for name, own in planning.kernels.items() for k in own.layer]
    waiting = [(name, k) for name, k in wanted if tuning.cost(name, k.variant) is None]
    known, done, skipped = len(wanted) - len(waiting), 0, []
    while waiting:
        if tell is not None:
            tell("measure", known + done, len(wanted))
        choice = _round(planning, waiting, arena_limit(job.board, job.budget))
        if not choice:
            skipped += [Skipped(name, k.variant) for name, k in waiting]
            break
        measured = _measure(job, planning, choice)
        for name, cost in measured.items():
            tuning = tuning.with_cost(name, choice[name].variant, cost)
        # What was built but is too large as a whole even alone.
        skipped += [Skipped(name, choice[name].variant) for name in choice if name not in measured]
        save_tuning(tuning, job.out)
        gone = {(name, kernel.variant) for name, kernel in choice.items()}
        done += len(gone)
        waiting = [(name, k) for name, k in waiting if (name, k.variant) not in gone]
    return Tuned(tuning, done, known, tuple(skipped))


def _begin(job: TuneJob) -> Tuning:
    """The file's content, or an empty one."""
    source: Source = "device" if job.port is not None else "emulator"
    # An emulator has no cycles for a core without a timing table.
    counted = source == "emulator" and cycle_model(job.board.cpu) is None
    fresh = Tuning(
        model_sha256=job.program.source_sha256,
        model=job.model,
        core=job.board.cpu,
        board=job.board.id,
        source=source,
        unit="instructions" if counted else "cycles",
    )
    if not job.out.exists():
        return fresh
    found = load_tuning(job.out)
    check_tuning(found, job.program, job.board)
    if found.source != source:
        raise UsageError(
            "EW-TUNE-SOURCE",
            f"{job.out} has costs from the {found.source}, these would be from the {source}",
            "write another file: --out",
        )
    return found


def _round(planning: Planning, waiting: Sequence[tuple[str, RowKernel]], limit_bytes: int) -> Choice:
    """For every node the first of its waiting kernels that fits the memory."""
    network = planning.planner("resident", LAYERS).network
    peaks = {
        (form.node.name, candidate.op.variant): candidate.peak_bytes
        for position, form in enumerate(network.forms)
        for candidate in whole_candidates(network, position)
        if candidate.op is not None
    }
    choice: Choice = {}
    for name, kernel in waiting:
        index = planning.kernels[name].layer.index(kernel)
        if name not in choice and peaks[name, index] <= limit_bytes:
            choice[name] = kernel
    return choice


def _measure(job: TuneJob, planning: Planning, choice: Choice) -> dict[str, float]:
    """Cost of each chosen kernel; half of them at a time where all together are too large."""
    try:
        latency = _run(job, _with(planning, choice))
    except WorkError as error:
        if error.code not in TOO_LARGE:
            raise
        if len(choice) == 1:
            return {}
        names = list(choice)
        half = len(names) // 2
        first, second = ({n: choice[n] for n in part} for part in (names[:half], names[half:]))
        return _measure(job, planning, first) | _measure(job, planning, second)
    return {cost.name: _cost(cost) for cost in latency.layers if cost.name in choice}


def _with(planning: Planning, choice: Mapping[str, RowKernel]) -> Planning:
    """The chosen kernels where there is one, else the one that needs least."""
    kernels = {
        name: NodeKernels((choice.get(name, own.layer[0]),), own.stream, own.lean)
        for name, own in planning.kernels.items()
    }
    return replace(planning, kernels=kernels, _made={})


def _run(job: TuneJob, planning: Planning) -> Latency:
    """Build, flash and measure."""
    planned = planning.plan(replace(LAYERS, arena_bytes=arena_limit(job.board, job.budget)))
    with tempfile.TemporaryDirectory(prefix="edgewright-tune-") as name:
        out = Path(name) / "build"
        build(planned, job.board, out, source=job.model, budget=job.budget)
        folder = open_build(out)
        if job.port is not None:
            plan = flash_plan(folder, job.runner)
            if plan.runner != EMULATOR:
                flash(plan)
        with open_device(folder, job.port, count=job.port is None) as device:
            return bench(folder, device, program=planning.program)


def _cost(cost: LayerCost) -> float:
    for value in (cost.cycles, cost.estimated_cycles, cost.instructions):
        if value is not None:
            return float(value)
    raise WorkError(
        "EW-TUNE-COUNT", "this board counts no cycles by layer", "tune on its emulator: without --port"
    )
