"""Choosing a flashing method for a build and running its commands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgewright.errors import UsageError
from edgewright.runtime.build_folder import BuildFolder
from edgewright.runtime.devices.opening import emulated_firmware
from edgewright.runtime.devices.transport import emulator_command
from edgewright.runtime.flash.command import Command
from edgewright.runtime.flash.gdb import RESET, gdb_commands
from edgewright.runtime.flash.openocd import openocd_commands
from edgewright.runtime.flash.pyocd import pyocd_commands
from edgewright.targets.board import Board, load_board

EMULATOR = "emulator"


@dataclass(frozen=True)
class FlashPlan:
    """What flashing would do.

    Args:
        runner: Method: "emulator", "gdb", "openocd", "pyocd".
        board: Board that gets the firmware.
        elf: The firmware.
        commands: To be run in order. The emulator's command is only shown: an emulator loads the
            firmware each time it is opened.
    """

    runner: str
    board: str
    elf: Path
    commands: tuple[Command, ...]


def flash_plan(
    build: BuildFolder, runner: str | None = None, *, server: str = "", probe: str = ""
) -> FlashPlan:
    """The commands that put a build onto its board.

    Args:
        build: The build.
        runner: One of the board's methods; its first where None.
        server: host:port of a GDB server (runner gdb).
        probe: Serial number or id of the debug probe (openocd, pyocd).

    Raises:
        UsageError: EW-FLASH-RUNNER for a method the board does not have, EW-FLASH-FIRMWARE without firmware.
    """
    board = load_board(build.board)
    # Any board without hardware at hand can be tried on its stand-in's emulator.
    possible = (*board.runners, EMULATOR) if EMULATOR not in board.runners else board.runners
    chosen = runner or board.runners[0]
    if chosen not in possible:
        raise UsageError(
            "EW-FLASH-RUNNER",
            f"{board.id} cannot be flashed with {chosen!r}",
            f"its methods: {', '.join(possible)}",
        )
    firmware = emulated_firmware(build, board) if chosen == EMULATOR else None
    elf = (firmware.elf if firmware else build.elf).resolve()
    if not elf.is_file():
        raise UsageError(
            "EW-FLASH-FIRMWARE", f"there is no firmware {elf}", "build it first: edgewright build"
        )
    target = load_board(firmware.board) if firmware else board
    return FlashPlan(chosen, target.id, elf, tuple(_commands(chosen, target, elf, server, probe)))


def _commands(runner: str, board: Board, elf: Path, server: str, probe: str) -> list[Command]:
    options = board.flash_options.get(runner, {})
    if runner == "gdb":
        reset = (str(options["reset"]),) if "reset" in options else RESET
        return gdb_commands(elf, server or str(options.get("server", "")), reset=reset)
    if runner == "openocd":
        return openocd_commands(elf, options, probe)
    if runner == "pyocd":
        return pyocd_commands(elf, options, probe)
    return [Command(tuple(emulator_command(board, elf)), "apt install qemu-system-arm")]


def flash(plan: FlashPlan, notify: Callable[[str], None] | None = None) -> str:
    """Run a plan.

    Args:
        plan: From `flash_plan`.
        notify: Called with each command line before it runs.

    Returns:
        What the commands printed.

    Raises:
        DeviceError: EW-TOOL-MISSING, EW-FLASH-TIMEOUT, EW-FLASH-FAILED with the end of the output.
    """
    if plan.runner == EMULATOR:
        return ""
    printed = []
    for command in plan.commands:
        if notify:
            notify(str(command))
        printed.append(command.run())
    return "\n".join(printed)
