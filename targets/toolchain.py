"""Linking: a library folder and the firmware templates become the image of a board."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from edgewright.errors import WorkError
from edgewright.targets.board import Board
from edgewright.targets.board_header import board_header, linker_script
from edgewright.targets.compiler import (
    OBJECT_FLAGS,
    PREFIX,
    WARNINGS,
    check_cxx_header,
    compile_host,
    compile_library,
    compile_objects,
    cpu_flags,
    relative_debug,
    run_tool,
)
from edgewright.targets.rp2040_boot2 import boot2_source
from edgewright.targets.sizes import ImageSizes, measure_sizes
from edgewright.targets.stack import firmware_stack

__all__ = ["FirmwareImage", "build_firmware", "check_cxx_header", "compile_host", "compile_library"]

FIRMWARE = Path(__file__).resolve().parents[1] / "firmware_templates"
# RAM of the link that only serves to compute the stack.
AMPLE_BYTES = 1 << 26
# Second boot stage in flash: boards of this clock driver's chip.
BOOT2_CLOCKS = {"clock_rp2040"}


@dataclass(frozen=True)
class FirmwareImage:
    """A linked firmware.

    Args:
        elf: Image with symbols.
        bin: What lies in the flash region, from its first byte on.
        map: The linker's map.
        sizes: Where the bytes are.
        library_objects: Objects of the model's library.
        firmware_objects: Objects of the monitor, drivers and start-up.
        keep_input: Whether the firmware keeps its own copy of the input between inferences.
    """

    elf: Path
    bin: Path
    map: Path
    sizes: ImageSizes
    library_objects: tuple[Path, ...]
    firmware_objects: tuple[Path, ...]
    keep_input: bool


def firmware_sources(board: Board) -> list[Path]:
    """The monitor, the start-up and the board's drivers."""
    clock = board.clock.name if board.clock else "clock_reset"
    names = (board.console.driver.name, board.timer.name, f"cycles_{board.cycles}", clock)
    return [
        *sorted((FIRMWARE / "monitor").glob("*.c")),
        *sorted((FIRMWARE / "cortex_m").glob("*.c")),
        *(FIRMWARE / "drivers" / f"{n}.c" for n in names),
    ]


def _firmware_objects(library: Path, board: Board, folder: Path, keep_input: bool) -> tuple[Path, ...]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ew_board.h").write_text(board_header(board))
    includes = [folder, library, *(FIRMWARE / part for part in ("monitor", "drivers", "cortex_m"))]
    flags = [*cpu_flags(board), "-Os", *OBJECT_FLAGS, *WARNINGS, f"-DEW_KEEP_INPUT={int(keep_input)}"]
    flags += [f"-I{path}" for path in includes] + [relative_debug(folder), relative_debug(library)]
    sources = firmware_sources(board)
    if has_boot2(board):
        sources.append(_checked_boot2(folder))
    return compile_objects(sources, folder, flags)


def has_boot2(board: Board) -> bool:
    """Whether the flash begins with the RP2040's second boot stage."""
    return board.clock is not None and board.clock.name in BOOT2_CLOCKS


def _checked_boot2(folder: Path) -> Path:
    """Assemble the second boot stage and write it as C data with its checksum."""
    code, binary = folder / "boot2_code.o", folder / "boot2_code.bin"
    run_tool([f"{PREFIX}gcc", "-c", FIRMWARE / "rp2040" / "boot2.S", "-o", code], "EW-TOOLCHAIN-COMPILE")
    run_tool([f"{PREFIX}objcopy", "-O", "binary", "-j", ".text", code, binary], "EW-TOOLCHAIN-LINK")
    source = folder / "boot2.c"
    source.write_text(boot2_source(binary.read_bytes()))
    return source


def build_firmware(
    library: Path,
    board: Board,
    folder: Path,
    *,
    keep_input: bool = True,
    ram_limit: int | None = None,
) -> FirmwareImage:
    """Compile a library folder with the firmware templates and link the image of a board.

    Args:
        library: Folder with the model's C files and `firmware_model.h`.
        board: Target.
        folder: Gets firmware.elf, firmware.bin, firmware.map; intermediate files go to `folder`/objects.
        keep_input: False saves the RAM of one input, but each inference then needs a new load.
        ram_limit: Bytes of RAM the image should take. The stack gets what the board's file says, or the
            computed bound of the firmware where that is more, or where the limit leaves no more.

    Raises:
        WorkError: EW-TOOLCHAIN-*; EW-STACK-*; EW-MEM-OVER or EW-FLASH-OVER where the image does not fit.
        DeviceError: EW-TOOL-MISSING.
    """
    library_objects = compile_library(library, board, folder / "objects" / "library")
    firmware_objects = _firmware_objects(library, board, folder / "objects" / "firmware", keep_input)
    objects = (library_objects, firmware_objects)
    # The stack's bound is that of linked code, so it is linked once with as much RAM as it may want.
    bare = _link(_with_ample_ram(board), folder, 0, *objects, keep_input)
    bound = -(-firmware_stack(bare, board).bytes // 8) * 8
    limit = min(ram_limit or board.memory.ram.size_bytes, board.memory.ram.size_bytes)
    roomy = bare.sizes.ram_bytes + board.memory.stack_bytes <= limit
    return _link(board, folder, max(bound, board.memory.stack_bytes if roomy else 0), *objects, keep_input)


def _with_ample_ram(board: Board) -> Board:
    memory = board.memory
    ram = replace(memory.ram, size_bytes=memory.ram.size_bytes + AMPLE_BYTES)
    return replace(board, memory=replace(memory, ram=ram))


def _link(
    board: Board,
    folder: Path,
    stack_bytes: int,
    library_objects: tuple[Path, ...],
    firmware_objects: tuple[Path, ...],
    keep_input: bool,
) -> FirmwareImage:
    script, elf, binary, map_file = (
        folder / n for n in ("objects/link.ld", "firmware.elf", "firmware.bin", "firmware.map")
    )
    script.write_text(linker_script(board, stack_bytes, has_boot2(board)))
    flags = [*cpu_flags(board), "-nostartfiles", "-static", "-Wl,--gc-sections", "-Wl,--fatal-warnings"]
    flags += [f"-Wl,-Map={map_file}", f"-T{script}"]
    try:
        run_tool(
            [f"{PREFIX}gcc", *flags, *firmware_objects, *library_objects, "-lm", "-o", elf],
            "EW-TOOLCHAIN-LINK",
        )
    except WorkError as error:
        raise over_budget(error, board) from error
    # Sections outside the flash region (the vector table of some boards) would leave a gap of megabytes.
    outside = ["-R", ".vectors"] if board.memory.vectors else []
    run_tool([f"{PREFIX}objcopy", "-O", "binary", *outside, elf, binary], "EW-TOOLCHAIN-LINK")
    sizes = measure_sizes(elf, map_file, library_objects, firmware_objects)
    return FirmwareImage(elf, binary, map_file, sizes, library_objects, firmware_objects, keep_input)


def over_budget(error: WorkError, board: Board) -> WorkError:
    """The linker's "region overflowed by N bytes" as a budget error; any other error as it is."""
    overflow = re.search(r"region `(\w+)' overflowed by (\d+) bytes", str(error.details.get("output", "")))
    if overflow is None:
        return error
    region, excess = overflow[1], int(overflow[2])
    memory = board.memory.ram if region == "RAM" else board.memory.flash
    required = memory.size_bytes + excess
    code, what = ("EW-MEM-OVER", "RAM") if region == "RAM" else ("EW-FLASH-OVER", "flash")
    return WorkError(
        code,
        f"the firmware needs {required:,} bytes of {what}; {board.id} has {memory.size_bytes:,}",
        f"a board with more {what} (edgewright boards list), or a smaller model",
        required_bytes=required,
        available_bytes=memory.size_bytes,
        excess_bytes=excess,
    )
