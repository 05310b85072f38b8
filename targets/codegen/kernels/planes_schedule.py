"""Registers for straight assembler: which word stays in a register, which is loaded again.

All uses are known in advance, so the word that gives way is the one needed last. Loads that come early
cost nothing and follow one another, which makes each but the first take one cycle on a Cortex-M4.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

# (base register, offset in bytes).
Word = tuple[str, int]
# Instructions ahead of which a word may be loaded where a register is free.
AHEAD = 40


@dataclass(frozen=True)
class Instruction:
    """An instruction that reads some words of memory.

    Args:
        text: With {0}, {1}, … for the registers of the words.
        words: What they hold.
    """

    text: str
    words: tuple[Word, ...] = ()


def with_loads(instructions: Sequence[Instruction], registers: Sequence[str]) -> list[str]:
    """Assembler lines: the instructions with the loads they need.

    Args:
        instructions: In order.
        registers: At the disposal of the words; as many as one instruction reads, at least.
    """
    uses: dict[Word, list[int]] = defaultdict(list)
    for i, instruction in enumerate(instructions):
        for word in instruction.words:
            uses[word].append(i)
    held: dict[Word, str] = {}
    free = list(registers)
    lines: list[str] = []

    def load(word: Word) -> None:
        held[word] = free.pop(0)
        lines.append(f"ldr {held[word]}, [{word[0]}, #{word[1]}]")

    for i, instruction in enumerate(instructions):
        missing = [w for w in dict.fromkeys(instruction.words) if w not in held]
        for word in missing:
            if not free:
                last = max((w for w in held if w not in instruction.words), key=lambda w: uses[w][0])
                free.append(held.pop(last))
            load(word)
        if missing:
            for later in instructions[i + 1 : i + AHEAD]:
                for word in later.words:
                    if free and word not in held:
                        load(word)
        lines.append(instruction.text.format(*(held[w] for w in instruction.words)))
        for word in dict.fromkeys(instruction.words):
            uses[word] = [u for u in uses[word] if u > i]
            if not uses[word]:
                free.append(held.pop(word))
    return lines


def cycles(lines: Sequence[str]) -> int:
    """Cycles of straight code on a Cortex-M4."""
    total, chained = 0, False
    for line in lines:
        load = line.startswith("ldr ")
        total += 2 if load and not chained else 1
        chained = load
    return total
