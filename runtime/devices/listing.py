"""What devices there are: serial ports matched to boards, and the boards QEMU can run."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace

from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo

from edgewright.errors import DeviceError, EdgewrightError
from edgewright.runtime.command_link import PROBE
from edgewright.runtime.devices.device import Device
from edgewright.runtime.devices.transport import SerialTransport
from edgewright.runtime.emulator.qemu import QEMU
from edgewright.targets.board import Board, list_boards

DEFAULT_BAUD = 115_200


@dataclass(frozen=True)
class FoundPort:
    """A serial port.

    Args:
        port: Device file.
        description: What the system calls it.
        usb: "vid:pid", None for ports that are not USB.
        serial_number: Of the USB adapter.
        boards: Ids of the boards with this USB id.
        vendor: Name the monitor gave, None where not asked or no answer.
        model: Model the monitor runs.
        sha256: Hash of that model.
        problem: Why asking failed, as "EW-…: message".
    """

    port: str
    description: str
    usb: str | None
    serial_number: str | None
    boards: tuple[str, ...]
    vendor: str | None = None
    model: str | None = None
    sha256: str | None = None
    problem: str | None = None


@dataclass(frozen=True)
class FoundEmulator:
    """A board that QEMU runs; `available` is False where QEMU is not installed."""

    board: str
    title: str
    machine: str
    available: bool


def list_serial_ports(*, probe: bool = False) -> list[FoundPort]:
    """All serial ports.

    Args:
        probe: Also open the ports that look like a board (any USB port) and ask what runs there; takes
            up to two seconds a port.
    """
    boards = list_boards()
    ports = [_found(info, boards) for info in sorted(list_ports.comports(), key=lambda p: p.device)]
    return [_probed(p, boards) if probe and p.usb else p for p in ports]


def list_emulators() -> list[FoundEmulator]:
    """Boards with a QEMU machine."""
    available = shutil.which(QEMU) is not None
    return [FoundEmulator(b.id, b.title, b.emulator.machine, available) for b in list_boards() if b.emulator]


def find_port(board: Board) -> FoundPort:
    """The one port that looks like `board`.

    Raises:
        DeviceError: EW-PORT-MISSING for none, EW-PORT-AMBIGUOUS listing the candidates for several.
    """
    found = [p for p in list_serial_ports() if board.id in p.boards]
    if len(found) == 1:
        return found[0]
    if not found:
        usb = ", ".join(map(str, board.console.usb)) or "none known"
        raise DeviceError(
            "EW-PORT-MISSING", f"no serial port looks like {board.id} (USB {usb})", "give the port: --port"
        )
    names = ", ".join(f"{p.port} ({p.serial_number or 'no serial number'})" for p in found)
    raise DeviceError(
        "EW-PORT-AMBIGUOUS",
        f"several ports look like {board.id}: {names}",
        "choose one: --port",
        ports=[p.port for p in found],
    )


def _found(info: ListPortInfo, boards: Iterable[Board]) -> FoundPort:
    usb = f"{info.vid:04x}:{info.pid:04x}" if info.vid is not None and info.pid is not None else None
    matching = tuple(b.id for b in boards if usb in [str(u) for u in b.console.usb])
    return FoundPort(info.device, info.description or "", usb, info.serial_number, matching)


def _probed(found: FoundPort, boards: Iterable[Board]) -> FoundPort:
    bauds = [b.console.baud for b in boards if b.id in found.boards]
    try:
        return probe(found, bauds[0] if bauds else DEFAULT_BAUD)
    except EdgewrightError as error:
        return replace(found, problem=f"{error.code}: {error.message}")


def probe(found: FoundPort, baud: int = DEFAULT_BAUD) -> FoundPort:
    """Ask the monitor behind a port for its name and model.

    Raises:
        DeviceError: as opening and handshake do.
    """
    with Device(SerialTransport(found.port, baud), PROBE) as device:
        named = replace(found, vendor=device.vendor)
        try:
            info = device.info()
        except DeviceError as error:
            if error.code == "EW-DEV-REFUSED":  # a device under test of somebody else
                return replace(
                    named, problem="it speaks the MLPerf Tiny protocol, but runs no edgewright firmware"
                )
            raise
        return replace(named, model=info.model, sha256=info.sha256)
