"""C of the wide convolution kernels, and the constants that `ew_wide_layer_dsp.h` runs over."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgewright.targets.codegen.kernels.dot import window_constants
from edgewright.targets.codegen.kernels.dot_wide_layout import shared_skip
from edgewright.targets.codegen.kernels.dot_wide_tiles import (
    WideTiles,
    takes_runs,
    tile_function,
    tile_name,
)
from edgewright.targets.codegen.kernels.geometry import Geometry

ARGUMENTS = ("rows", "out", "c", "scratch")


def wide_source(g: Geometry, tiles: WideTiles) -> str:
    """C of a kernel: which functions gather and compute its tiles, nothing else of the layer."""
    sizes = [pixels for _, _, pixels in tiles.segments]
    made = "".join(tile_function(tiles, p) for p in sizes)
    twice = "_twice" * tiles.twice
    expand = "  ew_wide_expand_layer(&s);\n" if tiles.expand else ""
    border = f"      if (s.height == 0) ew_wide_border{twice}(&s);\n" if tiles.singly(g) else ""
    last = "  ew_wide_tile last;\n" if tiles.outputs % 2 else ""
    first, *second = (_compute(tiles, p) for p in sizes)
    compute = (
        f"      if (n == {sizes[0]}) {{\n{first}      }} else {{\n{second[0]}      }}\n" if second else first
    )
    return f"""{made}static void f(const void *const *rows, void *out, const void *const *c, void *scratch) {{
  ew_wide_state s;
{last}  ew_wide_begin(&s, rows, out, c, scratch);
{expand}  for (int32_t n, left; (n = ew_wide_next(&s)) != 0;)
    do {{
{border}{compute}    }} while (left);
}}
"""


def _compute(tiles: WideTiles, pixels: int) -> str:
    """Gather a tile and compute it."""
    gather = ("ew_wide_gather" if pixels == 4 else "ew_wide_few") + "_twice" * tiles.twice
    name = tile_name(tiles, pixels)
    last = f"        {name}(ew_wide_last(&s, &last));\n" if tiles.outputs % 2 else ""
    return f"        left = {gather}(&s);\n        {name}(&s.tile);\n{last}"


def layer_constants(g: Geometry, tiles: WideTiles) -> npt.NDArray[np.int32] | None:
    """`ew_wide_layer` as words; None where something does not fit."""
    sizes = [pixels for _, _, pixels in tiles.segments]
    last = sum(count * pixels for _, count, pixels in tiles.segments[1:])
    whole = tiles.whole
    line = tiles.x_bytes // 4
    at = line + tiles.line_bytes(g) // 4
    numbers = [
        *(g.groups, tiles.outputs, tiles.block, tiles.steps),
        *(sizes[0], sizes[-1], last),
        *(g.stride, g.width * g.group_channels if takes_runs(g) else 0),
        *(_skip(tiles, sizes[0]), _skip(tiles, sizes[-1])),
        *((whole.stride, whole.dilation) if whole else (0, 0)),
        *(line, at, at + tiles.row_bytes(g) // 4, tiles.behind),
        *(g.pad_left, whole.pad_top if whole else 0, tiles.low, tiles.high, 0),
    ]
    if min(numbers) < -(1 << 15) or max(numbers) >= 1 << 15:
        return None
    words = [g.out_columns, tiles.pixels, whole.rows if whole else 0]
    short = np.array(numbers, "<i2").view("<i4").astype(np.int32)
    return np.concatenate([window_constants(g), np.array(words, np.int32), short])


def _skip(tiles: WideTiles, pixels: int) -> int:
    return shared_skip(tiles.repeats, tiles.shared_turn(pixels)) if tiles.shared else 0
