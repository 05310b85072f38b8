"""Boards are data: `boards/*.toml`, loaded into frozen dataclasses and checked field by field.

docs/adding_a_board.md shows the smallest file. Tables [console], [timer] and [clock] name a driver of
`firmware_templates/drivers`; all their other integers reach that driver as macros.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from edgewright.errors import UsageError
from edgewright.targets.board_checks import check_board

BOARDS = Path(__file__).resolve().parent / "boards"
# RAM of the monitor and the drivers, the copies of the model's input and output apart.
MONITOR_STATIC_BYTES = 320
SIZE_UNITS = {"K": 1024, "M": 1024 * 1024}


@dataclass(frozen=True)
class MemoryRegion:
    """A contiguous memory of the board: `size_bytes` from address `start`."""

    name: str
    start: int
    size_bytes: int

    @property
    def end(self) -> int:
        """First address after the region."""
        return self.start + self.size_bytes


@dataclass(frozen=True)
class Memory:
    """The memory map as the linker script sees it.

    Args:
        flash: Code, constants and weights (RAM standing in for it on FPGA boards).
        ram: Stack, data, arena.
        vectors: Where the core fetches its vector table, if that is not the start of `flash`.
        stack_bytes: RAM kept for the stack of the whole firmware.
    """

    flash: MemoryRegion
    ram: MemoryRegion
    stack_bytes: int
    vectors: MemoryRegion | None = None


@dataclass(frozen=True)
class UsbId:
    """USB vendor and product of the board's serial adapter."""

    vid: int
    pid: int

    def __str__(self) -> str:
        return f"{self.vid:04x}:{self.pid:04x}"


@dataclass(frozen=True)
class Driver:
    """A driver file of `firmware_templates/drivers` and the numbers it needs.

    Args:
        name: File stem, e.g. "uart_cmsdk".
        config: Integers by key; `base` of [console] becomes the macro EW_CONSOLE_BASE.
    """

    name: str
    config: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Console:
    """The serial port of the monitor: 8N1, no flow control.

    Args:
        driver: UART driver.
        baud: Bits per second.
        usb: Adapters the board shows up as on a host; empty where a separate one is needed.
        pins: For people: where to connect a serial adapter.
    """

    driver: Driver
    baud: int
    usb: tuple[UsbId, ...] = ()
    pins: str = ""


@dataclass(frozen=True)
class Emulator:
    """How QEMU runs the board.

    Args:
        machine: Value of -M.
        serial: Index of the emulated serial port (`-serial`) that is the console.
        args: Further arguments of qemu-system-arm.
    """

    machine: str
    serial: int = 0
    args: tuple[str, ...] = ()


@dataclass(frozen=True)
class Board:
    """Everything the project knows of a board.

    Args:
        id: File stem, the name on the command line.
        title: Name for people.
        cpu: Core as gcc names it, e.g. "cortex-m4".
        features: Of "dsp", "fpu" (single precision), "fpu-dp" (double too), "mve".
        clock_hz: Core clock after start-up.
        memory: Memory map.
        console: Serial port of the monitor.
        timer: Microsecond timer.
        cycles: Cycle counter: "dwt", "systick" or "none".
        clock: Clock set-up, or None where the reset clock is `clock_hz`.
        runners: Flashing methods, preferred first: "emulator", "gdb", "openocd", "pyocd".
        flash_options: Options of a runner by its name, e.g. {"pyocd": {"target": "nrf52840"}}.
        emulator: QEMU machine of this board, or None.
        emulator_board: Id of the emulated board that stands in for this one (its own id with `emulator`).
        tested: "emulator", "build-only" or "hardware".
        path: The TOML file.
    """

    id: str
    title: str
    cpu: str
    features: frozenset[str]
    clock_hz: int
    memory: Memory
    console: Console
    timer: Driver
    cycles: str
    clock: Driver | None
    runners: tuple[str, ...]
    flash_options: Mapping[str, Mapping[str, Any]]
    emulator: Emulator | None
    emulator_board: str | None
    tested: str
    path: Path

    @property
    def reserved_ram_bytes(self) -> int:
        """RAM that stack and monitor keep from the model."""
        return self.memory.stack_bytes + MONITOR_STATIC_BYTES

    @property
    def has_fpu(self) -> bool:
        return bool(self.features & {"fpu", "fpu-dp"})


def size_bytes(value: int | str) -> int:
    """1024, "640K" or "2M" -> bytes."""
    if isinstance(value, int):
        return value
    return int(value[:-1]) * SIZE_UNITS[value[-1]] if value[-1] in SIZE_UNITS else int(value)


def _region(name: str, table: Mapping[str, Any]) -> MemoryRegion:
    return MemoryRegion(name, int(table["start"]), size_bytes(table["size"]))


def _driver(table: Mapping[str, Any], apart: frozenset[str] = frozenset()) -> Driver:
    """The driver of a table, all integers but the keys `apart` being its configuration."""
    config = {k: v for k, v in table.items() if isinstance(v, int) and k not in apart}
    return Driver(str(table["driver"]), config)


def _usb_id(text: str) -> UsbId:
    vid, pid = text.split(":")
    return UsbId(int(vid, 16), int(pid, 16))


def _board(path: Path, data: Mapping[str, Any]) -> Board:
    """Checked TOML data -> Board."""
    memory, console, timer = data["memory"], data["console"], data["timer"]
    emulator, flash = data.get("emulator"), data["flash"]
    own = emulator if isinstance(emulator, dict) else None
    return Board(
        id=path.stem,
        title=data["title"],
        cpu=data["cpu"],
        features=frozenset(data.get("features", ())),
        clock_hz=data["clock_hz"],
        memory=Memory(
            flash=_region("flash", memory["flash"]),
            ram=_region("ram", memory["ram"]),
            stack_bytes=size_bytes(memory["stack"]),
            vectors=_region("vectors", memory["vectors"]) if "vectors" in memory else None,
        ),
        console=Console(
            driver=_driver(console, frozenset({"baud"})),
            baud=console["baud"],
            usb=tuple(_usb_id(u) for u in console.get("usb", ())),
            pins=console.get("pins", ""),
        ),
        timer=_driver(timer),
        cycles=timer.get("cycles", "none"),
        clock=_driver(data["clock"]) if "clock" in data else None,
        runners=tuple(flash["runners"]),
        flash_options={k: v for k, v in flash.items() if k != "runners"},
        emulator=Emulator(own["machine"], own.get("serial", 0), tuple(own.get("args", ()))) if own else None,
        emulator_board=path.stem if own else emulator,
        tested=data["tested"],
        path=path,
    )


def read_board(path: Path) -> Board:
    """Read and check one board file.

    Raises:
        UsageError: EW-BOARD-FILE (unreadable, not TOML) or EW-BOARD-INVALID (quotes file, field, value).
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(
            "EW-BOARD-FILE", f"{path}: {error}", "docs/adding_a_board.md shows a board file"
        ) from error
    check_board(path, data)
    return _board(path, data)


@cache
def list_boards() -> tuple[Board, ...]:
    """All boards of the project, by id."""
    return tuple(read_board(p) for p in sorted(BOARDS.glob("*.toml")))


# Files outside BOARDS that this process was given, by board id; they go before files of the project.
_GIVEN: dict[str, Path] = {}


def is_given(board: Board) -> bool:
    """Whether a board comes from a file outside the project's own."""
    return board.path.resolve().parent != BOARDS


def load_board(board: str | Path) -> Board:
    """A board by its id, or by the path of a TOML file, which its id stands for from then on.

    Raises:
        UsageError: EW-BOARD-UNKNOWN with the nearest names, or as `read_board`.
    """
    name = str(board)
    if name.endswith(".toml"):
        found = read_board(Path(name))
        if is_given(found):
            _GIVEN[found.id] = found.path
        return found
    if name in _GIVEN:
        return read_board(_GIVEN[name])
    path = BOARDS / f"{name}.toml"
    known = [p.stem for p in sorted(BOARDS.glob("*.toml"))]
    if name not in known:
        near = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.4) or known
        raise UsageError(
            "EW-BOARD-UNKNOWN",
            f"there is no board {name!r}",
            f"did you mean {', '.join(near)}? List them with: edgewright boards list",
            nearest=near,
        )
    return read_board(path)


def forget_board(board_id: str) -> None:
    """The id stands for the project's own board again."""
    _GIVEN.pop(board_id, None)


def emulated_board(board: Board) -> Board | None:
    """The board QEMU can run in place of `board` (itself, where it has a QEMU machine), or None."""
    if board.emulator is not None:
        return board
    return load_board(board.emulator_board) if board.emulator_board else None
