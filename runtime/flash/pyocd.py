"""Flashing with pyOCD, through a CMSIS-DAP, ST-Link or J-Link probe."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgewright.runtime.flash.command import Command

INSTALL = "pip install pyocd (and for many chips: pyocd pack install TARGET)"


def pyocd_commands(elf: Path, options: Mapping[str, Any], probe: str = "") -> list[Command]:
    """Load (erasing what it overwrites), then restart.

    Args:
        elf: Firmware.
        options: The board's [flash] pyocd table: `target`, pyOCD's name of the chip.
        probe: Unique id of the debug probe, or a part of it, where several are connected.
    """
    chosen = ["--target", str(options["target"]), *(["--uid", probe] if probe else [])]
    return [
        # --no-wait: with no probe connected pyOCD would wait for one.
        Command(("pyocd", "load", "--no-wait", *chosen, "--format", "elf", str(elf)), INSTALL),
        Command(("pyocd", "reset", "--no-wait", *chosen), INSTALL, timeout_s=30.0),
    ]
