"""Board files: the ones of the project, and what is said about broken ones."""

from __future__ import annotations

import tomllib

import pytest

from edgewright.errors import UsageError
from edgewright.targets.board import (
    BOARDS,
    MONITOR_STATIC_BYTES,
    emulated_board,
    list_boards,
    load_board,
    size_bytes,
)
from edgewright.targets.cpu import cpu_class

REQUIRED = {
    "mps2-an385": "cortex-m3",
    "mps2-an386": "cortex-m4",
    "mps2-an500": "cortex-m7",
    "mps2-an505": "cortex-m33",
    "mps3-an547": "cortex-m55",
    "microbit": "cortex-m0",
    "netduinoplus2": "cortex-m4",
    "nucleo-l4r5zi": "cortex-m4",
    "nucleo-f446re": "cortex-m4",
    "nrf52840-dk": "cortex-m4",
    "raspberry-pi-pico": "cortex-m0plus",
}
GOOD = (BOARDS / "microbit.toml").read_text()


def test_required_boards_are_there():
    assert {b.id: b.cpu for b in list_boards()}.items() >= REQUIRED.items()


def test_values_reach_the_dataclass():
    board = load_board("nucleo-l4r5zi")
    assert board.title == "ST Nucleo-L4R5ZI"
    assert board.clock_hz == 120_000_000
    assert (board.memory.ram.start, board.memory.ram.size_bytes) == (0x2000_0000, 640 * 1024)
    assert (board.memory.flash.start, board.memory.flash.size_bytes) == (0x0800_0000, 2 << 20)
    assert [str(u) for u in board.console.usb] == ["0483:374b", "0483:374e"]
    assert board.flash_options["pyocd"] == {"target": "stm32l4r5zitx"}
    assert board.tested == "build-only" and board.cycles == "dwt"
    assert board.reserved_ram_bytes == 4096 + MONITOR_STATIC_BYTES


@pytest.mark.parametrize("board", list_boards(), ids=lambda b: b.id)
def test_every_board_has_an_emulator_of_the_same_kernels_or_says_so(board):
    stand_in = emulated_board(board)
    assert stand_in is not None and stand_in.emulator is not None
    assert cpu_class(stand_in.features) == cpu_class(board.features)
    assert (board.tested == "emulator") == (stand_in.id == board.id)


@pytest.mark.parametrize(("text", "value"), [("2M", 2 << 20), ("640K", 655360), ("512", 512), (16384, 16384)])
def test_sizes(text, value):
    assert size_bytes(text) == value


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("nucleo-l4r5", "nucleo-l4r5zi"), ("MICROBIT", "microbit"), ("mps2_an386", "mps2-an386")],
)
def test_unknown_board_names_the_nearest(name, nearest):
    with pytest.raises(UsageError) as error:
        load_board(name)
    assert error.value.code == "EW-BOARD-UNKNOWN"
    assert repr(name) in error.value.message
    assert nearest in error.value.hint


@pytest.mark.parametrize("name", ["../boards/microbit", "", "zzzzzz"])
def test_names_are_no_paths(name):
    with pytest.raises(UsageError) as error:
        load_board(name)
    assert error.value.code == "EW-BOARD-UNKNOWN"
    assert "microbit" in error.value.hint


def test_a_file_of_the_user(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(GOOD)
    assert load_board(path).id == "mine"
    assert load_board(str(path)).cpu == "cortex-m0"


@pytest.mark.parametrize("content", [None, b"cpu = ", b"\xff\xfe"])
def test_unreadable_file(tmp_path, content):
    path = tmp_path / "broken.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError) as error:
        load_board(path)
    assert error.value.code == "EW-BOARD-FILE"
    assert str(path) in error.value.message


BROKEN = [
    ('cpu      = "cortex-m0"', 'cpu = "cortex-m9"', "cpu", "'cortex-m9'"),
    ('cpu      = "cortex-m0"', "", "cpu", "missing"),
    ('cpu      = "cortex-m0"', 'cpu = "cortex-m0"\nfeatures = ["dsp"]', "features", "'dsp'"),
    ('cpu      = "cortex-m0"', 'cpu = "cortex-m55"', "features", "mve"),
    ("clock_hz = 16_000_000", "clock_hz = -5", "clock_hz", "-5"),
    ("clock_hz = 16_000_000", 'clock_hz = "16M"', "clock_hz", "'16M'"),
    ("clock_hz = 16_000_000", "clock_hz = 16_000_000\ncolour = 3", "colour", "unknown"),
    ('tested   = "emulator"', 'tested = "yes"', "tested", "'yes'"),
    ('size = "16K"', 'size = "16KB"', "memory.ram", "16KB"),
    ('size = "16K"', "size = 0", "memory.ram", "0"),
    ('size = "16K"', 'size = "4096M"', "memory.ram", "4096M"),
    ("start = 0x2000_0000", "start = 0x2000_0004", "memory.ram", "multiple of 512"),
    ("start = 0x2000_0000", "start = 0x0003_fe00", "memory.ram", "overlaps"),
    ("stack = 512", "stack = 12", "memory.stack", "12"),
    ("stack = 512", "stack = 1001", "memory.stack", "1001"),
    ("stack = 512", 'stack = "16K"', "memory.stack", "16K"),
    ("stack = 512", "stack = 512\nheap = 3", "memory.heap", "unknown"),
    ('driver = "uart_nrf"', 'driver = "uart_x"', "console.driver", "'uart_x'"),
    ('driver = "uart_nrf"', 'driver = "timer_nrf"', "console.driver", "'timer_nrf'"),
    ("baud   = 115_200", "baud = 3", "console.baud", "3"),
    ('usb    = ["0d28:0204"]', 'usb = ["0D28-0204"]', "console.usb", "0D28-0204"),
    ('cycles = "none"', 'cycles = "maybe"', "timer.cycles", "'maybe'"),
    ('driver = "clock_nrf"', "", "clock.driver", "missing"),
    ('"pyocd", "openocd", "gdb"]', '"jtag"]', "flash.runners", "jtag"),
    ('pyocd   = { target = "nrf51822" }', "", "flash.pyocd.target", "missing"),
    ('"pyocd", "openocd", "gdb"]', '"openocd"]', "flash.pyocd", "does not list"),
    ('[emulator]\nmachine = "microbit"', "", "flash.runners", "[emulator]"),
    ('machine = "microbit"', "machine = 3", "emulator.machine", "3"),
    ('machine = "microbit"', 'machine = "microbit"\nserial = 99', "emulator.serial", "99"),
    ('machine = "microbit"', 'machine = "microbit"\nargs = "-s"', "emulator.args", "-s"),
]


@pytest.mark.parametrize(("old", "new", "field", "quoted"), BROKEN)
def test_a_broken_field_is_quoted(tmp_path, old, new, field, quoted):
    assert old in GOOD
    path = tmp_path / "mine.toml"
    path.write_text(GOOD.replace(old, new, 1))
    tomllib.loads(path.read_text())  # the mistake is in the field, not in the TOML
    with pytest.raises(UsageError) as error:
        load_board(path)
    assert error.value.code == "EW-BOARD-INVALID"
    assert error.value.details["field"] == field
    assert str(path) in error.value.message and quoted in error.value.message
