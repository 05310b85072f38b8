"""Deploying: quantize where asked, check, plan, build, flash, verify, bench; one report at the end."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from edgewright.converter.program import Program
from edgewright.converter.schedule import Wish
from edgewright.errors import UsageError, WorkError
from edgewright.runtime.build_folder import BuildFolder, open_build
from edgewright.runtime.devices.opening import open_device
from edgewright.runtime.flash.flash import EMULATOR, flash, flash_plan
from edgewright.runtime.inputs import Case, load_cases, random_cases
from edgewright.runtime.measure import Latency, bench
from edgewright.runtime.replies import MemoryUse
from edgewright.runtime.report.build_report import build_report
from edgewright.runtime.report.describe import describe, describe_board, describe_memory, saved_sentence
from edgewright.runtime.report.overview import inline_pictures
from edgewright.runtime.report.plan_data import report_plan
from edgewright.runtime.report.plan_text import SCHEDULE_WORDS
from edgewright.runtime.report.tables import latency_sentence, verify_sentence
from edgewright.runtime.report.write_report import write_report
from edgewright.runtime.verify import VerifyResult, verify
from edgewright.targets.board import Board, load_board
from edgewright.targets.build import Budget, load_with_savings
from edgewright.targets.exploration import explore
from edgewright.targets.fitting import arena_limit, build_for_board
from edgewright.targets.planning import planning_for_board
from edgewright.targets.tuning import Tuning

DEFAULT_CASES = 20
QUANTIZED_MODEL = "quantized.onnx"
NO_BUDGET = Budget()
NO_WISH = Wish()
# Called with (stage, sentence) when a stage is done, and with (stage, done, total) while it runs.
Say = Callable[[str, str], None]
Advance = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Job:
    """What to deploy and how.

    Args:
        model: Model file.
        board: Target.
        out: Build folder.
        io: "int8" drops float conversions at the borders of the model.
        shapes: Shapes of inputs with symbolic dimensions.
        wish: Schedule, input mode and speed.
        budget: Memory limits.
        port: Serial port of the board; None runs the emulator.
        runner: Flashing method; None is the board's first.
        inputs: File with inputs to verify with; None takes random ones.
        cases: Number of inputs (at most, where they come from a file).
        seed: Of the random inputs.
        runs: Inferences to measure; None is the default of the device.
        layers: Compare after each layer too.
        calibrate: Data to quantize a float model with; None takes the model as it is.
        preprocess: Specification of that data.
        tuning: Measured costs of the kernels.
    """

    model: Path
    board: Board
    out: Path
    io: Literal["source", "int8"] = "source"
    shapes: Mapping[str, Sequence[int]] | None = None
    wish: Wish = NO_WISH
    budget: Budget = NO_BUDGET
    port: str | None = None
    runner: str | None = None
    inputs: Path | None = None
    cases: int = DEFAULT_CASES
    seed: int = 0
    runs: int | None = None
    layers: bool = False
    calibrate: Path | None = None
    preprocess: Path | None = None
    tuning: Tuning | None = None


def cases_of(program: Program, inputs: Path | None, cases: int, seed: int) -> list[Case]:
    """Inputs from a file, or seeded random ones."""
    return load_cases(program, inputs, limit=cases) if inputs else random_cases(program, cases, seed)


def deploy(job: Job, say: Say, advance: Advance) -> dict[str, Any]:
    """Do it all and write the report into the build folder.

    A model that was quantized on the way is there too, as quantized.onnx.

    Returns:
        The report; where outputs differ from the reference its `verify.ok` is false.

    Raises:
        EdgewrightError: of the stage that failed.
    """
    if job.preprocess is not None and job.calibrate is None:
        raise UsageError(
            "EW-USAGE", "--preprocess says how calibration data is read", "give --calibrate DATA"
        )
    with _quantized(job, say, advance) as model:
        report = _deploy(job, model, say, advance)
        if job.calibrate is not None:
            _keep(model, job.out / QUANTIZED_MODEL)
    return report


def _keep(model: Path, path: Path) -> None:
    try:
        shutil.copyfile(model, path)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise WorkError("EW-OUT-WRITE", f"cannot write {path}: {error}") from error


@contextmanager
def _quantized(job: Job, say: Say, advance: Advance) -> Iterator[Path]:
    """The model file to deploy: the user's, or what becomes of it with calibration data."""
    if job.calibrate is None:
        yield job.model
        return
    from edgewright.quantize.quantize_file import QuantizeJob, quantize_file

    with tempfile.TemporaryDirectory(prefix="edgewright-quantize-") as folder:
        out = Path(folder) / f"{job.model.stem}.onnx"
        begin = time.monotonic()
        wanted = QuantizeJob(job.model, job.calibrate, out, job.preprocess, shapes=job.shapes)
        made = quantize_file(wanted, advance)
        seconds = time.monotonic() - begin
        say(
            "quantize",
            f"{len(made.quantized.layers)} layers to int8, {made.samples} samples, "
            f"{made.quantized.settings.describe()} ({seconds:.1f} s)",
        )
        yield out


def _deploy(job: Job, model: Path, say: Say, advance: Advance) -> dict[str, Any]:
    advance("check", 0, 1)
    shapes = job.shapes if job.calibrate is None else None  # a quantized model has no symbolic ones left
    program, savings = load_with_savings(model, io=job.io, shapes=shapes)
    # Wrong input files are refused before minutes are spent on building.
    cases = cases_of(program, job.inputs, job.cases, job.seed)
    width = max(len(job.model.name), len(job.board.id), max(map(len, SCHEDULE_WORDS.values())))
    say("model", f"{job.model.name:<{width}}  {describe(program)}")
    saved = saved_sentence(savings)
    if saved:
        say("rewrites", saved)
    say("board", f"{job.board.id:<{width}}  {describe_board(job.board)}")
    advance("plan", 0, 1)
    begin = time.monotonic()
    planning = planning_for_board(program, job.board, job.tuning)
    planned, manifest = build_for_board(
        program,
        job.board,
        job.out,
        source=job.model.name,
        wish=job.wish,
        budget=job.budget,
        progress=lambda what, done, total: advance(f"build: {what}", done, total),
        planning=planning,
        savings=savings,
    )
    seconds = time.monotonic() - begin
    schedule = SCHEDULE_WORDS[planned.plan.schedule]
    say("plan", f"{schedule:<{width}}  {describe_memory(manifest, job.board)}")
    kernels = len({layer["kernel"] for layer in manifest["layers"]})
    say("build", f"{kernels} kernels for {len(manifest['layers'])} layers in {seconds:.1f} s")
    folder = open_build(job.out)
    say("flash", _flash(folder, job))
    verified = _verify(folder, job, program, cases, advance)
    latency = _bench(folder, job, program, advance)
    advance("report", 0, 1)
    found = explore(planning, job.wish, arena_limit(job.board, job.budget), built=planned)
    report = build_report(manifest, verified[0], latency, verified[1], report_plan(found))
    say("verify", verify_sentence(report["verify"]))
    say("bench", latency_sentence(report["latency"]))
    write_report(job.out, report, inline_pictures(found, job.board))
    return report


def mismatch(report: Mapping[str, Any], folder: Path) -> WorkError | None:
    """EW-VERIFY-MISMATCH where a report says that outputs differ."""
    found = report.get("verify")
    if not found or found["ok"]:
        return None
    return WorkError(
        "EW-VERIFY-MISMATCH",
        f"{found['bad_cases']} of {found['cases']} inputs give other outputs than the reference",
        "" if found["layers_compared"] else f"compare layer by layer: edgewright verify {folder} --layers",
    )


def _flash(folder: BuildFolder, job: Job) -> str:
    if job.port is None:
        stand_in = f": {load_board(folder.emulator.board).title} in its place" if folder.emulator else ""
        return f"no port given, so it runs emulated{stand_in}; cycles and times are estimates"
    plan = flash_plan(folder, job.runner)
    if plan.runner == EMULATOR:
        return "the emulator loads it when it starts"
    flash(plan)
    return f"{plan.elf.name} through {plan.runner}"


def _verify(
    folder: BuildFolder, job: Job, program: Program, cases: Sequence[Case], advance: Advance
) -> tuple[VerifyResult, MemoryUse]:
    advance("verify", 0, len(cases))
    with open_device(folder, job.port) as device:
        result = verify(
            folder,
            cases,
            device,
            layers=job.layers,
            program=program,
            progress=lambda done, total: advance("verify", done, total),
        )
        return result, device.memory()


def _bench(folder: BuildFolder, job: Job, program: Program, advance: Advance) -> Latency:
    advance("bench", 0, 1)
    with open_device(folder, job.port, count=job.port is None) as device:
        return bench(folder, device, runs=job.runs, program=program)
