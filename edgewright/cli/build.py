"""`edgewright build`: a model and a board become a C library and a firmware."""

from __future__ import annotations

import typer

from edgewright.cli.common import Output, add_command
from edgewright.cli.options import (
    BoardOption,
    FlashLimitOption,
    InputOption,
    IoOption,
    ModelArgument,
    OptimizeOption,
    OutOption,
    PatchesOption,
    RamOption,
    ScheduleOption,
    ShapeOption,
    SlowdownOption,
    TuningOption,
    default_out,
    parse_shapes,
)
from edgewright.cli.stages import Stages
from edgewright.cli.stream import (
    StreamAxisOption,
    StreamHopOption,
    StreamPaddingOption,
    stream_output,
    streams_over_time,
)
from edgewright.cli.table import text_fields
from edgewright.cli.wishes import parse_budget, parse_wish, read_tuning


def build(
    model: ModelArgument,
    board: BoardOption,
    out: OutOption = None,
    io: IoOption = "source",
    schedule: ScheduleOption = "auto",
    input_mode: InputOption = None,
    ram: RamOption = None,
    flash: FlashLimitOption = None,
    slowdown: SlowdownOption = None,
    patches: PatchesOption = None,
    optimize: OptimizeOption = "balanced",
    tuning: TuningOption = None,
    stream_axis: StreamAxisOption = None,
    hop: StreamHopOption = None,
    stream_padding: StreamPaddingOption = "refuse",
    shape: ShapeOption = None,
) -> Output:
    """Generate the C library of a model and link the firmware of a board.

    DIR/library is self-contained C11 for your own project, DIR/firmware the image with the monitor.
    Where the memory does not suffice, nothing is written.
    """
    from edgewright.runtime.report.plan_text import plan_sentence
    from edgewright.targets.board import load_board
    from edgewright.targets.build import load_program_of, load_with_savings
    from edgewright.targets.fitting import build_for_board
    from edgewright.targets.planning import planning_for_board
    from edgewright.targets.time_streaming import StreamWish

    target, budget = load_board(board), parse_budget(ram, flash)
    wish = parse_wish(schedule, input_mode, slowdown, patches, optimize)
    folder = out or default_out(model, board)
    if streams_over_time(stream_axis, hop):
        program = load_program_of(model, io=io, shapes=parse_shapes(shape))
        return stream_output(program, target, StreamWish(hop or 0, padding=stream_padding), out=folder)
    with Stages().shown() as stages:
        stages.advance("check", 0, 1)
        program, savings = load_with_savings(model, io=io, shapes=parse_shapes(shape))
        _, manifest = build_for_board(
            program,
            target,
            folder,
            source=model.name,
            wish=wish,
            budget=budget,
            progress=stages.advance,
            planning=planning_for_board(program, target, read_tuning(tuning)),
            savings=savings,
        )
    memory = manifest["memory"]
    fields = [
        ("plan", plan_sentence(manifest["plan"])),
        (
            "library",
            f"{folder}/library: {memory['code_bytes']:,} B code, {memory['weights_bytes']:,} B weights",
        ),
        ("firmware", f"{folder}/firmware/firmware.elf: {memory['flash_bytes']:,} B flash"),
        (
            "RAM",
            f"{memory['ram_bytes']:,} B: arena {memory['arena_bytes']:,}, static {memory['static_bytes']:,}, "
            f"rest stack (the model needs up to {memory['stack_bytes']:,})",
        ),
        ("next", f"edgewright verify {folder}, edgewright bench {folder}"),
    ]
    return Output({"out": str(folder), "manifest": manifest}, text_fields(fields))


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "build", build)
