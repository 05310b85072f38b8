"""Where the bytes of a firmware are: the model's code and weights, the monitor, the arena, other RAM."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgewright.errors import WorkError
from edgewright.targets.board import Board
from edgewright.targets.elf import Elf

FLASH_SECTIONS = (".boot2", ".vectors", ".text", ".rodata", ".ARM.exidx", ".data")
RAM_SECTIONS = (".stack", ".data", ".bss")
ARENA_SYMBOL = "ew_arena"
WEIGHTS_OBJECT = "_weights.o"
# An input section in the map: name, address, size, file; a long name stands on a line of its own.
_INPUT_SECTION = re.compile(r"^ (\.\S+|COMMON)\s+0x[0-9a-f]+\s+0x([0-9a-f]+) (\S.*)$", re.MULTILINE)
_CODE = re.compile(r"\.(text|rodata|vectors|boot2)\b")
_TABLE = re.compile(r"_[a-z]\d+$")
_STATIC = re.compile(r"\.(data|bss)\b|COMMON")


@dataclass(frozen=True)
class ImageSizes:
    """Bytes of a linked firmware, by what they are for.

    Args:
        code_bytes: Code and read-only data of the model's library, without weights.
        weights_bytes: Weights of the model.
        library_static_bytes: Writable static data of the library (0 but for the arena's owner).
        firmware_code_bytes: Code and read-only data of monitor, drivers and start-up.
        runtime_bytes: The same of the compiler's and C library (memcpy, soft floats).
        arena_bytes: The model's arena.
        static_bytes: .data and .bss without the arena.
        stack_bytes: Reserved stack.
        flash_bytes: All of the flash the image takes.
        ram_bytes: All of the RAM the image takes: stack, static data, arena.
        functions: Code and read-only data of the model's library by function or table, largest first.
    """

    code_bytes: int
    weights_bytes: int
    library_static_bytes: int
    firmware_code_bytes: int
    runtime_bytes: int
    arena_bytes: int
    static_bytes: int
    stack_bytes: int
    flash_bytes: int
    ram_bytes: int
    functions: tuple[tuple[str, int], ...] = ()


def map_contributions(map_text: str) -> list[tuple[str, int, str]]:
    """(section, size in bytes, object file) of each input section the linker kept."""
    kept = map_text.partition("Linker script and memory map")[2]
    return [(m[1], int(m[2], 16), m[3]) for m in _INPUT_SECTION.finditer(kept)]


def measure_sizes(
    elf: Path, map_file: Path, library_objects: Sequence[Path], firmware_objects: Sequence[Path]
) -> ImageSizes:
    """Sizes of a linked image from its section headers and the linker's map."""
    image = Elf(elf)
    by_name = {s.name: s.size_bytes for s in image.sections}
    arena = image.symbol(ARENA_SYMBOL)
    arena_bytes = arena.size_bytes if arena else 0
    rows = map_contributions(map_file.read_text())
    library = {str(p) for p in library_objects}
    firmware = {str(p) for p in firmware_objects}
    weights = {p for p in library if p.endswith(WEIGHTS_OBJECT)}

    def total(section: re.Pattern[str], objects: set[str]) -> int:
        return sum(size for name, size, file in rows if file in objects and section.match(name))

    return ImageSizes(
        code_bytes=total(_CODE, library - weights),
        weights_bytes=total(_CODE, weights),
        library_static_bytes=total(_STATIC, library),
        firmware_code_bytes=total(_CODE, firmware),
        runtime_bytes=sum(s for name, s, f in rows if f.endswith(")") and _CODE.match(name)),
        arena_bytes=arena_bytes,
        static_bytes=by_name.get(".data", 0) + by_name.get(".bss", 0) - arena_bytes,
        stack_bytes=by_name.get(".stack", 0),
        flash_bytes=sum(by_name.get(n, 0) for n in FLASH_SECTIONS),
        ram_bytes=sum(by_name.get(n, 0) for n in RAM_SECTIONS),
        functions=_functions(rows, library - weights),
    )


def _functions(rows: Sequence[tuple[str, int, str]], objects: set[str]) -> tuple[tuple[str, int], ...]:
    """Bytes by the name behind ".text." or ".rodata."; the many small tables of the schedule as one."""
    sizes: dict[str, int] = {}
    for section, size, file in rows:
        if file in objects and _CODE.match(section):
            # The compiler puts cold functions into sections of their own.
            name = (section.lstrip(".").partition(".")[2] or section).removeprefix("unlikely.")
            name = "tables" if _TABLE.search(name) else name
            sizes[name] = sizes.get(name, 0) + size
    return tuple(sorted(sizes.items(), key=lambda pair: (-pair[1], pair[0])))


def check_budget(
    board: Board, sizes: ImageSizes, ram_limit: int | None = None, flash_limit: int | None = None
) -> None:
    """Check an image against the board's memory, or less.

    Args:
        board: Target.
        sizes: Of the image.
        ram_limit: Bytes of RAM the firmware may take (the board's by default).
        flash_limit: Bytes of flash it may take (the board's by default).

    Raises:
        WorkError: EW-MEM-OVER or EW-FLASH-OVER; details have required_bytes, available_bytes, excess_bytes.
    """
    kept = f"{sizes.arena_bytes:,} of them arena, {sizes.stack_bytes:,} stack, {sizes.static_bytes:,} static"
    _check("EW-MEM-OVER", "RAM", sizes.ram_bytes, board.memory.ram.size_bytes, ram_limit, board.id, kept)
    parts = f"{sizes.weights_bytes:,} of them weights, {sizes.code_bytes:,} code of the model"
    _check(
        "EW-FLASH-OVER",
        "flash",
        sizes.flash_bytes,
        board.memory.flash.size_bytes,
        flash_limit,
        board.id,
        parts,
    )


def _check(
    code: str, what: str, required: int, of_board: int, limit: int | None, board: str, parts: str
) -> None:
    available = of_board if limit is None else min(limit, of_board)
    if required <= available:
        return
    owner = board if available == of_board else f"--{what.lower()}"
    raise WorkError(
        code,
        f"the firmware needs {required:,} bytes of {what} ({parts}); {owner} allows {available:,}",
        f"a board with more {what} (edgewright boards list), or a smaller model",
        required_bytes=required,
        available_bytes=available,
        excess_bytes=required - available,
    )
