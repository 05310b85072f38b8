"""Hardware drivers against mock registers: the arithmetic of baud rates, prescalers and PLLs, and that no
wait for a chip that does not answer is endless. The formulas here come from the reference manuals.
"""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import pytest

from edgewright.targets.board import list_boards, load_board
from edgewright.targets.board_header import board_header

HERE = Path(__file__).parent
DRIVERS = HERE.parents[1] / "firmware_templates" / "drivers"
UART_ERROR = 0.02
READY = 0xFFFFFFFF


class Driver:
    """One driver of a board as a shared library with its registers."""

    def __init__(self, folder: Path, board_id: str, name: str) -> None:
        self.board = load_board(board_id)
        (folder / "ew_board.h").write_text(board_header(self.board))
        # Some drivers keep state: every one gets a library file of its own.
        library = folder / f"{name}.so"
        flags = ["-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
        includes = [f"-I{folder}", f"-I{DRIVERS}", "-include", str(HERE / "mock_registers.h")]
        subprocess.run(["cc", *flags, *includes, str(DRIVERS / f"{name}.c"), "-o", library], check=True)
        self.c = ctypes.CDLL(str(library))
        for function in (self.c.mock_get,):
            function.restype = ctypes.c_uint32

    def __getitem__(self, address: int) -> int:
        return self.c.mock_get(ctypes.c_uint32(address))

    def __setitem__(self, address: int, value: int) -> None:
        self.c.mock_set(ctypes.c_uint32(address), ctypes.c_uint32(value))


def uart_baud(driver: Driver, clock_hz: int) -> float:
    """Bits per second that the registers mean at a core clock."""
    config = driver.board.console.driver.config
    base = config.get("base", 0)
    match driver.board.console.driver.name:
        case "uart_cmsdk":
            return clock_hz / driver[base + 0x10]
        case "uart_nrf":
            return driver[base + 0x524] * 16e6 / 2**32
        case "uart_stm32f4":
            divided = clock_hz == driver.board.clock_hz
            return clock_hz / (config["bus_divider"] if divided else 1) / driver[base + 8]
        case "uart_stm32l4_lpuart":
            return 256 * clock_hz / driver[0x4000800C]
        case "uart_rp2040":
            return clock_hz / (16 * (driver[0x40034024] + driver[0x40034028] / 64))
    raise AssertionError("a UART driver without a formula here")


FALLBACK_HZ = {"clock_stm32f4": 16_000_000, "clock_stm32l4": 4_000_000, "clock_rp2040": 6_000_000}


@pytest.mark.parametrize("board", list_boards(), ids=lambda b: b.id)
def test_baud_rate(board, tmp_path):
    clocks = {board.clock_hz, FALLBACK_HZ.get(board.clock.name if board.clock else "", board.clock_hz)}
    for clock_hz in clocks:
        driver = Driver(tmp_path, board.id, board.console.driver.name)
        driver[0x4000C008] = READY  # RP2040: resets done
        driver.c.ew_uart_init(ctypes.c_uint32(clock_hz))
        baud = uart_baud(driver, clock_hz)
        assert abs(baud / board.console.baud - 1) < UART_ERROR, (clock_hz, baud)


@pytest.mark.parametrize("board", ["netduinoplus2", "nucleo-f446re"])
def test_stm32f4_pll(board, tmp_path):
    driver = Driver(tmp_path, board, "clock_stm32f4")
    driver[0x40023800] = 1 << 0 | 1 << 17 | 1 << 25  # HSI on, HSE and PLL ready
    driver[0x40023808] = 2 << 2  # running from the PLL
    assert driver.c.ew_clock_init() == driver.board.clock_hz
    pll, config = driver[0x40023804], driver[0x40023808]
    m, n, p = pll & 63, pll >> 6 & 511, 2 * ((pll >> 16 & 3) + 1)
    hse = driver.board.clock.config["hse_hz"]
    assert pll >> 22 & 1 and hse // m * n // p == driver.board.clock_hz
    assert 1e6 <= hse / m <= 2e6 and 100e6 <= hse / m * n <= 432e6
    assert pll >> 28 & 7 >= 2 and pll >> 24 & 15 >= 2
    assert config & 3 == 2 and config >> 10 & 7 == 0b101 and config >> 13 & 7 == 0b100
    assert driver[0x40023C00] & 15 == 5  # wait states for 150 to 180 MHz at 3.3 V


def test_stm32f4_in_the_emulator_runs_at_the_declared_clock(tmp_path):
    driver = Driver(tmp_path, "netduinoplus2", "clock_stm32f4")
    assert driver.c.ew_clock_init() == driver.board.clock_hz


def test_stm32l4_pll(tmp_path):
    driver = Driver(tmp_path, "nucleo-l4r5zi", "clock_stm32l4")
    driver[0x40021000] = 1 << 10 | 1 << 25
    driver[0x40022000] = 5
    driver[0x40007080] = 1 << 8
    assert driver.c.ew_clock_init() == 120_000_000
    pll = driver[0x4002100C]
    m, n, r = (pll >> 4 & 15) + 1, pll >> 8 & 127, 2 * ((pll >> 25 & 3) + 1)
    assert pll & 3 == 2 and pll >> 24 & 1 and 16_000_000 // m * n // r == 120_000_000
    assert 4e6 <= 16e6 / m <= 16e6 and 64e6 <= 16e6 / m * n <= 344e6
    assert driver[0x40021008] == 3 and driver[0x40022000] & 15 == 5
    assert not driver[0x40007080] & 1 << 8  # boost mode, needed above 80 MHz


def test_rp2040_pll(tmp_path):
    driver = Driver(tmp_path, "raspberry-pi-pico", "clock_rp2040")
    for address in (0x4000C008, 0x40024004, 0x40008038, 0x40008044, 0x40028000):
        driver[address] = READY
    assert driver.c.ew_clock_init() == 125_000_000
    feedback, post = driver[0x40028008], driver[0x4002800C]
    assert 12_000_000 * feedback // (post >> 16 & 7) // (post >> 12 & 7) == 125_000_000
    assert 750e6 <= 12e6 * feedback <= 1600e6
    assert driver[0x4000803C] == 1 and driver[0x40008048] >> 11 & 1


@pytest.mark.parametrize(
    ("board", "name", "preset"),
    [
        ("nucleo-f446re", "clock_stm32f4", {0x40023800: 1}),
        ("nucleo-l4r5zi", "clock_stm32l4", {}),
        ("raspberry-pi-pico", "clock_rp2040", {}),
    ],
)
def test_a_dead_oscillator_leaves_the_internal_clock(board, name, preset, tmp_path):
    driver = Driver(tmp_path, board, name)
    for address, value in preset.items():
        driver[address] = value
    assert driver.c.ew_clock_init() == FALLBACK_HZ[name]


@pytest.mark.parametrize("board", ["microbit", "nrf52840-dk"])
def test_nrf_without_a_crystal_keeps_its_frequency(board, tmp_path):
    assert Driver(tmp_path, board, "clock_nrf").c.ew_clock_init() == load_board(board).clock_hz


@pytest.mark.parametrize(
    ("board", "clock_hz", "timer_hz"),
    [
        ("nucleo-f446re", 168_000_000, 84_000_000),  # twice APB1
        ("nucleo-f446re", 16_000_000, 16_000_000),
        ("nucleo-l4r5zi", 120_000_000, 120_000_000),
        ("nucleo-l4r5zi", 4_000_000, 4_000_000),
    ],
)
def test_stm32_timer_counts_microseconds(board, clock_hz, timer_hz, tmp_path):
    driver = Driver(tmp_path, board, "timer_stm32")
    driver[0x40023800] = 1
    driver.c.ew_timer_init(ctypes.c_uint32(clock_hz))
    assert timer_hz / (driver[0x40000028] + 1) == 1e6
    assert driver[driver.board.timer.config["clock_enable_reg"]] & 1


@pytest.mark.parametrize(("clock_hz", "reference_mhz"), [(125_000_000, 12), (6_000_000, 6)])
def test_rp2040_timer_counts_microseconds(clock_hz, reference_mhz, tmp_path):
    driver = Driver(tmp_path, "raspberry-pi-pico", "timer_rp2040")
    driver[0x4000C008] = READY
    driver.c.ew_timer_init(ctypes.c_uint32(clock_hz))
    assert driver[0x4005802C] == reference_mhz | 1 << 9


def test_systick_counts_up_and_over_wraps(tmp_path):
    driver = Driver(tmp_path, "raspberry-pi-pico", "cycles_systick")
    driver.c.ew_cycles_init()
    driver.c.ew_cycles.restype = ctypes.c_uint32
    driver[0xE000E018] = 0xFFFFFF
    start = driver.c.ew_cycles()
    driver[0xE000E018] = 0xFFFFFF - 1000
    assert driver.c.ew_cycles() - start == 1000
    driver.c.SysTick_Handler()
    assert driver.c.ew_cycles() - start == 1000 + (1 << 24)


@pytest.mark.parametrize("board", ["netduinoplus2", "nucleo-l4r5zi"])
def test_receive_errors_are_cleared(board, tmp_path):
    """An overrun would block the receiver for ever."""
    driver = Driver(tmp_path, board, load_board(board).console.driver.name)
    if board == "nucleo-l4r5zi":
        driver[0x4000801C] = 1 << 3
        assert driver.c.ew_uart_getc() == -1
        assert driver[0x40008020] & 1 << 3
    else:
        base = driver.board.console.driver.config["base"]
        driver[base] = 1 << 3
        assert driver.c.ew_uart_getc() == -1  # read the status, then the data: that clears it
        driver[base], driver[base + 4] = 1 << 5 | 1 << 3, 0x41
        assert driver.c.ew_uart_getc() == 0x41
