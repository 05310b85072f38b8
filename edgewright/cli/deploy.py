"""`edgewright deploy`: from a model file to a verified, measured inference, in one command."""

from __future__ import annotations

import typer

from edgewright.cli.common import Output, add_command
from edgewright.cli.options import (
    BoardOption,
    CalibrateOption,
    CasesOption,
    FlashLimitOption,
    InputOption,
    InputsOption,
    IoOption,
    LayersOption,
    ModelArgument,
    OptimizeOption,
    OutOption,
    PatchesOption,
    PortOption,
    PreprocessOption,
    RamOption,
    RunsOption,
    ScheduleOption,
    SeedOption,
    ShapeOption,
    SlowdownOption,
    TuningOption,
    default_out,
    parse_shapes,
)
from edgewright.cli.stages import Stages
from edgewright.cli.wishes import parse_budget, parse_wish, read_tuning


def deploy(
    model: ModelArgument,
    board: BoardOption,
    out: OutOption = None,
    calibrate: CalibrateOption = None,
    preprocess: PreprocessOption = None,
    port: PortOption = None,
    inputs: InputsOption = None,
    cases: CasesOption = 20,
    seed: SeedOption = 0,
    runs: RunsOption = None,
    layers: LayersOption = False,
    io: IoOption = "source",
    schedule: ScheduleOption = "auto",
    input_mode: InputOption = None,
    ram: RamOption = None,
    flash: FlashLimitOption = None,
    slowdown: SlowdownOption = None,
    patches: PatchesOption = None,
    optimize: OptimizeOption = "balanced",
    tuning: TuningOption = None,
    shape: ShapeOption = None,
) -> Output:
    """Check, plan, build, flash, verify and measure a model on a board.

    A float model is quantized first, with the data of --calibrate; the quantized model goes to the build
    folder too. Without --port the board's emulator runs the same firmware, and every figure says that it is
    an estimate. report.json, report.txt and report.html go to the build folder.
    """
    from edgewright.runtime.deploy import Job, mismatch
    from edgewright.runtime.deploy import deploy as deploy_job
    from edgewright.runtime.report.tables import render_layers
    from edgewright.targets.board import load_board

    job = Job(
        model=model,
        board=load_board(board),
        out=out or default_out(model, board),
        io=io,
        shapes=parse_shapes(shape),
        wish=parse_wish(schedule, input_mode, slowdown, patches, optimize),
        budget=parse_budget(ram, flash),
        tuning=read_tuning(tuning),
        port=port,
        inputs=inputs,
        cases=cases,
        seed=seed,
        runs=runs,
        layers=layers,
        calibrate=calibrate,
        preprocess=preprocess,
    )
    with Stages().shown() as stages:
        report = deploy_job(job, stages.say, stages.advance)
    text = f"\n{render_layers(report)}\n\nreport.json, report.txt and report.html are in {job.out}/"
    return Output({"out": str(job.out), "report": report}, text, mismatch(report, job.out))


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "deploy", deploy)
