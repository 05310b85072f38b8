"""Assembler of 3x3 depthwise rows on planes that serves many shapes: one function a stride.

What differs between shapes is no immediate offset: columns and row pairs of the planes are at the same
distance in every layer (`ew_planes_shared_dsp.h`), the pointer to the output moves by a register, and zeros
around the tensor are part of the planes (but with stride 1 those on the left).

    frame: planes, out, words, channels left, end of the planes, line[5]

where `line` is that of the layer: pixel and turns of a row; what is added to the pointers to the planes and
to the output behind a row; what is added to them for the other kind of rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgewright.targets.codegen.kernels.planes_compact import COMPACT_BYTES, compact_load
from edgewright.targets.codegen.kernels.planes_passes import ALONE, EVEN, ODD
from edgewright.targets.codegen.kernels.planes_rows import Parity
from edgewright.targets.codegen.kernels.planes_text import COLUMN, function

# Row pairs of the planes, and bytes from a column to the next.
SLOTS = 8
STEP = SLOTS * COLUMN
# Output pixels of a turn: the first that divides those of a row, else all of a row if they are few, else two.
PIXELS = (6, 4)
FEW = 7
PARAMETERS = (
    "const uint32_t *v EW_UNUSED, int8_t *out EW_UNUSED, const uint32_t *k EW_UNUSED, "
    "const int32_t *line EW_UNUSED, int32_t rows EW_UNUSED, int32_t others EW_UNUSED"
)


def turn_pixels(outputs: int) -> int | None:
    """Output pixels of a turn, or None where rows cannot be cut."""
    whole = [n for n in PIXELS if outputs % n == 0]
    if whole or outputs <= FEW:
        return whole[0] if whole else outputs
    return 2 if outputs % 2 == 0 else None


@dataclass(frozen=True)
class SharedRows:
    """Output rows of four channels.

    Args:
        stride: Of the layer, in both directions.
        pixels: Output pixels of a turn.
        pad: Columns on the left that are not in the planes.
        odds: Kinds of rows in their order: whether windows begin with an odd row.
        shift: Of the requantization.
    """

    stride: int
    pixels: int
    pad: int
    odds: Sequence[bool]
    shift: int

    @property
    def name(self) -> str:
        """Of the function."""
        kind = "odd" if self.odds[0] else "even"
        return f"ew_planes_rows{self.stride}_{self.pixels}_{self.pad}_{kind}_{self.shift}"

    @property
    def code_bytes(self) -> int:
        """Of the function, about: nearly all instructions are of four bytes."""
        return 4 * sum(not line.endswith(":") for line in self._lines())

    def text(self) -> str:
        """C of a function (planes, out, words, line, rows, rows of the other kind); a row counts 16."""
        return function(self.name, PARAMETERS, self._lines())

    def _lines(self) -> list[str]:
        lines = ["push {r4-r11, lr}", "ldm r3, {r5-r9}", "mov r3, #4", "push {r0-r9}", "1:"]
        lines += self._rows(self._parity(self.odds[0]), "ldr {}, [sp, #76]", "2")
        if len(self.odds) == 2:
            p = self._parity(self.odds[1])
            count = p.sums[0]  # is neither r3 nor r5
            lines += ["ldm sp, {r0-r2}", "ldr r3, [sp, #32]", "ldr r5, [sp, #36]", f"ldr {count}, [sp, #80]"]
            lines += ["add r0, r3", "add r1, r5", f"cmp {count}, #0", "beq 4f", *self._rows(p, "", "3"), "4:"]
        lines += ["ldm sp, {r0-r3}", "add r0, #4", "add r1, #1", f"add r2, #{COMPACT_BYTES}"]
        lines += ["subs r3, #1", "stm sp, {r0-r3}", "bne 1b", "add sp, #40", "pop {r4-r11, pc}"]
        return lines

    def _parity(self, odd: bool) -> Parity:
        """Where operands lie."""
        if len(self.odds) == 1:
            return ALONE[odd]
        return ODD if odd else EVEN

    def _rows(self, p: Parity, count: str, label: str) -> list[str]:
        """Rows of one kind, and the words of a channel before; `count`: loads 16 times their number."""
        first = p.sums[0]
        lines = [count.format(first)] if count else []
        lines += [f"add {first}, r0", f"str {first}, [sp, #16]", *compact_load(p, both=len(self.odds) == 2)]
        lines += [f"{label}:", *self._begin(p), f"{label}{label}:"]
        for n in range(self.pixels):
            lines += self._pixel(p, n)
        lines += [
            f"addw r0, r0, #{self.stride * self.pixels * STEP}",
            "subs lr, #0x10000",
            f"bpl {label}{label}b",
        ]
        lines += [f"ldr {p.words[0]}, [sp, #24]", f"ldr {first}, [sp, #28]", f"ldr {p.words[1]}, [sp, #16]"]
        return [*lines, f"add r0, {p.words[0]}", f"add r1, {first}", f"cmp r0, {p.words[1]}", f"bne {label}b"]

    def _begin(self, p: Parity) -> list[str]:
        """Begin of a row: its first pixel as far as columns are behind those in registers."""
        load = [*_load(p, 0), "ldr lr, [sp, #20]"]
        if self.stride == 2:
            return load
        if self.pad:
            return [f"mov {p.sums[0]}, {p.single[1]}", *load]
        return [*load, *_tap(p, 0, p.sums[0]), *_load(p, STEP)]

    def _pixel(self, p: Parity, n: int) -> list[str]:
        """An output pixel."""
        if self.stride == 1:
            # The column in its registers is the second of this window and the first of the next one.
            done, following = p.sums[n % 2], p.sums[1 - n % 2]
            at = (n + 2 - self.pad) * STEP
            lines = [*_tap(p, 1, done), *_tap(p, 0, following), *_load(p, at), *_tap(p, 2, done)]
        else:
            # The column in its registers is the first of this window.
            done, at = p.sums[0], (2 * n + 1) * STEP
            lines = [*_tap(p, 0, done), *_load(p, at), *_tap(p, 1, done), *_load(p, at + STEP)]
            lines += _tap(p, 2, done)
        lines.append(f"smmla {done}, {done}, {p.multiplier}, {p.addend}")
        return [
            *lines,
            f"ssat {done}, #8, {done}, asr #{self.shift}",
            f"strb {done}, [r1]",
            "uxtah r1, r1, lr",
        ]


def _load(p: Parity, offset: int) -> list[str]:
    """The words of a column."""
    return [f"ldr {word}, [r0, #{offset + i * COLUMN}]" for i, word in enumerate(p.words)]


def _tap(p: Parity, k: int, register: str) -> list[str]:
    """Multiply a column by a column of the kernel; the first begins the sum."""
    added = p.single[1] if k == 0 else register
    halves = f"{'t' if p.odd else 'b'}{'t' if k == 1 else 'b'}"
    return [
        f"smlad {register}, {p.words[p.odd]}, {p.full[k]}, {added}",
        f"smla{halves} {register}, {p.words[not p.odd]}, {p.single[k // 2]}, {register}",
    ]
