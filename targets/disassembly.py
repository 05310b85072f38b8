"""Stack use of functions that come as machine code only (C library, compiler helpers)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from edgewright.errors import WorkError
from edgewright.targets.compiler import PREFIX, run_tool
from edgewright.targets.elf import STT_FUNC, Elf

_LABEL = re.compile(r"^([0-9a-f]+) <([^>]+)>:$")
_INSTRUCTION = re.compile(r"^\s+[0-9a-f]+:\t(?:[0-9a-f]{4}(?: [0-9a-f]{4})?\s*\t)?(\S+)\s*([^@;]*)")
_TARGET = re.compile(r"<([^>+]+)(?:\+0x[0-9a-f]+)?>")
_PRE_DECREMENT = re.compile(r"\[sp, #-(\d+)\]!")
_SUB_SP = re.compile(r"^sp,(?: sp,)? #(\d+)")
REGISTER_BYTES = {"r": 4, "s": 4, "d": 8, "q": 16}
RETURNS = {"bx", "pop", "ldmia", "ldmia.w", "b", "b.n", "b.w", "udf", "ldr.w", "ldr"}


@dataclass
class _Code:
    """One function of the disassembly: bytes it pushes on any path, and where it goes."""

    name: str
    pushed_bytes: int = 0
    targets: set[str] = field(default_factory=set)
    problem: str = ""


def register_list_bytes(text: str) -> int:
    """Bytes of a register list: "{r4, r5, lr}" is 12, "{d8-d10}" is 24."""
    total = 0
    for item in re.findall(r"[a-z]+\d*(?:\s*-\s*[a-z]+\d+)?", text[text.index("{") :]):
        first, _, last = item.partition("-")
        count = 1 if not last else int(last.strip()[1:]) - int(first.strip()[1:]) + 1
        kind = first[0] if first[0] in "dsq" and first[1:].strip().isdigit() else "r"
        total += count * REGISTER_BYTES[kind]
    return total


def _read_instruction(code: _Code, mnemonic: str, operands: str, label_of: dict[str, str]) -> None:
    base = mnemonic.split(".")[0]
    if base in ("push", "vpush") or (base in ("stmdb", "vstmdb") and operands.startswith("sp!")):
        code.pushed_bytes += register_list_bytes(operands)
    elif base.startswith(("str", "vstr")) and (m := _PRE_DECREMENT.search(operands)):
        code.pushed_bytes += int(m[1])
    elif base in ("sub", "subw", "subs") and operands.startswith("sp,"):
        m = _SUB_SP.match(operands)
        if m:
            code.pushed_bytes += int(m[1])
        else:
            code.problem = f"{mnemonic} {operands}"
    elif base == "blx" and "<" not in operands:
        code.problem = f"{mnemonic} {operands}"
    if base.startswith(("b", "cb")) and (m := _TARGET.search(operands)):
        target = label_of.get(m[1], m[1])
        if target != code.name:
            code.targets.add(target)


@lru_cache(maxsize=4)
def _disassemble(elf: Path, stamp: int) -> tuple[dict[str, _Code], dict[str, str]]:
    """(code by the label objdump shows, label by symbol name)."""
    text = run_tool([f"{PREFIX}objdump", "-d", "--no-show-raw-insn", elf], "EW-TOOLCHAIN-DISASSEMBLY")
    labels = {int(m[1], 16): m[2] for m in map(_LABEL.match, text.splitlines()) if m}
    image = Elf(elf)
    named = (s for s in image.symbols if s.kind == STT_FUNC)
    label_of = {s.name: labels[s.value & ~1] for s in named if s.value & ~1 in labels}
    codes: dict[str, _Code] = {}
    current: _Code | None = None
    falls_through = False
    for line in text.splitlines():
        if label := _LABEL.match(line):
            if current is not None and falls_through:
                current.targets.add(label[2])
            current = codes.setdefault(label[2], _Code(label[2]))
            falls_through = True
        elif current is not None and (m := _INSTRUCTION.match(line)):
            _read_instruction(current, m[1], m[2].strip(), label_of)
            falls_through = m[1] not in RETURNS and not m[1].startswith(".")
    return codes, label_of


def pushed_bytes(elf: Path, function: str) -> int:
    """Bytes a function itself pushes on any path; 0 where it is not in the image (inlined everywhere)."""
    codes, label_of = _disassemble(elf, elf.stat().st_mtime_ns)
    code = codes.get(label_of.get(function, function))
    return code.pushed_bytes if code else 0


def runtime_stack(elf: Path, function: str) -> int:
    """Upper bound in bytes of a function's stack: all it and everything it reaches ever pushes.

    Raises:
        WorkError: EW-STACK-UNKNOWN where it is not in the image, calls through a pointer or moves the
            stack pointer by an amount known only at run time.
    """
    codes, label_of = _disassemble(elf, elf.stat().st_mtime_ns)
    waiting, seen = [label_of.get(function, function)], set[str]()
    total = 0
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        code = codes.get(name)
        if code is None or code.problem:
            why = (
                f"its instruction `{code.problem}` has no fixed effect" if code else "it is not in the image"
            )
            raise WorkError("EW-STACK-UNKNOWN", f"no stack bound for {name} (needed by {function}): {why}")
        total += code.pushed_bytes
        waiting += sorted(code.targets)
    return total
