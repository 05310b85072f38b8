"""Flashing with OpenOCD."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgewright.runtime.flash.command import Command

INSTALL = "apt install openocd"


def openocd_commands(elf: Path, options: Mapping[str, Any], probe: str = "") -> list[Command]:
    """Program, verify, restart.

    Args:
        elf: Firmware.
        options: The board's [flash] openocd table: `config`, a list of OpenOCD's scripts.
        probe: Serial number of the debug probe, where several are connected.
    """
    arguments = ["openocd"]
    for script in options["config"]:
        arguments += ["-f", str(script)]
    if probe:
        arguments += ["-c", f"adapter serial {_quoted(probe)}"]
    arguments += ["-c", f"program {_quoted(str(elf))} verify reset exit"]
    return [Command(tuple(arguments), INSTALL)]


def _quoted(text: str) -> str:
    """A word of Tcl: between braces nothing is substituted."""
    return "{" + text + "}" if not set("{}\\") & set(text) else '"' + _escaped(text) + '"'


def _escaped(text: str) -> str:
    return "".join("\\" + c if c in '\\"[]{}$' else c for c in text)
