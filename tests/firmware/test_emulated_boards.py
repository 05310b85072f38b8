"""The firmware of a hand-written model on every emulated board, over the emulated serial port."""

from __future__ import annotations

import random
import shutil
import time
import zlib
from dataclasses import replace

import pytest

from edgewright.targets.board import Emulator, list_boards, load_board
from edgewright.targets.stack import firmware_stack, library_stack
from edgewright.targets.toolchain import build_firmware
from tests.firmware.conftest import FAKE_MODEL
from tests.firmware.console import Console
from tests.firmware.test_monitor_protocol import data_lines, model

EMULATED = [b.id for b in list_boards() if b.emulator]
GARBAGE_BOARDS = ["mps2-an386", "microbit", "netduinoplus2"]


def test_the_required_boards_are_emulated():
    assert set(EMULATED) >= {
        "mps2-an385", "mps2-an386", "mps2-an500", "mps2-an505", "mps3-an547", "microbit", "netduinoplus2",
    }  # fmt: skip


def values(lines):
    return {k: int(v) for k, v in (line[5:-1].split("-[") for line in lines)}


@pytest.mark.parametrize("board_id", EMULATED)
def test_load_run_output(board_id, fake_firmware, tmp_path):
    board, image = load_board(board_id), fake_firmware(board_id)
    with Console(board, image.elf) as console:
        info = console.ask("ew info")
        assert f"m-ew-board-[{board_id}]" in info
        assert f"m-ew-clock-hz-[{board.clock_hz}]" in info
        for seed in range(3):
            data = random.Random(seed).randbytes(8)
            assert console.ask(f"ew load 8 {zlib.crc32(data):08x}", data)[-1] == "m-ew-load-done"
            times = values(console.ask("ew run 20"))
            assert 0 < times["us"] < 1_000_000
            assert times["cycles"] == 0  # no emulator has a cycle counter, and none is made up
            assert console.ask("ew output") == data_lines(model(data))
        assert console.ask("ew begin") == []
        assert console.ask("ew step 0") == []
        hidden = console.ask("ew layer 0")
        assert len(hidden) == 2
        assert console.ask("ew step 1") == []
        assert console.ask("ew layer 1") == data_lines(model(data))
        memory = values(console.ask("ew memory"))
        check_memory(memory, board, image, tmp_path)
        assert console.ask("ew reset")[:1] == ["m-timestamp-mode-performance"]
        assert console.ask("ew run 1") == ["e-[No input is loaded]"]


def check_memory(memory, board, image, folder):
    """What the device measured stays within what the toolchain computed."""
    assert memory["arena-bytes"] == image.sizes.arena_bytes == 24
    assert memory["arena-used"] == 20
    assert memory["stack-bytes"] == image.sizes.stack_bytes == board.memory.stack_bytes
    assert 0 < memory["stack-used"] <= firmware_stack(image, board).bytes
    run = library_stack(image.library_objects, "fake_run", board, folder).bytes
    # The clock functions called beside it may reach deeper than this tiny model.
    assert 0 < memory["run-stack-used"] <= max(run, 64)


@pytest.mark.parametrize("board_id", EMULATED)
def test_microseconds_are_microseconds(board_id, fake_firmware):
    """Within the emulator's own jitter: a clock that is wrong is wrong by its prescaler."""
    with Console(load_board(board_id), fake_firmware(board_id).elf) as console:
        ratios = []
        for _ in range(3):
            start, before = time.monotonic(), lap(console)
            time.sleep(0.4)
            ratios.append((lap(console) - before) / ((time.monotonic() - start) * 1e6))
        assert any(0.9 < r < 1.1 for r in ratios), ratios


def lap(console):
    (line,) = console.ask("timestamp")
    return int(line.removeprefix("m-lap-us-"))


@pytest.mark.parametrize("board_id", GARBAGE_BOARDS)
def test_garbage_on_the_wire(board_id, fake_firmware):
    rng = random.Random(5)
    data = bytes(range(8))
    with Console(load_board(board_id), fake_firmware(board_id).elf) as console:
        console.ask(f"ew load 8 {zlib.crc32(data):08x}", data)
        console.ask("ew run 1")
        for length in (1, 80, 81, 500, 3000):
            console.write(rng.randbytes(length).replace(b"%", b""))
            console.synchronize()
        console.write(b"%" * 50)
        console.synchronize()
        console.write(
            b"".join(rng.choice((b"db 00%", b"infer x%", b"ew step 1%", b"\xff")) for _ in range(100))
        )
        console.synchronize()
        assert console.ask("ew run 1")[0].startswith("m-ew-us")
        assert console.ask("ew output") == data_lines(model(data))


def test_aborted_load_is_over_after_two_seconds(fake_firmware):
    with Console(load_board("mps2-an386"), fake_firmware("mps2-an386").elf) as console:
        start = time.monotonic()
        assert console.ask("ew load 8 00000000", b"abc") == ["m-ew-send-[8]", "e-[load timeout]"]
        assert 1.5 < time.monotonic() - start < 6
        assert console.ask("ew run 1") == ["e-[No input is loaded]"]


FAULTS = {
    "read of nowhere": ("*(volatile int *)0xDFFFFFF0u;", "e-[hard fault at pc 0x"),
    "stack overflow": (
        'extern uint32_t __stack_low[]; __asm volatile("mov sp, %0\\n push {r4-r7}" ::"r"(__stack_low));',
        "e-[hard fault",
    ),
}


@pytest.mark.parametrize("board_id", ["mps2-an386", "mps2-an505", "microbit"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_reported_and_restarts_the_device(board_id, fault, tmp_path):
    statement, message = FAULTS[fault]
    library = shutil.copytree(FAKE_MODEL, tmp_path / "library")
    source = (library / "fake.c").read_text()
    source = source.replace("memset(arena, 0, 8);", f"if (arena[0] == 0xEE) {{ {statement} }}")
    (library / "fake.c").write_text(source)
    board = load_board(board_id)
    image = build_firmware(library, board, tmp_path / "firmware")
    data = b"\xee" + bytes(7)
    with Console(board, image.elf) as console:
        console.ask(f"ew load 8 {zlib.crc32(data):08x}", data)
        lines = console.ask("ew run 1")
        assert lines[1].startswith(message), lines
        assert lines[-1] == "m-init-done"
        assert console.ask("name") == ["m-name-dut-[edgewright]"]


def test_stm32f446_firmware_on_the_emulated_stm32f405(fake_firmware):
    """Same UART and timer blocks, other instances: the Nucleo's own image answers on its own USART2."""
    board = load_board("nucleo-f446re")
    stand_in = replace(board, emulator=Emulator("netduinoplus2", serial=1))
    data = bytes(range(8))
    with Console(stand_in, fake_firmware("nucleo-f446re").elf) as console:
        assert "m-ew-board-[nucleo-f446re]" in console.ask("ew info")
        console.ask(f"ew load 8 {zlib.crc32(data):08x}", data)
        assert console.ask("ew run 1")[0].startswith("m-ew-us-[")
        assert console.ask("ew output") == data_lines(model(data))
