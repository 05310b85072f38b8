"""C of a depthwise layer on planes, in bands: the planes of some rows at a time.

A band of n row pairs needs n + 1: the first one stays from the band before. Output rows come in twos
where the stride is 1: those whose windows begin with the even and with the odd row of a pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgewright.targets.codegen.kernels.planes_passes import OutputRow


@dataclass(frozen=True)
class Bands:
    """How a layer is cut.

    Args:
        rows: Input rows.
        row_bytes: Of the input.
        out_row_bytes: Of the output.
        columns: Of the input.
        pairs: New row pairs a band.
        zero: C of the negated zero point, twice.
        windows: The output rows.
    """

    rows: int
    row_bytes: int
    out_row_bytes: int
    columns: int
    pairs: int
    zero: str
    windows: Sequence[OutputRow]

    @property
    def pitch(self) -> int:
        """Words of a row pair of the planes."""
        return 4 * self.columns

    @property
    def last(self) -> int:
        """The last row pair that is read; beyond the tensor it is zero."""
        return max(w.pairs for w in self.windows) + 1

    def body(self) -> str:
        """C: all bands of four channels."""
        first = min(w.pairs for w in self.windows)
        lines = [self._fill(first, 0)]
        p = first
        while p < self.last:
            turns = self._alike(p)
            if turns > 1:
                lines.append(self._loop(p, turns))
                p += turns * self.pairs
                continue
            n = min(self.pairs, self.last - p)
            lines += [*self._band(p, n), self._carry(n) if p + n < self.last else ""]
            p += n
        return "\n    ".join(line for line in lines if line)

    def shared_body(self, channels: int) -> str:
        """C: all bands of all channels, those of a band together, whose planes lie one behind the other."""
        first = min(w.pairs for w in self.windows)
        lines = [self._fours(channels, [self._fill(first, 0)])]
        for p in range(first, self.last, self.pairs):
            n = min(self.pairs, self.last - p)
            band = self._band(p, n)
            wide = [line for line in band if not line.startswith(("f_2", "f_3"))]
            rows = [line for line in band if line not in wide]
            lines.append(self._fours(channels, wide))
            lines.append(self._fours(channels, [*rows, *([self._carry(n)] if p + n < self.last else [])]))
        return "\n  ".join(lines)

    def _fours(self, channels: int, lines: Sequence[str]) -> str:
        """C: some statements for all channels, four at a time."""
        inside = "\n    ".join(lines)
        place = f"x = x0 + 4 * i, y = y0 + 4 * i, k = k0 + 4 * i * words, v = v0 + i * {self.planes}"
        return f"for (int32_t i = 0; i < {channels // 4}; i++) {{\n    {place};\n    {inside}\n  }}"

    @property
    def planes(self) -> int:
        """Words of the planes of four channels."""
        return (self.pairs + 1) * self.pitch

    def lead(self) -> int:
        """How far below the input the output may begin, if the channels of a band go together."""
        first, most = min(w.pairs for w in self.windows), -(1 << 30)
        for p in range(first, self.last, self.pairs):
            n = min(self.pairs, self.last - p)
            written = max(w.index for w in self.windows if w.pairs < p + n) + 1
            read = min(self.rows, 2 * (p + n) + 2)
            most = max(most, written * self.out_row_bytes - read * self.row_bytes)
        return most

    def _alike(self, p: int) -> int:
        """Bands from row pair `p` on that are whole and lie inside the tensor."""
        n, kinds = 0, {w.odd for w in self.windows}
        have = {(w.pairs, w.odd) for w in self.windows}
        while all(
            (q, odd) in have and 2 * q + 3 < self.rows and q + 1 < self.last
            for q in range(p + n * self.pairs, p + (n + 1) * self.pairs)
            for odd in kinds
        ):
            n += 1
        return n

    def _loop(self, p: int, turns: int) -> str:
        """C: bands that differ in their place alone."""
        step = 2 * self.pairs * self.row_bytes
        calls = [f"f_1(u, u + {self.row_bytes}, v + {self.pitch}, {self.zero});"]
        moves = [f"u += {step}"]
        starts = [f"const int8_t *u = x + {2 * (p + 1) * self.row_bytes}"]
        for odd in (False, True):
            rows = [w for w in self.windows if w.odd == odd and w.pairs >= p]
            if rows:
                name = "o" if odd else "e"
                calls.append(f"f_{3 if odd else 2}(v, {name}, k, {self.pairs});")
                starts.append(f"int8_t *{name} = y + {rows[0].index * self.out_row_bytes}")
                between = rows[1].index - rows[0].index
                moves.append(f"{name} += {between * self.pairs * self.out_row_bytes}")
        calls.append(self._carry(self.pairs))
        inside = "\n      ".join(calls)
        declared = "; ".join(starts)
        return (
            f"{declared};\n    for (int32_t i = 0; i < {turns}; i++, {', '.join(moves)}) {{\n"
            f"      {inside}\n    }}"
        )

    def _band(self, p: int, n: int) -> list[str]:
        """C: expand row pairs p + 1 .. p + n, then the output rows that begin in p .. p + n - 1."""
        lines = [self._fill(q, q - p) for q in range(p + 1, p + n + 1)]
        if n == self.pairs and 2 * (p + n) + 1 < self.rows:
            source = f"x + {2 * (p + 1) * self.row_bytes}"
            lines = [f"f_1({source}, {source} + {self.row_bytes}, v + {self.pitch}, {self.zero});"]
        for odd in (False, True):
            rows = [w for w in self.windows if w.odd == odd and p <= w.pairs < p + n]
            if rows:
                planes = (rows[0].pairs - p) * self.pitch
                out = rows[0].index * self.out_row_bytes
                lines.append(f"f_{3 if odd else 2}(v + {planes}, y + {out}, k, {len(rows)});")
        return lines

    def _fill(self, p: int, slot: int) -> str:
        """C: one row pair of the planes."""
        at, rows = f"v + {slot * self.pitch}", self.rows
        if p < 0 or 2 * p >= rows:
            return f"memset({at}, 0, {4 * self.pitch});"
        source = f"x + {2 * p * self.row_bytes}"
        if 2 * p + 1 == rows:
            return f"f_4({source}, x, {at}, {self.zero});"
        return f"f_5({source}, {source} + {self.row_bytes}, {at}, {self.zero});"

    def counts(self) -> tuple[int, int, int, int]:
        """For four channels: calls, passes, columns widened, columns copied or cleared."""
        first, inside = min(w.pairs for w in self.windows), (self.rows + 1) // 2
        starts = range(first, self.last, self.pairs)
        passes = len({(w.odd, (w.pairs - first) // self.pairs) for w in self.windows})
        widened = min(self.last + 1, inside) - max(first, 0)
        cleared = self.last + 1 - first - widened
        copies = len(starts) - 1
        calls = 1 + len(starts) + passes + copies
        return calls, passes, widened * self.columns, (cleared + copies) * self.columns

    def _carry(self, n: int) -> str:
        return f"f_6(v + {n * self.pitch}, v);"
