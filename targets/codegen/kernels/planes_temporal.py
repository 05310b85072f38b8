"""Assembler of depthwise layers over the rows of a single column: one channel, all output rows.

Two rows are a word of the planes and two taps a word of weights, in both alignments: (0, 1), (2, 3), …
for windows that begin with the upper row of a word, (1, 2), (3, 4), … for the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from edgewright.targets.codegen.kernels.planes_factors import Factors
from edgewright.targets.codegen.kernels.planes_schedule import Instruction, Word, cycles, with_loads
from edgewright.targets.codegen.kernels.planes_text import COLUMN, POINTERS, TENSOR, fits, function

# The sum, and what a requantization needs besides.
SUM, SPARE = "r3", "r4"
WORDS = ("r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr")
# Instructions of a channel that are worth their flash.
MOST_LINES = 700


@dataclass(frozen=True, eq=False)
class Temporal:
    """A layer over the rows of one column.

    Args:
        factors: Weights and requantization.
        rows, outputs: Of input and output.
        stride, pad: Vertical.
        pixel: Bytes from one output row to the next.
        compact: Words lie in scratch memory, those of four channels side by side.
    """

    factors: Factors
    rows: int
    outputs: int
    stride: int
    pad: int
    pixel: int
    compact: bool = False

    @property
    def words(self) -> int:
        """Words of a channel."""
        return len(self.pairs) + len(self.factors.names)

    @property
    def taps(self) -> int:
        return int(self.factors.weights.shape[0])

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Taps in the lower and upper half of each word of weights; -1 for nothing."""
        even = [(t, t + 1) for t in range(0, self.taps - 1, 2)]
        odd = [(t, t + 1) for t in range(1, self.taps - 1, 2)]
        ends = [(0, self.taps - 1)] if self.taps % 2 == 0 else []
        return [*even, *odd, *ends] if self.taps > 1 else [(0, -1)]

    @property
    def packed(self) -> npt.NDArray[np.uint32]:
        """Words of weights and factors by channel."""
        taps = [[None if t < 0 else (t, 0) for t in pair] for pair in self.pairs]
        return self.factors.packed([self.factors.pair(*pair) for pair in taps])

    def lines(self) -> list[str]:
        """All output rows of a channel: one pass, or one for each alignment."""
        outputs = range(self.outputs)
        ways = [[list(outputs)], [list(outputs[::2]), list(outputs[1::2])]]
        bodies = []
        for passes in ways:
            made = [self._registers(self._pass(p, split=len(passes) > 1)) for p in passes if p]
            bodies.append([line for lines in made for line in lines])
        return min(bodies, key=cycles)

    def _registers(self, instructions: Sequence[Instruction]) -> list[str]:
        """Also the pointer to the constants holds one of them, if none has to be loaded again."""
        constants = dict.fromkeys(w for i in instructions for w in i.words if w[0] == "r2")
        if len(constants) < len(WORDS):
            first = [f"ldr {WORDS[n]}, [r2, #{word[1]}]" for n, word in enumerate(list(constants)[:-1])]
            last = list(constants)[-1]
            held = dict(zip(constants, WORDS, strict=False)) | {last: "r2"}
            rest = [
                Instruction(_bind(i, held), tuple(w for w in i.words if w[0] != "r2")) for i in instructions
            ]
            free = [r for r in WORDS if r not in held.values()]
            if free:
                return [*first, f"ldr r2, [r2, #{last[1]}]", *with_loads(rest, free), "ldr r2, [sp, #8]"]
        return with_loads(instructions, WORDS)

    def _pass(self, outputs: Sequence[int], *, split: bool) -> list[Instruction]:
        lines: list[Instruction] = []
        constants = "r2", 4 * len(self.pairs)
        for o in outputs:
            for i, (halves, words) in enumerate(self._taps(o, split)):
                lines.append(self.factors.multiply(SUM, halves, words, i == 0, constants))
            lines += self.factors.finish(SUM, SPARE, constants)
            lines.append(Instruction(f"strb {SUM}, [r1, #{o * self.pixel}]"))
        if not self.compact:
            return lines
        return [
            replace(i, words=tuple((w[0], w[1] * (4 if w[0] == "r2" else 1)) for w in i.words)) for i in lines
        ]

    def _taps(self, output: int, split: bool) -> list[tuple[str, tuple[Word, ...]]]:
        """Suffix of the multiplication, and its words: planes and weights."""
        first = output * self.stride - self.pad
        inside = [t for t in range(self.taps) if 0 <= first + t < self.rows]
        pairs = self.pairs
        found: list[tuple[str, tuple[Word, ...]]] = []
        while inside:
            t = inside.pop(0)
            row = first + t
            planes = "r0", row // 2 * COLUMN
            if row % 2 == 0 and t + 1 in inside:
                inside.pop(0)
                found.append(("d", (planes, ("r2", 4 * pairs.index((t, t + 1))))))
                continue
            # In a pass of its own, the word of both ends saves a register; else any that is in use.
            holding = [i for i, pair in enumerate(pairs) if t in pair]
            ends = (0, self.taps - 1)
            word = pairs.index(ends) if split and t in ends and ends in pairs else holding[0]
            halves = f"{'t' if row % 2 else 'b'}{'t' if pairs[word][1] == t else 'b'}"
            found.append((halves, (planes, ("r2", 4 * word))))
        return found


def _bind(instruction: Instruction, held: dict[Word, str]) -> str:
    """The text with registers for the words that are held; the others are counted anew."""
    places, n = [], 0
    for word in instruction.words:
        places.append(held.get(word, f"{{{n}}}"))
        n += word not in held
    return instruction.text.format(*places)


def temporal_function(name: str, view: Temporal, lines: Sequence[str], widened: Sequence[str]) -> str | None:
    """C of a function (planes, out, words, x) of four channels; None: too large.

    Args:
        name: Of the function.
        view: The layer.
        lines: From `Temporal.lines`.
        widened: Instructions that make the planes (`widen`).
    """
    if len(lines) > MOST_LINES or not fits(lines):
        return None
    text = [
        "push {r4-r11, lr}",
        "push {r0-r3}",
        *widened,
        "ldm sp, {r0-r2}",
        "mov r3, #4",
        "str r3, [sp, #12]",
    ]
    text += ["1:", *lines, "ldr r3, [sp, #12]", "add r0, #4", "add r1, #1"]
    text += [
        f"add r2, #{4 if view.compact else 4 * view.words}",
        "str r2, [sp, #8]",
        "subs r3, #1",
        "str r3, [sp, #12]",
    ]
    text += ["bne 1b", "add sp, #16", "pop {r4-r11, pc}"]
    return function(name, f"{POINTERS}, {TENSOR}", text)
