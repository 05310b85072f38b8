"""Assembler of depthwise layers of any window on planes: tiles of some output columns of one channel.

Planes hold the columns and rows of padding too, and every window begins with the upper row of a word; for
rows where it would not, the planes are made again, one row further down. The words of a tile come and
go as `planes_schedule.py` settles it.
"""

from __future__ import annotations

from dataclasses import dataclass

from edgewright.targets.codegen.kernels.planes_factors import Factors
from edgewright.targets.codegen.kernels.planes_schedule import Instruction, cycles, with_loads
from edgewright.targets.codegen.kernels.planes_text import COLUMN, POINTERS, advance, fits, function

# Registers besides those of the pointers.
REGISTERS = ("r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr")
TILES = (6, 5, 4, 3, 2, 1)
# Cycles around a tile: pointers and a loop whose counter is in memory.
AROUND = 9


@dataclass(frozen=True, eq=False)
class Tiles:
    """Windows over planes.

    Args:
        factors: Weights and requantization.
        columns: Of the planes, padding included.
        outputs: Output columns.
        stride: (vertical, horizontal).
        dilation: Horizontal.
        pixel: Bytes from one output pixel to the next.
    """

    factors: Factors
    columns: int
    outputs: int
    stride: tuple[int, int]
    dilation: int
    pixel: int

    @property
    def window(self) -> tuple[int, int]:
        return self.factors.weights.shape[0], self.factors.weights.shape[1]

    @property
    def pairs(self) -> int:
        """Words of planes one above the other under a window."""
        return -(-self.window[0] // 2)

    @property
    def pitch(self) -> int:
        return self.columns * COLUMN

    @property
    def words(self) -> int:
        """Words of a channel."""
        return self.pairs * self.window[1] + len(self.factors.names)

    def tile(self, outputs: int) -> list[str]:
        """A tile of some output columns."""
        sums = REGISTERS[:outputs]
        held = REGISTERS[outputs:] if self.factors.shift is None else REGISTERS[outputs + 1 :]
        constants = "r2", 4 * self.pairs * self.window[1]
        lines: list[Instruction] = []
        begun: set[int] = set()
        for p in range(self.pairs):
            for column in range((outputs - 1) * self.stride[1] + (self.window[1] - 1) * self.dilation + 1):
                for o, k in self._outputs(column, outputs):
                    words = (
                        ("r0", p * self.pitch + column * COLUMN),
                        ("r2", 4 * (p * self.window[1] + k)),
                    )
                    lines.append(self.factors.multiply(sums[o], "d", words, o not in begun, constants))
                    begun.add(o)
        for o in range(outputs):
            lines += self.factors.finish(sums[o], REGISTERS[outputs], constants)
            lines.append(Instruction(f"strb {sums[o]}, [r1, #{o * self.pixel}]"))
        return with_loads(lines, held)

    def _outputs(self, column: int, outputs: int) -> list[tuple[int, int]]:
        """(output, kernel column) that read a column of the tile."""
        found = [(o, column - o * self.stride[1]) for o in range(outputs)]
        width = self.window[1] * self.dilation
        return [(o, at // self.dilation) for o, at in found if 0 <= at < width and at % self.dilation == 0]

    def best(self) -> int:
        """Output columns of a tile that take the least time."""
        costs = {}
        for size in TILES:
            if size <= self.outputs:
                turns, rest = divmod(self.outputs, size)
                costs[size] = turns * (cycles(self.tile(size)) + AROUND)
                costs[size] += cycles(self.tile(rest)) + AROUND if rest else 0
        return min(costs, key=lambda size: costs[size])

    def row(self) -> tuple[list[str], int, int]:
        """(instructions of an output row, what they add to the planes' and to the output's pointer)."""
        size = self.best()
        turns, rest = divmod(self.outputs, size)
        lines = self.tile(size)
        step = size * self.stride[1] * COLUMN, size * self.pixel
        moved = (0, 0)
        if turns > 1 or rest:
            lines += [*advance("r0", step[0], "r3"), *advance("r1", step[1], "r3")]
            moved = turns * step[0], turns * step[1]
        if turns > 1:
            lines = counted(lines, turns, 20, "3")
        return lines + (self.tile(rest) if rest else []), *moved


def counted(body: list[str], turns: int, slot: int, label: str) -> list[str]:
    """A loop whose counter is in the frame."""
    begin = [f"mov r3, #{turns}", f"str r3, [sp, #{slot}]", f"{label}:"]
    return [*begin, *body, f"ldr r3, [sp, #{slot}]", "subs r3, #1", f"str r3, [sp, #{slot}]", f"bne {label}b"]


def tiles_function(name: str, view: Tiles, rows: int, out_step: int) -> str | None:
    """C of a function (planes, out, words) of some output rows of four channels; None: too large.

    Args:
        name: Of the function.
        view: The layer.
        rows: Output rows whose windows begin with the upper row of a word.
        out_step: Bytes from one of these output rows to the next.
    """
    body, planes, out = view.row()
    # From one such row to the next it is one word further down.
    if rows > 1:
        body += [*advance("r0", view.pitch - planes, "r3"), *advance("r1", out_step - out, "r3")]
        body = counted(body, rows, 16, "2")
    lines = ["push {r4-r11, lr}", "sub sp, #8", "mov r3, #4", "push {r0-r3}", "1:", *body]
    lines += ["ldm sp, {r0-r3}", "add r0, #4", "add r1, #1", *advance("r2", 4 * view.words, "r12")]
    lines += ["subs r3, #1", "stm sp, {r0-r3}", "bne 1b", "add sp, #24", "pop {r4-r11, pc}"]
    return function(name, POINTERS, lines) if fits(lines) else None
