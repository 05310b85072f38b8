"""Flashing through any GDB server: OpenOCD, pyOCD, J-Link, Black Magic Probe, QEMU's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgewright.errors import UsageError
from edgewright.runtime.flash.command import Command

GDB = "gdb-multiarch"
INSTALL = "apt install gdb-multiarch"
DEFAULT_SERVER = "localhost:3333"
CONNECT_TIMEOUT_S = 10
REPLY_TIMEOUT_S = 5  # erasing and writing have GDB's own, longer one

# So that the core starts from its new vector table. GDB has no command of its own for it: the first is
# OpenOCD's, pyOCD's and J-Link's, the second QEMU's; each server answers the other's with a message.
RESET = ("monitor reset halt", "monitor system_reset")


def gdb_commands(
    elf: Path,
    server: str = "",
    *,
    reset: Sequence[str] = RESET,
    connect_timeout_s: int = CONNECT_TIMEOUT_S,
) -> list[Command]:
    """Load, compare with the file, restart.

    Args:
        elf: Firmware.
        server: host:port of a GDB server that is connected to the board.
        reset: GDB commands that restart the core; detaching then lets it run.
        connect_timeout_s: For the connection.

    Raises:
        UsageError: EW-FLASH-SERVER for something else than host:port.
    """
    server = server or DEFAULT_SERVER
    host, _, port = server.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536 or any(c.isspace() for c in server):
        raise UsageError(
            "EW-FLASH-SERVER", f"{server!r} is not HOST:PORT of a GDB server", "e.g. localhost:3333"
        )
    script = [
        "set confirm off",
        "set pagination off",
        f"set tcp connect-timeout {connect_timeout_s}",
        f"set remotetimeout {REPLY_TIMEOUT_S}",
        f"target extended-remote {server}",
        "load",
        "compare-sections",
        *reset,
        "detach",
    ]
    arguments = [GDB, "-nx", "-batch"]
    for line in script:
        arguments += ["-ex", line]
    return [Command((*arguments, str(elf)), INSTALL, check=check_output)]


def check_output(output: str) -> str | None:
    """What went wrong; gdb itself goes on after a failed command and may end with status 0."""
    if "Start address" not in output:
        return "the firmware was not loaded"
    if "MIS-MATCHED" in output:
        return "the memory differs from the firmware after loading"
    if "matched." not in output:
        return "the memory could not be compared with the firmware"
    return None
