"""A reader of the few parts of ELF32 (little endian) files that sizes and stack bounds need.

Layout: Tool Interface Standard, ELF specification 1.2; relocations: ELF for the Arm architecture.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from edgewright.errors import WorkError

SHT_SYMTAB = 2
SHT_NOBITS = 8
SHT_REL = 9
SHF_ALLOC = 2
STT_FUNC = 2
STT_SECTION = 3


@dataclass(frozen=True)
class Section:
    """A section header; `address` is 0 in relocatable files."""

    index: int
    name: str
    kind: int
    flags: int
    address: int
    offset: int
    size_bytes: int
    link: int
    info: int

    @property
    def is_loaded(self) -> bool:
        return bool(self.flags & SHF_ALLOC)

    @property
    def has_data(self) -> bool:
        return self.kind != SHT_NOBITS


@dataclass(frozen=True)
class Symbol:
    """A symbol; `value` of a Thumb function has bit 0 set."""

    name: str
    value: int
    size_bytes: int
    kind: int
    section: int


@dataclass(frozen=True)
class Relocation:
    """A reference from `section` (the one that is patched) to a symbol, at `offset`."""

    section: int
    offset: int
    kind: int
    symbol: Symbol


class Elf:
    """An ELF32 file.

    Args:
        path: Object file or image.

    Raises:
        WorkError: EW-TOOLCHAIN-ELF where it is no ELF32 little endian file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data = path.read_bytes()
        if self.data[:6] != b"\x7fELF\x01\x01":
            raise WorkError("EW-TOOLCHAIN-ELF", f"{path} is not a 32-bit little endian ELF file")

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        (start,) = struct.unpack_from("<I", self.data, 32)
        entry_bytes, count, names = struct.unpack_from("<HHH", self.data, 46)
        rows = [struct.unpack_from("<10I", self.data, start + i * entry_bytes) for i in range(count)]
        name_offset = rows[names][4]
        return tuple(
            Section(i, self._text(name_offset + r[0]), r[1], r[2], r[3], r[4], r[5], r[6], r[7])
            for i, r in enumerate(rows)
        )

    def _text(self, offset: int) -> str:
        return self.data[offset : self.data.index(b"\0", offset)].decode()

    @cached_property
    def symbols(self) -> tuple[Symbol, ...]:
        found: list[Symbol] = []
        for table in (s for s in self.sections if s.kind == SHT_SYMTAB):
            names = self.sections[table.link].offset
            for i in range(0, table.size_bytes, 16):
                name, value, size, info, _, section = struct.unpack_from(
                    "<IIIBBH", self.data, table.offset + i
                )
                found.append(Symbol(self._text(names + name), value, size, info & 15, section))
        return tuple(found)

    @cached_property
    def functions(self) -> dict[str, Symbol]:
        """Functions by name; a later file-local one of the same name wins."""
        return {s.name: s for s in self.symbols if s.kind == STT_FUNC}

    def symbol(self, name: str) -> Symbol | None:
        """The defined symbol of that name."""
        return next((s for s in self.symbols if s.name == name and s.section), None)

    def relocations(self) -> list[Relocation]:
        """References into and out of loaded sections (debug information apart)."""
        found = []
        for table in (s for s in self.sections if s.kind == SHT_REL):
            if not self.sections[table.info].is_loaded:
                continue
            for i in range(0, table.size_bytes, 8):
                offset, info = struct.unpack_from("<II", self.data, table.offset + i)
                found.append(Relocation(table.info, offset, info & 255, self.symbols[info >> 8]))
        return found

    def word(self, section: int, offset: int) -> int:
        """32-bit word of a section's data."""
        (value,) = struct.unpack_from("<I", self.data, self.sections[section].offset + offset)
        return int(value)
