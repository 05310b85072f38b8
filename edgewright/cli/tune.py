"""`edgewright tune`: measure the kernels that a model's layers could use, for `--tuning`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewright.cli.common import Output, add_command
from edgewright.cli.options import (
    BoardOption,
    FlashLimitOption,
    IoOption,
    ModelArgument,
    PortOption,
    RamOption,
    ShapeOption,
    parse_shapes,
)
from edgewright.cli.stages import Stages
from edgewright.cli.table import text_table
from edgewright.cli.wishes import parse_budget


def tune(
    model: ModelArgument,
    board: BoardOption,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="JSON file to write; where it exists, the measurement goes on from it.",
            show_default="MODEL-BOARD.tuning.json",
        ),
    ] = None,
    port: PortOption = None,
    io: IoOption = "source",
    ram: RamOption = None,
    flash: FlashLimitOption = None,
    shape: ShapeOption = None,
) -> Output:
    """Measure every kernel that the layers of a model could use on a board.

    Without --port the board's emulator runs them. Ctrl-C loses only the round that is being measured.
    """
    from edgewright.runtime.tune import TuneJob
    from edgewright.runtime.tune import tune as run
    from edgewright.targets.board import load_board
    from edgewright.targets.build import load_program_of

    target = load_board(board)
    path = out or Path(f"{model.stem}-{target.id}.tuning.json")
    with Stages().shown() as stages:
        stages.advance("check", 0, 1)
        program = load_program_of(model, io=io, shapes=parse_shapes(shape))
        job = TuneJob(program, model.name, target, path, port, budget=parse_budget(ram, flash))
        found = run(job, stages.advance)
    rows = [
        (node, variant, f"{cost:,.0f}", "fastest" if cost == min(own.values()) else "")
        for node, own in found.tuning.costs.items()
        for variant, cost in own.items()
    ]
    rows += [(s.node, s.variant, "", "does not fit") for s in found.skipped]
    header = ("layer", "kernel", found.tuning.unit, "")
    text = (
        f"{text_table(header, rows, right=(2,))}\n\n"
        f"{found.measured} kernels measured, {found.known} known before\n"
        f"use them: edgewright build {model} --board {target.id} --tuning {path}"
    )
    data = {
        "out": str(path),
        "unit": found.tuning.unit,
        "source": found.tuning.source,
        "measured": found.measured,
        "known": found.known,
        "costs": {node: dict(own) for node, own in found.tuning.costs.items()},
        "skipped": [{"node": s.node, "kernel": s.variant} for s in found.skipped],
    }
    return Output(data, text)


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "tune", tune)
