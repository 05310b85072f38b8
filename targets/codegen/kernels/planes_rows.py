"""Assembler of 3x3 depthwise rows on planes: one channel, one output row after the other.

A row of the window pairs with the next one in a word of the planes. Where the first row of an output's
window is even, rows 0 and 1 are one SMLAD with the word of the first row pair and row 2 is the lower half
of the second; where it is odd, row 0 is the upper half of the first and rows 1 and 2 the second word. So
nine taps are six instructions. Every column that is loaded goes to all the outputs it belongs to; a
register that holds a sum is free again when its last column has come.

Registers while rows run: r0 planes, r1 out; five words of weights, multiplier and addend; r11, r12 or
those that are left the sums and a column's two words; lr counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from edgewright.targets.codegen.kernels.planes_text import COLUMN, UNROLLED, fits

# Taps of the kernel's rows and columns.
TAPS = 3


@dataclass(frozen=True)
class Parity:
    """Where the operands of a pass lie: windows that begin with an even row, or with an odd one.

    Args:
        odd: The first row of the windows is odd.
        full: Words of the two rows that pair, by kernel column.
        single: Words of the third row: (column 0, column 1), (column 2, offset).
        multiplier, addend: Of the requantization.
        sums: Registers for sums.
        words: Registers for the words of a column: first row pair, second row pair.
    """

    odd: bool
    full: tuple[str, str, str]
    single: tuple[str, str]
    multiplier: str
    addend: str
    sums: tuple[str, ...]
    words: tuple[str, str]


@dataclass(frozen=True)
class Columns:
    """The horizontal part of a layer.

    Args:
        columns: Input columns.
        outputs: Output columns.
        stride: Input columns for each output column.
        pad: Columns of padding on the left.
        pixel: Bytes from one output pixel to the next.
        shift: Of the requantization.
    """

    columns: int
    outputs: int
    stride: int
    pad: int
    pixel: int
    shift: int

    @property
    def pitch(self) -> int:
        return self.columns * COLUMN

    def taps(self, column: int) -> list[tuple[int, int]]:
        """(kernel column, output column) an input column belongs to, the output that ends here first."""
        found = []
        for k in reversed(range(TAPS)):
            o, rest = divmod(column + self.pad - k, self.stride)
            if rest == 0 and 0 <= o < self.outputs:
                found.append((k, o))
        return found

    def steady(self, column: int) -> bool:
        """Whether a column does what all columns far from the borders do."""
        wanted = [k for k in reversed(range(TAPS)) if (column + self.pad - k) % self.stride == 0]
        taps = self.taps(column)
        inner = all(self.ends(o) == (column - k, column - k + TAPS - 1) for k, o in taps)
        return inner and [k for k, _ in taps] == wanted

    def ends(self, output: int) -> tuple[int, int]:
        """First and last input column of an output column."""
        used = [c for k in range(TAPS) if 0 <= (c := output * self.stride + k - self.pad) < self.columns]
        return (used[0], used[-1]) if used else (0, -1)


@dataclass(eq=False)
class Row:
    """Instructions of one output row, made column by column.

    Args:
        view: The layer.
        parity: Of the row.
        pair: Only the two rows that pair lie inside the tensor.
    """

    view: Columns
    parity: Parity
    pair: bool
    free: list[str] = field(default_factory=list)
    sums: dict[int, str] = field(default_factory=dict)
    # What loops have added to the pointers.
    done: int = 0

    def __post_init__(self) -> None:
        self.free = list(self.parity.sums)

    def column(self, c: int) -> list[str]:
        """Load the words of a column and add them to its outputs; store those that are complete."""
        taps = self.view.taps(c)
        if not taps:
            return []
        offset = (c - self.done) * COLUMN
        words, pitch = self.parity.words, self.view.pitch
        first, second = (f"ldr {words[i]}, [r0, #{offset + i * pitch}]" for i in (0, 1))
        lines = [second if self.parity.odd else first] if self.pair else [first, second]
        for k, o in taps:
            lines += self._tap(k, o)
            if self.view.ends(o)[1] == c:
                lines += self._finish(o)
        return lines

    def _tap(self, k: int, o: int) -> list[str]:
        started = o in self.sums
        register = self.sums[o] if started else self.free.pop()
        self.sums[o] = register
        p = self.parity
        added = register if started else p.single[1]
        lines = [f"smlad {register}, {p.words[p.odd]}, {p.full[k]}, {added}"]
        if not self.pair:
            halves = f"{'t' if p.odd else 'b'}{'t' if k == 1 else 'b'}"
            lines.append(f"smla{halves} {register}, {p.words[not p.odd]}, {p.single[k // 2]}, {register}")
        return lines

    def _finish(self, o: int) -> list[str]:
        register = self.sums.pop(o)
        self.free.append(register)
        place = (o - self.done // self.view.stride) * self.view.pixel
        return [
            f"smmla {register}, {register}, {self.parity.multiplier}, {self.parity.addend}",
            f"ssat {register}, #8, {register}, asr #{self.view.shift}",
            f"strb {register}, [r1, #{place}]",
        ]


def row(view: Columns, parity: Parity, pair: bool, counter: str) -> tuple[list[str], int] | None:
    """(instructions of an output row, columns its loops advance the pointers), or None: too large.

    Args:
        view: The layer.
        parity: Of the row.
        pair: Only the two rows that pair lie inside the tensor.
        counter: Register for the loop over columns of wide rows.
    """
    for unrolled in range(UNROLLED, 1, -2):
        made = Row(view, parity, pair)
        lines = _row(made, unrolled, counter)
        if fits(lines):
            return lines, made.done
    return None


def _row(made: Row, unrolled: int, counter: str) -> list[str]:
    view = made.view
    head, turns = 0, 0
    if view.columns > unrolled + 2:
        steady = [view.steady(c) for c in range(view.columns)]
        head = steady.index(True) if any(steady) else view.columns
        end = next((c for c in range(head, view.columns) if not steady[c]), view.columns)
        turns = (end - head) // unrolled
    lines = [line for c in range(head) for line in made.column(c)]
    if turns > 1:
        before, free = dict(made.sums), list(made.free)
        lines += [f"mov {counter}, #{turns}", "3:"]
        lines += [line for c in range(head, head + unrolled) for line in made.column(c)]
        outputs = unrolled // view.stride
        lines += [f"addw r0, r0, #{unrolled * COLUMN}", f"addw r1, r1, #{outputs * view.pixel}"]
        lines += [f"subs {counter}, #1", "bne 3b"]
        after = {o + outputs: register for o, register in before.items()}
        assert (made.sums, made.free) == (after, free), "sums have to be in the same registers at every turn"
        made.done = turns * unrolled
        made.sums = {o + turns * outputs: register for o, register in before.items()}
        head += turns * unrolled
    return lines + [line for c in range(head, view.columns) for line in made.column(c)]
