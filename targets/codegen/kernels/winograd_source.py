"""C of the Winograd kernels: `ew_winograd_layer` with the literals and functions of a kind of layer.

A kernel has no sizes of a layer in its text, so that layers share it; they are numbers in flash.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgewright.targets.codegen.kernels.dead_channels import Int32Array

# Pairs of channels that the dot product takes without a loop: its code grows with them.
MOST_STRAIGHT_PAIRS, PIECE_PAIRS, MOST_PAIRS = 8, 16, 20
# Numbers of a layer are 16 bits wide.
LARGEST_NUMBER = (1 << 15) - 1
FORMS = ("relu", "linear", "bounded", "general", "step_relu", "step_linear")


@dataclass(frozen=True)
class Shape:
    """A layer as its kernel sees it.

    Args:
        size: Outputs of a tile in each direction.
        form: Of requantization.
        block: Rows of tiles whose inputs are transformed at a time.
        expand: 0: the weights come transformed; 1: all are transformed into scratch memory first; 2: those
            of two channels at a time.
        rows, columns, channels: Of the input.
        pad_top, pad_left, zero_point: Of the input.
        out_rows, out_columns, outputs: Of the output.
        step_shift: Right shift of the forms with steps.
    """

    size: int
    form: str
    block: int
    expand: int
    rows: int
    columns: int
    channels: int
    pad_top: int
    pad_left: int
    zero_point: int
    out_rows: int
    out_columns: int
    outputs: int
    step_shift: int = 0

    @property
    def down(self) -> int:
        """Rows of tiles."""
        return -(-self.out_rows // self.size)

    @property
    def across(self) -> int:
        """Columns of tiles."""
        return -(-self.out_columns // self.size)

    @property
    def plane(self) -> int:
        """Columns of transformed pixels in a row of tiles."""
        return self.size * self.across + 2

    @property
    def has_parts(self) -> bool:
        """Whether some tiles have outputs that do not exist."""
        return bool(self.out_rows % self.size or self.out_columns % self.size)

    @property
    def loops(self) -> bool:
        """Whether the dot product takes its pairs of channels in pieces, one or more."""
        return self.channels // 2 > MOST_STRAIGHT_PAIRS

    @property
    def piece(self) -> int:
        """Pairs of channels that the dot product takes without a loop."""
        pairs = self.channels // 2
        if not self.loops:
            return pairs
        return PIECE_PAIRS if pairs % PIECE_PAIRS == 0 else _largest_factor(pairs)

    @property
    def pieces(self) -> int:
        """Of all pairs."""
        return self.channels // 2 // self.piece

    @property
    def own_finish(self) -> bool:
        """Whether its requantization is a function in assembler."""
        return self.size == 4 and self.form not in ("bounded", "general")

    @property
    def fits(self) -> bool:
        """Whether its numbers fit."""
        sizes = (self.rows, self.columns, self.channels, self.out_rows, self.out_columns, self.outputs)
        return max(*sizes, self.pad_top, self.pad_left) <= LARGEST_NUMBER and self.pieces <= 255

    def numbers(self, output: Int32Array) -> npt.NDArray[np.int16]:
        """`ew_winograd_shape`: int16 [16].

        Args:
            output: Zero point and clamp, int32 [3].
        """
        own = (self.block, self.pieces, self.rows, self.columns, self.channels)
        place = (self.pad_top, self.pad_left, self.zero_point)
        tiles = (self.out_rows, self.out_columns, self.outputs, self.down, self.across)
        return np.array([*own, *place, *tiles, *output], np.int16)

    @property
    def dot(self) -> str:
        """Name of its dot product."""
        return f"ew_winograd_dot_{self.size}_{self.piece}{'_pieces' if self.loops else ''}"

    @property
    def finish(self) -> str:
        """Name of its requantization, if that is a function in assembler."""
        shift = f"_{self.step_shift}" if self.form.startswith("step") else ""
        return f"ew_winograd_finish_4_{self.form}{shift}"


def _largest_factor(pairs: int) -> int:
    return max(p for p in range(1, MOST_PAIRS + 1) if pairs % p == 0)


def winograd_source(shape: Shape, *, dual_issue: bool) -> str:
    """C of the kernel.

    Args:
        shape: The layer.
        dual_issue: The core starts two instructions at a time.
    """
    core, line = "dual" if dual_issue else "single", 16 * (shape.size + 2) ** 2
    macro = "DOT_PIECES" if shape.loops else "DOT"
    made = _shared(shape.dot, f"{macro}({shape.dot}, {shape.piece}, {line}, {core})")
    literals = (shape.size, FORMS.index(shape.form), shape.expand, int(shape.has_parts), shape.dot)
    members = ", ".join(str(n) for n in literals)
    if shape.own_finish:
        made += _shared(shape.finish, f"FINISH_4({shape.finish}, {shape.form}, {shape.step_shift})")
        members += f", {shape.finish}"
    else:
        members += ", 0"
    return f"""{made}static void f(const void *x, void *y, const void *weights, const void *k,
              const void *shape, void *scratch) {{
  const ew_winograd_code code = {{{members}}};
  ew_winograd_layer(&code, shape, x, y, weights, k, scratch);
}}
"""


def _shared(name: str, macro: str) -> str:
    """Definition of a function that kernels share where it is the same."""
    return f"#ifndef {name.upper()}\n#define {name.upper()}\nEW_WINOGRAD_{macro}\n#endif\n"
