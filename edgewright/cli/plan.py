"""`edgewright plan`: memory against time for a model on a board, before anything is built."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewright.cli.common import Output, add_command
from edgewright.cli.options import (
    BoardOption,
    FlashLimitOption,
    InputOption,
    IoOption,
    ModelArgument,
    OptimizeOption,
    PatchesOption,
    RamOption,
    ScheduleOption,
    ShapeOption,
    SlowdownOption,
    TuningOption,
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
from edgewright.cli.wishes import parse_budget, parse_wish, read_tuning


def plan(
    model: ModelArgument,
    board: BoardOption,
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
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="DIR",
            help="Write pictures here: front.svg, front.png (the trade-off), arena.svg, arena.png (the "
            "chosen plan over time).",
        ),
    ] = None,
    io: IoOption = "source",
    shape: ShapeOption = None,
) -> Output:
    """Show what RAM a model needs on a board, what less of it costs, and the plan a build would take.

    The first table is the trade-off: no plan in it is beaten by another in memory, cycles and repeated
    multiply-accumulates at once. The second one has the steps of the plan that is marked in the first.
    """
    from edgewright.runtime.report.overview import overview, overview_text, write_pictures
    from edgewright.targets.board import load_board
    from edgewright.targets.build import load_program_of
    from edgewright.targets.exploration import explore_for_board
    from edgewright.targets.time_streaming import StreamWish

    target, budget = load_board(board), parse_budget(ram, flash)
    if streams_over_time(stream_axis, hop):
        program = load_program_of(model, io=io, shapes=parse_shapes(shape))
        return stream_output(program, target, StreamWish(hop or 0, padding=stream_padding))
    wish = parse_wish(schedule, input_mode, slowdown, patches, optimize)
    with Stages().shown() as stages:
        stages.advance("check", 0, 1)
        program = load_program_of(model, io=io, shapes=parse_shapes(shape))
        found = explore_for_board(program, target, wish, budget, stages.advance, read_tuning(tuning))
        data = overview(found, target)
        pictures = []
        if out is not None:
            stages.advance("draw", 0, 1)
            pictures = write_pictures(found, target, out)
    data["pictures"] = [str(p) for p in pictures]
    return Output(data, overview_text(data, found, model.name, target, pictures), found.error)


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "plan", plan)
