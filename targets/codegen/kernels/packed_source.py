"""C of the convolution kernels with packed weights: loops over groups, tiles and blocks of channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.weight_format import WeightFormat
from edgewright.targets.codegen.kernels.geometry import Geometry
from edgewright.targets.codegen.kernels.requantization import Epilogue
from edgewright.targets.codegen.kernels.work import Work

# The sums of the pixels of a tile, in front of the receptive fields.
SUMS_BYTES = 16
# C parameters of a kernel, and the expressions of the row-kernel signature they get.
PARAMETERS = {
    "rows": ("const void *const *rows", "rows"),
    "window": ("const ew_window *window", "c[0]"),
    "w": ("const uint32_t *w", "c[1]"),
    "k": ("const int32_t *k", "c[2]"),
    "output": ("const void *output", "c[3]"),
    "scratch": ("int8_t *scratch", "scratch"),
    "y": ("int8_t *y", "out"),
}


@dataclass(frozen=True, eq=False)
class PackedTiles:
    """How a row is cut, and what its micro-kernels get.

    Args:
        kind: "codes" or "signs" (DSP), "lanes" (portable C).
        stored: Format of the weights.
        words: Packed weights, a block of channels first.
        call: Requantization; the bias has what the form of the inputs adds.
        segments: (first column, number of tiles, pixels a tile).
        channels: Output channels of a tile.
        outputs: Output channels of a group.
        length: Steps of the dot product.
        field_bytes: Scratch bytes of one receptive field.
        line_bytes: Scratch bytes behind them.
        gather: Name of the function that gathers, and a last argument.
        gathered: Work of gathering.
    """

    kind: Literal["codes", "signs", "lanes"]
    stored: WeightFormat
    words: npt.NDArray[np.unsignedinteger]
    call: Epilogue
    segments: Sequence[tuple[int, int, int]]
    channels: int
    outputs: int
    length: int
    field_bytes: int
    line_bytes: int
    gather: str
    gathered: Work

    @property
    def blocks(self) -> int:
        return -(-self.outputs // self.channels)

    @property
    def scratch_bytes(self) -> int:
        return SUMS_BYTES + self.field_bytes * self.segments[0][2] + self.line_bytes

    @property
    def in_registers(self) -> bool:
        """Whether tiles requantize before they store (and store all channels)."""
        return self.call.form in ("relu", "linear")

    @property
    def doubled(self) -> bool:
        """Whether bias and sums of pixels come doubled, as those tiles take them."""
        return self.in_registers and self.kind == "codes"


def packed_source(g: Geometry, tiles: PackedTiles) -> tuple[str, tuple[str, ...]]:
    """(C of the kernel, its arguments)."""
    names = [n for n in PARAMETERS if n != "output" or not tiles.in_registers]
    loops = "".join(_segment(g, tiles, *segment) for segment in tiles.segments)
    sums = "" if tiles.kind == "signs" else "  int32_t *sums = (int32_t *)(void *)scratch;\n"
    parameters = ", ".join(PARAMETERS[n][0] for n in names).replace(
        "uint32_t *w", f"{tiles.words.dtype}_t *w"
    )
    source = f"""static void f({parameters}) {{
{sums}  void *x = scratch + {SUMS_BYTES};
  for (int32_t g = 0; g < {g.groups}; g++) {{
{loops}    w += {tiles.words.size // g.groups};
    k += {tiles.blocks * 3 * tiles.channels};
  }}
}}
"""
    return source, tuple(PARAMETERS[n][1] for n in names)


def _segment(g: Geometry, tiles: PackedTiles, first: int, count: int, pixels: int) -> str:
    channels, outputs = tiles.channels, tiles.outputs
    total = outputs * g.groups
    rest = f"{outputs} - o * {channels}"
    exist = str(channels) if outputs % channels == 0 else f"{rest} < {channels} ? {rest} : {channels}"
    tail = f"{exist}, output"
    if tiles.in_registers:
        zero_point = tiles.call.zero_point
        tail = str(2 * zero_point + 1 if tiles.kind == "codes" else zero_point)
    prefix = f"ew_packed{tiles.stored.bits}"
    if tiles.in_registers or tiles.kind == "signs":
        prefix = f"ew_packed_{tiles.stored.name}"
    step = tiles.words.size // (g.groups * tiles.blocks)
    words = f"w + o * {step}"
    if tiles.words.dtype != np.uint32:
        words = f"(const void *)({words})"
    y = f"y + (t * {pixels * total} + g * {outputs} + o * {channels} + {first * total})"
    return f"""    for (int32_t t = 0; t < {count}; t++) {{
{_gather(g, tiles, first, pixels)}      for (int32_t o = 0; o < {tiles.blocks}; o++)
        {prefix}_{channels}x{pixels}_{tiles.call.form}({words}, x,{" sums," * (tiles.kind != "signs")}
            k + o * {3 * channels}, {y}, {tiles.length}, {total}, {tail});
    }}
"""


def _gather(g: Geometry, tiles: PackedTiles, first: int, pixels: int) -> str:
    name, _, depth = tiles.gather.partition(",")
    column = f"t * {pixels * g.stride} + {first * g.stride - g.pad_left}"
    fields = f"{g.stride}, g * {g.group_channels}, window"
    offset = tiles.stored.offset * (2 if tiles.doubled else 1)
    if tiles.kind == "lanes":
        # A word has two pixels, but where there is only one in a row.
        lanes = 2 if pixels == 1 and tiles.channels == 1 else pixels
        return f"      {name}(rows, x, sums, {column}, {pixels}, {lanes}, {fields}, {offset});\n"
    text = f"      {name}(rows, x, {column}, {pixels}, {fields}{f', {depth}' if depth else ''});\n"
    if tiles.kind == "codes":
        text += f"      ew_packed_sums(x, sums, {tiles.length}, {pixels}, {offset});\n"
    return text
