"""Every board's firmware compiles without a warning and links, with and without a copy of the input."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewright.targets.board import MONITOR_STATIC_BYTES, list_boards
from edgewright.targets.elf import Elf
from edgewright.targets.rp2040_boot2 import crc32_mpeg2
from edgewright.targets.sizes import check_budget
from edgewright.targets.stack import check_stack, firmware_stack
from edgewright.targets.toolchain import build_firmware

FAKE_MODEL = Path(__file__).parents[1] / "firmware" / "fake_model"
INPUT_BYTES, OUTPUT_BYTES, GUARD_BYTES, ALIGNMENT_BYTES = 8, 4, 16, 16


@pytest.mark.parametrize("board", list_boards(), ids=lambda b: b.id)
def test_links(board, tmp_path):
    image = build_firmware(FAKE_MODEL, board, tmp_path)
    elf = Elf(image.elf)
    vectors = board.memory.vectors or board.memory.flash
    start = vectors.start + (256 if board.id == "raspberry-pi-pico" else 0)
    table = next(s for s in elf.sections if s.name == ".vectors")
    assert table.address == start
    stack_top, reset = elf.word(table.index, 0), elf.word(table.index, 4)
    assert stack_top == board.memory.ram.start + board.memory.stack_bytes
    assert reset == elf.functions["Reset_Handler"].value and reset & 1
    for section in (s for s in elf.sections if s.is_loaded and s.size_bytes):
        region = next(
            r for r in (board.memory.flash, board.memory.ram, vectors) if r.start <= section.address < r.end
        )
        assert section.address + section.size_bytes <= region.end
    assert elf.symbol("ew_arena").value % 16 == 0
    check_budget(board, image.sizes)
    check_stack(firmware_stack(image, board), image.sizes.stack_bytes)


@pytest.mark.parametrize("board", list_boards(), ids=lambda b: b.id)
def test_the_monitor_is_as_small_as_the_boards_say(board, tmp_path):
    sizes = build_firmware(FAKE_MODEL, board, tmp_path, keep_input=False).sizes
    assert sizes.static_bytes - OUTPUT_BYTES - GUARD_BYTES - ALIGNMENT_BYTES <= MONITOR_STATIC_BYTES
    assert sizes.firmware_code_bytes < 9_000


def test_keeping_the_input_costs_its_bytes(tmp_path):
    board = next(b for b in list_boards() if b.id == "microbit")
    kept, not_kept = (
        build_firmware(FAKE_MODEL, board, tmp_path / str(k), keep_input=k).sizes for k in (True, False)
    )
    assert kept.ram_bytes - not_kept.ram_bytes == INPUT_BYTES


def test_pico_image_begins_with_a_checked_second_boot_stage(tmp_path):
    board = next(b for b in list_boards() if b.id == "raspberry-pi-pico")
    image = build_firmware(FAKE_MODEL, board, tmp_path).bin.read_bytes()
    assert int.from_bytes(image[252:256], "little") == crc32_mpeg2(image[:252])
    assert int.from_bytes(image[256:260], "little") == board.memory.ram.start + board.memory.stack_bytes
