"""Assembler of the depthwise kernels that work on planes: what all of them share.

Planes are words of two input rows of one channel, int16, zero point subtracted: the upper row in the lower
half. Four channels lie beside one another: word[row pair][column][channel].
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

# C parameters of the functions that make output rows.
POINTERS = "const uint32_t *v EW_UNUSED, int8_t *out EW_UNUSED, const uint32_t *k EW_UNUSED"
TENSOR = "const int8_t *x EW_UNUSED"
# C parameters of the functions that widen rows.
ROWS = ", ".join(
    f"{kind}{name} EW_UNUSED"
    for kind, name in (
        ("const int8_t *", "upper"),
        ("const int8_t *", "lower"),
        ("uint32_t *", "v"),
        ("uint32_t ", "zero"),
    )
)
# Largest offset of LDR, STR, and of ADDW and SUBW.
MOST_OFFSET = 4095
# Bytes of the planes of a column, of a row pair.
COLUMN = 16
# Columns that are unrolled; wider rows get a loop.
UNROLLED = 12


def function(name: str, parameters: str, lines: Sequence[str]) -> str:
    """C of a function in assembler."""
    body = "".join(f'    "{line}\\n"\n' for line in lines)
    return f"EW_NAKED void {name}({parameters}) {{\n  __asm volatile(\n{body}  );\n}}\n"


def advance(register: str, by: int, spare: str) -> list[str]:
    """Instructions that add a constant to a register."""
    if by == 0:
        return []
    if abs(by) <= MOST_OFFSET:
        return [f"{'addw' if by > 0 else 'subw'} {register}, {register}, #{abs(by)}"]
    size = abs(by)
    upper = [f"movt {spare}, #{size >> 16}"] if size >> 16 else []
    last = f"{'add' if by > 0 else 'sub'} {register}, {register}, {spare}"
    return [f"movw {spare}, #{size & 0xFFFF}", *upper, last]


@dataclass(frozen=True)
class Expansion:
    """How row pairs of four channels become planes.

    Args:
        columns: Of a row.
        step: Bytes from one column to the next.
        rows: Bytes from one row pair to the next.
        gap: Bytes of the planes between row pairs.
        dual: The core issues two instructions at a time: a store of four words counts as one.
    """

    columns: int
    step: int
    rows: int = 0
    gap: int = 0
    dual: bool = False

    def function(self, name: str, pairs: int | None = 1, missing: str = "") -> str:
        """C of a function (upper row, lower row, planes, the negated zero point in both halves).

        Args:
            name: Of the function.
            pairs: Row pairs; None: a fifth argument says how many.
            missing: "upper" or "lower" where zeros take the place of that row, whose pointer is not used.
        """
        more = ", int32_t pairs EW_UNUSED" if pairs is None else ""
        lines = ["push {r4-r11, lr}", *self.lines(pairs, missing), "pop {r4-r11, pc}"]
        return function(name, ROWS + more, lines)

    def lines(self, pairs: int | None = 1, missing: str = "") -> list[str]:
        """What the function does: r0 upper row, r1 lower row, r2 planes, r3 zero point."""
        blocks = -(-self.columns // min(UNROLLED, 1 + MOST_OFFSET // self.step))
        most = -(-self.columns // blocks)
        turns, left = divmod(self.columns, most) if blocks > 1 else (0, self.columns)
        lines = []
        if pairs != 1:
            lines += ["ldr r4, [sp, #36]" if pairs is None else f"mov r4, #{pairs}", "1:"]
        if turns:
            counted = turns > 1
            lines += [f"mov lr, #{turns}", "2:"] if counted else []
            lines += self._columns(most, missing)
            lines += self._advance(most * COLUMN, most * self.step, missing)
            lines += ["subs lr, #1", "bne 2b"] if counted else []
        lines += self._columns(left, missing)
        if pairs != 1:
            done = turns * most * self.step
            lines += self._advance(left * COLUMN, self.rows - done, missing, self.gap)
            lines += ["subs r4, #1", "bne 1b"]
        return lines

    def _advance(self, planes: int, by: int, missing: str, gap: int = 0) -> list[str]:
        upper = [] if missing == "upper" else advance("r0", by, "r12")
        lower = [] if missing == "lower" else advance("r1", by, "r12")
        return [*advance("r2", gap + (0 if self.dual else planes), "r12"), *upper, *lower]

    def _columns(self, columns: int, missing: str) -> list[str]:
        """Two columns at a time, whose loads follow one another."""
        lines = []
        for first in range(0, columns, 2):
            pair = [(c, a, b) for c, a, b in ((first, "r5", "r7"), (first + 1, "r6", "r8")) if c < columns]
            if missing != "upper":
                lines += [f"ldr {a}, [r0, #{c * self.step}]" for c, a, _ in pair]
            if missing != "lower":
                lines += [f"ldr {b}, [r1, #{c * self.step}]" for c, _, b in pair]
            for c, a, b in pair:
                lines += WIDEN[missing](a, b)
                words = (a, b, "r11", "r12")
                lines += (
                    [f"stmia r2!, {{{', '.join(words)}}}"]
                    if self.dual
                    else [f"str {w}, [r2, #{c * COLUMN + 4 * i}]" for i, w in enumerate(words)]
                )
        return lines


def _together(a: str, b: str) -> list[str]:
    """Halves of the two pixels side by side; what SXTAB16 takes of them are two rows of one channel."""
    return [
        f"pkhbt r9, {a}, {b}, lsl #16",
        f"pkhtb r10, {b}, {a}, asr #16",
        f"sxtab16 {a}, r3, r9",
        f"sxtab16 {b}, r3, r9, ror #8",
        "sxtab16 r11, r3, r10",
        "sxtab16 r12, r3, r10, ror #8",
    ]


def _upper(a: str, b: str) -> list[str]:
    return [
        f"sxtab16 r11, r3, {a}",
        f"sxtab16 r12, r3, {a}, ror #8",
        f"uxth {a}, r11",
        f"uxth {b}, r12",
        "lsr r11, r11, #16",
        "lsr r12, r12, #16",
    ]


def _lower(a: str, b: str) -> list[str]:
    return [
        f"sxtab16 r11, r3, {b}",
        f"sxtab16 r12, r3, {b}, ror #8",
        f"lsl {a}, r11, #16",
        f"lsl {b}, r12, #16",
        "bfc r11, #0, #16",
        "bfc r12, #0, #16",
    ]


# By the row that is missing.
WIDEN = {"": _together, "lower": _upper, "upper": _lower}


def widen(zero: int, parts: Sequence[tuple[int, int, int, list[str]]]) -> list[str]:
    """Instructions that widen parts of a tensor, where [sp] holds the planes' address and [sp, #12] x.

    Args:
        zero: The negated zero point in both halves.
        parts: (bytes from x to the upper row, from there to the lower row, from the planes to theirs, lines).
    """
    lines = [f"movw r3, #{zero & 0xFFFF}", f"movt r3, #{zero >> 16}"]
    for upper, lower, planes, body in parts:
        lines += ["ldr r0, [sp, #12]", "ldr r2, [sp]", *advance("r0", upper, "r12")]
        lines += ["mov r1, r0", *advance("r1", lower, "r12"), *advance("r2", planes, "r12"), *body]
    return lines


def copy(name: str, words: int) -> str:
    """C of a function (from, to) that copies words, a multiple of 4."""
    turns, rest = divmod(words, 8)
    eight = "r2-r9"
    lines = ["push {r4-r9}"]
    if turns > 1:
        lines += [f"mov r12, #{turns}", "1:"]
    if turns:
        lines += [f"ldmia r0!, {{{eight}}}", f"stmia r1!, {{{eight}}}"]
    if turns > 1:
        lines += ["subs r12, #1", "bne 1b"]
    if rest:
        lines += ["ldm r0, {r2-r5}", "stm r1, {r2-r5}"]
    parameters = "const uint32_t *from EW_UNUSED, uint32_t *to EW_UNUSED"
    return function(name, parameters, [*lines, "pop {r4-r9}", "bx lr"])


def fits(lines: Sequence[str]) -> bool:
    """Whether all offsets of loads and stores can be encoded."""
    found = (re.match(r"(?:ldr|str|add).*#(-?\d+)\]?$", line) for line in lines)
    return all(0 <= int(offset[1]) <= MOST_OFFSET for offset in found if offset)
