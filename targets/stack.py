"""Upper bounds of the stack: the deepest path through the call graph, each function with its frame.

Frames and indirect calls come from gcc (`-fcallgraph-info=su`, one .ci file an object), direct calls also
from the objects' relocations, so that helpers the compiler calls on its own are seen. An indirect call
may reach every function of the same group of objects (library or firmware) whose address is taken.
Functions without a .ci file (memcpy, soft floats) are read from the disassembly: everything they push,
on whatever path, in them and all they reach, is added up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from edgewright.errors import WorkError
from edgewright.targets.board import Board
from edgewright.targets.compiler import PREFIX, cpu_flags, run_tool
from edgewright.targets.disassembly import pushed_bytes, runtime_stack
from edgewright.targets.elf import STT_FUNC, STT_SECTION, Elf, Relocation, Symbol

if TYPE_CHECKING:
    from edgewright.targets.toolchain import FirmwareImage

INDIRECT = "__indirect_call"
# Relocations of calls and jumps: R_ARM_THM_CALL, R_ARM_THM_JUMP24, _JUMP19, _JUMP11.
CALLS = {10, 30, 51, 102}
# R_ARM_ABS32, R_ARM_THM_MOVW_ABS_NC, R_ARM_THM_MOVT_ABS: the address is taken.
ADDRESSES = {2, 47, 48}
R_ARM_ABS32 = 2
_NODE = re.compile(r'node: \{ title: "([^"]+)" label: "([^"]*)"')
_EDGE = re.compile(r'edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"')
_FRAME = re.compile(r"(\d+) bytes \((static|dynamic,bounded|dynamic)\)")
# What the core pushes for an exception, with the word that aligns it to 8; more with FPU registers.
EXCEPTION_BYTES = 32 + 4
EXCEPTION_FPU_BYTES = 104 + 4


@dataclass(frozen=True)
class StackBound:
    """A bound in bytes, and the calls that need it, outermost first."""

    bytes: int
    path: tuple[str, ...]


@dataclass
class _Function:
    """A function with a .ci entry; `calls` holds keys of `_Graph.functions` or names outside of it."""

    name: str
    frame_bytes: int
    dynamic: bool
    calls: set[str] = field(default_factory=set)
    indirect: bool = False


@dataclass
class _Group:
    """Objects whose indirect calls stay among themselves."""

    address_taken: set[str] = field(default_factory=set)


def _key(object_file: Path, title: str) -> str:
    """Unique name: file-local functions, "path/file.c:name" in .ci files, get their object in front."""
    return f"{object_file}:{title.rpartition(':')[2]}" if ":" in title else title


def _read_callgraph(object_file: Path) -> dict[str, _Function]:
    """Functions of an object by key."""
    text = object_file.with_suffix(".ci").read_text()
    functions: dict[str, _Function] = {}
    for title, label in _NODE.findall(text):
        frame = _FRAME.search(label)
        if frame:
            name = title.rpartition(":")[2]
            functions[_key(object_file, title)] = _Function(name, int(frame[1]), frame[2] == "dynamic")
    for source, target in _EDGE.findall(text):
        caller = functions[_key(object_file, source)]
        if target == INDIRECT:
            caller.indirect = True
        else:
            caller.calls.add(_key(object_file, target))
    return functions


def _function_at(elf: Elf, relocation: Relocation) -> Symbol | None:
    """The function a relocation refers to, also where it is by section and offset."""
    symbol = relocation.symbol
    if symbol.kind != STT_SECTION:
        return symbol if symbol.kind == STT_FUNC or symbol.section == 0 else None
    offset = elf.word(relocation.section, relocation.offset) & ~1 if relocation.kind == R_ARM_ABS32 else 0
    for candidate in elf.symbols:
        if (
            candidate.kind == STT_FUNC
            and candidate.section == symbol.section
            and candidate.value & ~1 == offset
        ):
            return candidate
    return None


def _read_relocations(object_file: Path, functions: dict[str, _Function], group: _Group) -> None:
    """Add direct calls and the functions whose address is taken."""
    elf = Elf(object_file)
    by_section = {s.section: s.name for s in elf.symbols if s.kind == STT_FUNC}
    for relocation in elf.relocations():
        section = elf.sections[relocation.section].name
        target = _function_at(elf, relocation)
        # The vector table calls nothing by itself; exceptions are added apart.
        if target is None or section.startswith((".vectors", ".ARM.ex")):
            continue
        local = f"{object_file}:{target.name}"
        key = local if local in functions else target.name
        if relocation.kind in ADDRESSES and target.kind == STT_FUNC:
            group.address_taken.add(key)
        elif relocation.kind in CALLS and relocation.section in by_section:
            name = by_section[relocation.section]
            caller = functions.get(f"{object_file}:{name}") or functions.get(name)
            if caller is not None:
                caller.calls.add(key)


class _Graph:
    """Call graph of several groups of objects in one linked image."""

    def __init__(self, elf: Path, groups: Iterable[Sequence[Path]]) -> None:
        self.functions: dict[str, _Function] = {}
        self.group_of: dict[str, _Group] = {}
        self.elf = elf
        self.known: dict[str, StackBound] = {}
        self.linked = set(Elf(elf).functions)
        for objects in groups:
            group = _Group()
            for object_file in objects:
                functions = _read_callgraph(object_file)
                _read_relocations(object_file, functions, group)
                self.functions |= functions
                self.group_of |= dict.fromkeys(functions, group)

    def bound(self, key: str, above: tuple[str, ...] = ()) -> StackBound:
        """Bound of a function and all it calls."""
        if key in above:
            cycle = " -> ".join(k.rpartition(":")[2] for k in (*above[above.index(key) :], key))
            raise WorkError("EW-STACK-RECURSION", f"the stack has no bound: {cycle}")
        if key not in self.known:
            self.known[key] = self._bound(key, (*above, key))
        return self.known[key]

    def _bound(self, key: str, above: tuple[str, ...]) -> StackBound:
        function = self.functions.get(key)
        if function is None:
            return StackBound(runtime_stack(self.elf, key), (key,))
        if function.dynamic:
            raise WorkError(
                "EW-STACK-DYNAMIC", f"{function.name} allocates an amount of stack known only at run time"
            )
        # gcc also lists helpers of code it removed later; what is really called is in the image.
        callees = {c for c in function.calls if c in self.functions or c in self.linked}
        if function.indirect:
            callees |= self.group_of[key].address_taken
        deepest = max(
            (self.bound(c, above) for c in sorted(callees)), key=lambda b: b.bytes, default=StackBound(0, ())
        )
        # gcc reports no frame for naked functions; their assembler pushes all the same.
        frame_bytes = function.frame_bytes or pushed_bytes(self.elf, function.name)
        return StackBound(frame_bytes + deepest.bytes, (function.name, *deepest.path))


def library_stack(objects: Sequence[Path], entry: str, board: Board, folder: Path) -> StackBound:
    """Bound of a function of the library, e.g. `<name>_run`, and all it calls.

    Args:
        objects: From `compile_library`.
        entry: Function name.
        board: Target they were compiled for.
        folder: For a linked file that resolves the compiler's helpers.

    Raises:
        WorkError: EW-STACK-RECURSION, EW-STACK-DYNAMIC, EW-STACK-UNKNOWN.
    """
    linked = folder / f"{entry}.elf"
    flags = [*cpu_flags(board), "-nostartfiles", "-static", "-Wl,--gc-sections", "-Wl,-e", f"-Wl,{entry}"]
    run_tool([f"{PREFIX}gcc", *flags, *objects, "-lm", "-o", linked], "EW-TOOLCHAIN-LINK")
    return _Graph(linked, [objects]).bound(entry)


def firmware_stack(image: FirmwareImage, board: Board) -> StackBound:
    """Bound of the whole firmware: from reset through the monitor into the model, and an exception on top.

    Raises:
        WorkError: As `library_stack`.
    """
    graph = _Graph(image.elf, [image.library_objects, image.firmware_objects])
    main = graph.bound("Reset_Handler")
    frame = EXCEPTION_FPU_BYTES if board.has_fpu else EXCEPTION_BYTES
    # Faults switch to a fresh stack; SysTick is the only handler that runs on top of the program.
    handler = graph.bound("SysTick_Handler").bytes if board.cycles == "systick" else 0
    return StackBound(main.bytes + frame + handler, (*main.path, "exception"))


def check_stack(bound: StackBound, available_bytes: int) -> None:
    """Check a bound against the reserved stack.

    Raises:
        WorkError: EW-STACK-OVER with required, available and excess bytes and the deepest path.
    """
    if bound.bytes > available_bytes:
        raise WorkError(
            "EW-STACK-OVER",
            f"the firmware needs up to {bound.bytes:,} bytes of stack; {available_bytes:,} are reserved",
            f"deepest path: {' -> '.join(bound.path)}; raise memory.stack in the board's TOML",
            required_bytes=bound.bytes,
            available_bytes=available_bytes,
            excess_bytes=bound.bytes - available_bytes,
        )
