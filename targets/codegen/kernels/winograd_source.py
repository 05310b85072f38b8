"""C of the Winograd kernels: a call of `ew_winograd_layer` with the literals and functions of a shape."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Any

# Pairs of channels that the dot product takes without a loop, at most: its code grows with them.
MOST_PAIRS = 20
# Of a load or store with a literal offset, and of a literal that is added.
LARGEST_OFFSET = 4095
FORMS = ("relu", "linear", "bounded", "general", "step_relu", "step_linear")


@dataclass(frozen=True)
class Shape:
    """The literals of a kernel, `ew_winograd_shape`.

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
    def plane(self) -> int:
        """Columns of transformed pixels in a row of tiles."""
        return self.size * -(-self.out_columns // self.size) + 2

    @property
    def has_parts(self) -> bool:
        """Whether some tiles have outputs that do not exist."""
        return bool(self.out_rows % self.size or self.out_columns % self.size)

    @property
    def pieces(self) -> int:
        """Parts in which the dot product takes its pairs of channels."""
        pairs = self.channels // 2
        return pairs // max(p for p in range(1, MOST_PAIRS + 1) if pairs % p == 0)

    @property
    def code_bytes(self) -> int:
        """Code of the kernel and of its functions, about; measured where none is shared."""
        pairs = self.channels // 2
        dot = 58 * pairs // self.pieces * (1 if self.pieces == 1 else 2)
        if self.size == 2:
            return dot + 1000 + 500 * (self.expand > 0) + 300 * self.has_parts
        return dot + 2200 + 1100 * (self.expand > 0) + 700 * self.has_parts

    @property
    def fits(self) -> bool:
        """Whether all distances fit the instructions of the functions in assembler."""
        if self.size == 2:
            return True
        rows = max(self.columns * self.channels, self.out_columns * self.outputs)
        return max(24 * self.plane, 24 * self.channels, 3 * self.outputs, rows // 16) <= LARGEST_OFFSET


def winograd_source(shape: Shape, *, dual_issue: bool) -> str:
    """C of the kernel.

    Args:
        shape: Its literals.
        dual_issue: The core starts two instructions at a time.
    """
    pairs, pieces = shape.channels // 2, shape.pieces
    load = "EW_WINOGRAD_LOAD_" + ("DOUBLE" if dual_issue else "SINGLE")
    called: dict[str, tuple[Any, ...]] = {"dot": (f"dot_{pairs}", "DOT", pairs, load)}
    if pieces > 1:
        called["dot"] = (f"dot_{pairs}", "DOT_LOOP", pairs // pieces, pieces, load)
    if shape.size == 4:
        called |= _functions_4(shape)
    made = "".join(_shared(f"ew_winograd_{name}", *macro) for name, *macro in called.values())
    functions = ", ".join(f".{member} = ew_winograd_{name}" for member, (name, *_) in called.items())
    numbers = [FORMS.index(v) if isinstance(v, str) else v for v in astuple(shape)[:-1]]
    return f"""{made}static void f(const void *x, void *y, const void *weights, const void *k,
              const void *output, void *scratch) {{
  const ew_winograd_shape shape = {{{", ".join(str(n) for n in numbers)}}};
  const ew_winograd_functions call = {{{functions}}};
  ew_winograd_layer(&shape, &call, x, y, weights, k, output, scratch);
}}
"""


def _shared(name: str, macro: str, *arguments: Any) -> str:
    """Definition of a function that layers share where it is the same."""
    text = ", ".join(str(a) for a in (name, *arguments))
    return f"#ifndef {name.upper()}\n#define {name.upper()}\nEW_WINOGRAD_{macro}({text})\n#endif\n"


def _functions_4(shape: Shape) -> dict[str, tuple[Any, ...]]:
    """Member of `ew_winograd_functions` -> (name, macro, its arguments)."""
    row, line, step = shape.columns * shape.channels, 4 * shape.plane, 8 * shape.channels
    load = "LITERAL" if 5 * row <= LARGEST_OFFSET else "REGISTER"
    columns = (f"EW_WINOGRAD_{load}_4", row, shape.channels, line)
    found: dict[str, tuple[Any, ...]] = {
        "columns": (f"columns_4_{row}_{shape.channels}_{line}", "COLUMNS_4", *columns),
        "tile": (f"tile_4_{line}_{step}", "TILE_4", line, step),
    }
    if shape.form not in ("bounded", "general"):
        steps = {"finish": (shape.out_columns * shape.outputs, shape.outputs)}
        if shape.has_parts:
            steps["finish_parts"] = (8, 2)
        for member, (down, right) in steps.items():
            name = f"finish_4_{shape.form}_{shape.step_shift}_{down}_{right}"
            found[member] = (name, "FINISH_4", shape.form, shape.step_shift, down, right)
    if shape.expand:
        found["expand"] = (f"expand_4_{step // 2}", "EXPAND_4", step // 2)
    return found
