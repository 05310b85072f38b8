"""Small bare-metal programs in assembly, for tests that need an exactly known instruction sequence."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from edgewright.runtime.emulator.qemu import find_qemu
from edgewright.targets.board import load_board

RUN_TIMEOUT_S = 60.0
COMPILER = "arm-none-eabi-gcc"
FLOAT_FLAGS = {"cortex-m4": ["-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"], "cortex-m55": ["-mfloat-abi=hard"]}

LINKER_SCRIPT = """
MEMORY {{
  CODE (rx) : ORIGIN = {code:#x}, LENGTH = 64K
  RAM (rw) : ORIGIN = {ram:#x}, LENGTH = 8K
}}
ENTRY(reset)
SECTIONS {{
  .text : {{ KEEP(*(.vectors)) *(.text*) }} > CODE
  .bss (NOLOAD) : {{ *(.bss*) }} > RAM
}}
"""

PROGRAM = """
  .syntax unified
  .thumb
  .section .vectors, "a"
  .word {stack:#x}
  .word reset
  .rept 14
  .word hang
  .endr
  .text
  .macro function name
  .global \\name
  .type \\name, %function
  .thumb_func
  \\name:
  .endm

  function ew_bench_start
  bx lr
  .size ew_bench_start, . - ew_bench_start
  function ew_bench_stop
  bx lr
  .size ew_bench_stop, . - ew_bench_stop
  function ew_layer_start
  bx lr
  .size ew_layer_start, . - ew_layer_start
  function ew_layer_stop
  bx lr
  .size ew_layer_stop, . - ew_layer_stop
  function leaf
  bx lr
  .size leaf, . - leaf
  function pushing
  push {{lr}}
  pop {{pc}}
  .size pushing, . - pushing
  function hang
  b hang

  function reset
{set_up}
{body}
  b hang
  .size reset, . - reset
  .bss
  .balign 16
data:
  .space 256
"""

# Semihosting SYS_EXIT, ADP_Stopped_ApplicationExit.
EXIT = "  movs r0, #0x18\n  ldr r1, =0x20026\n  bkpt 0xab\n  .ltorg\n"
ENABLE_FLOAT = "  ldr r0, =0xe000ed88\n  ldr r1, =0x00f00000\n  str r1, [r0]\n  dsb\n  isb\n"


def assemble(board_id: str, body: str, folder: Path, *, stack_offset: int = 4096) -> Path:
    """An ELF file for an emulated board.

    r4 points to writable memory, whose first word holds that same address; r6 is 0.
    """
    board = load_board(board_id)
    code = (board.memory.vectors or board.memory.flash).start
    # The secure alias of DTCM on the M55, ordinary RAM elsewhere.
    ram = 0x3000_0000 if board.cpu == "cortex-m55" else board.memory.ram.start
    set_up = ENABLE_FLOAT if board.has_fpu else ""
    set_up += "  ldr r4, =data\n  str r4, [r4]\n  movs r6, #0\n"
    source, script, elf = (folder / f"program{suffix}" for suffix in (".S", ".ld", ".elf"))
    source.write_text(PROGRAM.format(stack=ram + stack_offset, set_up=set_up, body=body))
    script.write_text(LINKER_SCRIPT.format(code=code, ram=ram))
    flags = [f"-mcpu={board.cpu}", "-mthumb", *FLOAT_FLAGS.get(board.cpu, [])]
    command = [COMPILER, *flags, "-nostdlib", "-Wl,--no-warn-rwx-segments", f"-T{script}"]
    done = subprocess.run([*command, "-o", str(elf), str(source)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return elf


def run_to_exit(board_id: str, elf: Path, *arguments: str) -> None:
    """Emulate a program that ends with `EXIT`."""
    board = load_board(board_id)
    assert board.emulator is not None
    command = [
        find_qemu(),
        "-M",
        board.emulator.machine,
        "-display",
        "none",
        "-monitor",
        "none",
        "-serial",
        "none",
    ]
    command += ["-semihosting-config", "enable=on,target=native", "-kernel", str(elf), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_TIMEOUT_S)
    assert done.returncode == 0, done.stderr


def needs(*tools: str) -> None:
    """Skip where a tool of the field is not installed."""
    for tool in tools:
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool}")
