"""`edgewright build`: a model and a board become a C library and a firmware."""

from __future__ import annotations

import typer

from edgewright.cli.common import Output, add_command
from edgewright.cli.options import (
    BoardOption,
    FlashLimitOption,
    IoOption,
    ModelArgument,
    OutOption,
    RamOption,
    ShapeOption,
    default_out,
    parse_bytes,
    parse_shapes,
)
from edgewright.cli.stages import Stages
from edgewright.cli.table import text_fields


def build(
    model: ModelArgument,
    board: BoardOption,
    out: OutOption = None,
    io: IoOption = "source",
    ram: RamOption = None,
    flash: FlashLimitOption = None,
    shape: ShapeOption = None,
) -> Output:
    """Generate the C library of a model and link the firmware of a board.

    DIR/library is self-contained C11 for your own project, DIR/firmware the image with the monitor.
    Where the memory does not suffice, nothing is written.
    """
    from edgewright.targets.board import load_board
    from edgewright.targets.build import Budget, load_program_of, plan_program
    from edgewright.targets.build import build as build_folder

    target = load_board(board)
    budget = Budget(parse_bytes("--ram", ram), parse_bytes("--flash", flash))
    folder = out or default_out(model, board)
    with Stages().shown() as stages:
        stages.advance("check", 0, 1)
        program = load_program_of(model, io=io, shapes=parse_shapes(shape))
        stages.advance("plan", 0, 1)
        planned = plan_program(program, target)
        manifest = build_folder(
            planned, target, folder, source=model.name, budget=budget, progress=stages.advance
        )
    memory = manifest["memory"]
    fields = [
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
