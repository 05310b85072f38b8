"""Attribution of an image's bytes, against the sizes the sources state."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edgewright.targets.board import load_board
from edgewright.targets.elf import Elf
from edgewright.targets.sizes import map_contributions
from edgewright.targets.toolchain import build_firmware

FAKE_MODEL = Path(__file__).parents[1] / "firmware" / "fake_model"

# 64 bytes of constants, 12 of zeroed and 8 of initialized static data.
EXTRA = """
extern const int32_t fake_w1[100];
static const uint8_t table[64] = {1};
static int32_t counter[3];
static int32_t preset[2] = {5, 6};
int32_t fake_extra(int32_t i);
int32_t fake_extra(int32_t i) {
  return (counter[i % 3]++) + (preset[i & 1]++) + table[i & 63] + fake_w1[i % 100];
}
"""


def test_map_lines_with_short_and_long_names():
    text = """
Discarded input sections

 .text.gone     0x00000000       0x44 a.o

Linker script and memory map

 .text.f        0x00000100       0x10 a.o
 .text.a_function_with_a_long_name
                0x00000110       0x20 b.o
 *fill*         0x00000130        0x2
 .rodata.str1.4
                0x00000134        0x5 /usr/lib/libc.a(x.o)
                                  0x8 (size before relaxing)
 COMMON         0x20000000        0x4 a.o
"""
    assert map_contributions(text) == [
        (".text.f", 16, "a.o"),
        (".text.a_function_with_a_long_name", 32, "b.o"),
        (".rodata.str1.4", 5, "/usr/lib/libc.a(x.o)"),
        ("COMMON", 4, "a.o"),
    ]


@pytest.mark.parametrize("board_id", ["microbit", "mps2-an386", "mps3-an547", "raspberry-pi-pico"])
def test_bytes_are_where_the_sources_say(board_id, tmp_path):
    library = Path(shutil.copytree(FAKE_MODEL, tmp_path / "library"))
    (library / "fake_weights.c").write_text(
        "#include <stdint.h>\nextern const int8_t fake_w0[4];\nextern const int32_t fake_w1[100];\n"
        "const int8_t fake_w0[4] = {1, -2, 3, 100};\nconst int32_t fake_w1[100] = {1};\n"
    )
    source = (library / "fake.c").read_text() + EXTRA
    source = source.replace(
        "memset(arena, 0, 8);",
        "extern int32_t fake_extra(int32_t); arena[0] = (uint8_t)fake_extra(arena[0]);",
    )
    (library / "fake.c").write_text(source)
    image = build_firmware(library, load_board(board_id), tmp_path / "out")
    sizes, elf = image.sizes, Elf(image.elf)
    assert sizes.weights_bytes == 4 + 400
    assert sizes.library_static_bytes == 12 + 8
    assert sizes.arena_bytes == 24
    functions = ["fake_run", "fake_step", "fake_extra", "shift", "combine"]
    code = sum(elf.functions[f].size_bytes for f in functions)
    constants = 64 + 8  # table, kernel pointers
    # Literal pools and alignment belong to a function's section but not always to its symbol.
    assert code + constants <= sizes.code_bytes <= code + constants + 16
    assert sizes.ram_bytes == sizes.stack_bytes + sizes.static_bytes + sizes.arena_bytes
    known = sizes.code_bytes + sizes.weights_bytes + sizes.firmware_code_bytes + sizes.runtime_bytes + 8
    assert known <= sizes.flash_bytes <= known + 64  # alignment between sections
    if board_id != "mps3-an547":  # its vectors lie elsewhere
        assert abs(image.bin.stat().st_size - sizes.flash_bytes) <= 64
