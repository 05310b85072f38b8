"""Loop nests of a tile in TVMScript, without loops of one iteration.

Blockizing drops unit loops, and an intrinsic that still had them would not match.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class LoopNest:
    """A `for … in T.grid` header with its block variables.

    Args:
        dimensions: (letter, extent, "S" or "R") from outermost to innermost.
    """

    dimensions: tuple[tuple[str, int, str], ...]

    @property
    def _kept(self) -> list[tuple[str, int, str]]:
        return [d for d in self.dimensions if d[1] > 1]

    @property
    def depth(self) -> int:
        """Loops that are emitted."""
        return len(self._kept)

    def index(self, letter: str) -> str:
        """The block variable of a dimension, 0 for one of extent 1."""
        return f"v{letter}" if any(d[0] == letter for d in self._kept) else "0"

    def indices(self, letters: Sequence[str]) -> str:
        """Comma-separated block variables."""
        return ", ".join(self.index(x) for x in letters)

    def lines(self, block: str, body: str, indent: int) -> str:
        """The nest with `body` (lines without indentation) inside the block."""
        kept = self._kept
        names = ", ".join(d[0] for d in kept)
        pad = " " * indent
        if len(kept) == 1:
            kind = "spatial" if kept[0][2] == "S" else "reduce"
            head = f"{pad}for {names} in range({kept[0][1]}):\n"
            remap = f"v{names} = T.axis.{kind}({kept[0][1]}, {names})"
        else:
            head = f"{pad}for {names} in T.grid({', '.join(str(d[1]) for d in kept)}):\n"
            variables = ", ".join(f"v{d[0]}" for d in kept)
            remap = f'{variables} = T.axis.remap("{"".join(d[2] for d in kept)}", [{names}])'
        text = f'{head}{pad}    with T.sblock("{block}"):\n{pad}        {remap}\n'
        return text + "".join(f"{pad}        {line}\n" for line in body.strip("\n").split("\n"))
