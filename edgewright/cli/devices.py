"""`edgewright devices`: serial ports and emulators."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from edgewright.cli.common import Output, add_command
from edgewright.cli.table import text_table


def devices(
    probe: Annotated[bool, typer.Option("--probe/--no-probe", help="Ask USB ports what runs there.")] = True,
) -> Output:
    """List what a model can run on: serial ports, matched to boards, and emulators."""
    from edgewright.runtime.devices.listing import list_emulators, list_serial_ports

    ports, emulators = list_serial_ports(probe=probe), list_emulators()
    rows = [(p.port, ", ".join(p.boards) or "-", p.usb or "-", p.model or p.problem or "-") for p in ports]
    rows += [
        ("emulator", e.board, "-", f"QEMU {e.machine}" if e.available else "QEMU is not installed")
        for e in emulators
    ]
    data = {"ports": [asdict(p) for p in ports], "emulators": [asdict(e) for e in emulators]}
    return Output(data, text_table(("device", "board", "usb", "runs"), rows))


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "devices", devices)
