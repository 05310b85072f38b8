"""`edgewright boards list|show`: the boards edgewright knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from edgewright.cli.common import Output, add_command
from edgewright.cli.table import byte_text, text_fields, text_table

if TYPE_CHECKING:
    from edgewright.targets.board import Board, MemoryRegion


def list_all() -> Output:
    """List the boards.

    "tested" says how far: on the emulator, on hardware, or built only.
    """
    from edgewright.targets.board import list_boards

    boards = list_boards()
    rows = [
        (
            b.id,
            b.title,
            b.cpu,
            f"{b.clock_hz / 1e6:g} MHz",
            byte_text(b.memory.ram.size_bytes),
            byte_text(b.memory.flash.size_bytes),
            b.tested,
        )
        for b in boards
    ]
    header = ("board", "title", "cpu", "clock", "RAM", "flash", "tested")
    return Output({"boards": [board_data(b) for b in boards]}, text_table(header, rows, right=(3, 4, 5)))


def show(
    board: Annotated[
        str,
        typer.Argument(metavar="BOARD", help="Id of the board, or path of a board file.", show_default=False),
    ],
) -> Output:
    """Show everything known of a board."""
    from edgewright.targets.board import load_board

    b = load_board(board)
    emulated = {None: "none", b.id: "QEMU"}.get(
        b.emulator_board, f"QEMU runs {b.emulator_board} in its place"
    )
    fields = [
        ("board", b.id),
        ("title", b.title),
        ("cpu", " ".join((b.cpu, *(f"+{f}" for f in sorted(b.features))))),
        ("clock", f"{b.clock_hz / 1e6:g} MHz"),
        ("flash", _region(b.memory.flash)),
        ("RAM", _region(b.memory.ram)),
        ("stack", byte_text(b.memory.stack_bytes)),
        ("console", f"{b.console.driver.name}, {b.console.baud} baud"),
        ("usb", ", ".join(map(str, b.console.usb)) or "none: connect a serial adapter"),
        *((("pins", b.console.pins),) if b.console.pins else ()),
        ("cycles", b.cycles),
        ("flashing", ", ".join(b.runners)),
        ("emulator", emulated),
        ("tested", b.tested),
        ("file", b.path),
    ]
    return Output({"board": board_data(b)}, text_fields(fields))


def board_data(board: Board) -> dict[str, object]:
    """JSON of a board."""
    regions = {"flash": board.memory.flash, "ram": board.memory.ram}
    return {
        "id": board.id,
        "title": board.title,
        "cpu": board.cpu,
        "features": sorted(board.features),
        "clock_hz": board.clock_hz,
        "memory": {k: {"start": r.start, "size_bytes": r.size_bytes} for k, r in regions.items()}
        | {"stack_bytes": board.memory.stack_bytes},
        "console": {
            "driver": board.console.driver.name,
            "baud": board.console.baud,
            "usb": [str(u) for u in board.console.usb],
        },
        "cycles": board.cycles,
        "runners": list(board.runners),
        "emulator_board": board.emulator_board,
        "tested": board.tested,
        "file": str(board.path),
    }


def _region(region: MemoryRegion) -> str:
    return f"{byte_text(region.size_bytes)} at 0x{region.start:08x}"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="The boards edgewright knows.", rich_markup_mode=None)
    add_command(group, "list", list_all)
    add_command(group, "show", show)
    app.add_typer(group, name="boards")
