"""`edgewright flash`: put a build onto its board."""

from __future__ import annotations

from typing import Annotated

import typer

from edgewright.cli.common import Output, add_command
from edgewright.cli.options import BuildArgument


def flash(
    folder: BuildArgument,
    runner: Annotated[
        str | None,
        typer.Option(
            "--runner",
            metavar="NAME",
            help="emulator, gdb, openocd or pyocd.",
            show_default="the board's first",
        ),
    ] = None,
    server: Annotated[
        str, typer.Option("--server", metavar="HOST:PORT", help="GDB server, for the runner gdb.")
    ] = "",
    probe: Annotated[
        str, typer.Option("--probe", metavar="ID", help="Serial number of the debug probe (openocd, pyocd).")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the commands, run nothing.")] = False,
) -> Output:
    """Flash the firmware of a build.

    --dry-run prints exactly the commands that would run.
    """
    from edgewright.runtime.build_folder import open_build
    from edgewright.runtime.flash.flash import EMULATOR, flash_plan
    from edgewright.runtime.flash.flash import flash as run_flash

    plan = flash_plan(open_build(folder), runner, server=server, probe=probe)
    commands = [str(c) for c in plan.commands]
    data = {"runner": plan.runner, "board": plan.board, "elf": str(plan.elf), "commands": commands}
    if dry_run:
        return Output(data | {"dry_run": True}, "\n".join(commands))
    if plan.runner == EMULATOR:
        return Output(
            data | {"dry_run": False}, "nothing to do: the emulator loads the firmware when it starts"
        )
    run_flash(plan)
    return Output(data | {"dry_run": False}, f"flashed {plan.elf} with {plan.runner}")


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "flash", flash)
