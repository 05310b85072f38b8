"""C of the wide convolution kernels: loops over groups and tiles of pixels; `ew_wide_dsp.h` has the tiles."""

from __future__ import annotations

from edgewright.targets.codegen.kernels.dot_wide_tiles import (
    WholeRows,
    WideTiles,
    runs_inside,
    takes_runs,
    tile_function,
    tile_name,
    tile_tail,
)
from edgewright.targets.codegen.kernels.geometry import Geometry

# C parameters of a kernel, and the expressions of the row-kernel signature they get.
PARAMETERS = {
    "rows": ("const void *const *rows", "rows"),
    "window": ("const ew_window *window", "c[0]"),
    "w": ("const int32_t *w", "c[1]"),
    "padding": ("const void *padding", "c[2]"),
    "x": ("uint32_t *x", "scratch"),
    "y": ("int8_t *y", "out"),
}


def wide_source(g: Geometry, tiles: WideTiles) -> tuple[str, tuple[str, ...]]:
    """(C of the kernel, its arguments)."""
    used = ["rows", "window", "w", "x", "y"] + (["padding"] if tiles.whole else [])
    if runs_inside(g):
        used.remove("window")
    names = [n for n in PARAMETERS if n in used]
    made = "".join(tile_function(tiles, p) for p in sorted({p for _, _, p in tiles.segments}))
    line = f"  int8_t *line = (int8_t *)x + {tiles.x_bytes};\n" if "window" in names else ""
    stream = ""
    if tiles.expand:
        stream = f"""  uint32_t *wide = x + {(tiles.x_bytes + tiles.line_bytes(g)) // 4};
  ew_wide_expand((const uint32_t *)w, wide, {g.groups * tiles.pairs}, {tiles.steps // 2}, {tiles.behind});
  w = (const int32_t *)wide;
"""
    rows = ""
    if tiles.whole:
        rows = f"  const int8_t *tensor = rows[0];\n  const void *at[{g.height}];\n"
    loops = "".join(_segment(g, tiles, *segment) for segment in tiles.segments)
    start = f"    int32_t r = 0, c = 0;\n    {_row_pointers(g, tiles.whole, '0')}\n" if tiles.whole else ""
    source = f"""{made}static void f({", ".join(PARAMETERS[n][0] for n in names)}) {{
{line}{stream}{rows}  for (int32_t g = 0; g < {g.groups}; g++) {{
{start}{loops}    w += {tiles.pairs * tiles.block};
  }}
}}
"""
    return source, tuple(PARAMETERS[n][1] for n in names)


def _row_pointers(g: Geometry, whole: WholeRows, row: str) -> str:
    first = f"{row} * {whole.stride} - {whole.pad_top}"
    return (
        f"ew_wide_rows(at, tensor, {first}, {g.height}, {whole.dilation}, {whole.rows}, {whole.row_bytes}, "
        "padding);"
    )


def _segment(g: Geometry, tiles: WideTiles, first: int, count: int, pixels: int) -> str:
    total = tiles.outputs * g.groups
    gather = _joined(g, tiles, pixels) if tiles.whole else _in_row(g, tiles, first, pixels)
    name, full = tile_name(tiles, pixels), tiles.outputs // 2
    tail = tile_tail(tiles, pixels)
    calls = f"      {name}(w, x, o, o + {2 * full}{tail});\n"
    if tiles.outputs % 2:
        w = f"w + {full * tiles.block}"
        calls += f"      {name}({w}, x, o + {tiles.outputs - 2}, o + {tiles.outputs}{tail});\n"
    return f"""    for (int32_t t = 0; t < {count}; t++) {{
{gather}      int8_t *o = y + t * {pixels * total} + g * {tiles.outputs} + {first * total};
{calls}    }}
"""


def _in_row(g: Geometry, tiles: WideTiles, first: int, pixels: int) -> str:
    """Gather a tile of an output row, of the rows that the driver passes."""
    column = f"t * {pixels * g.stride} + {first * g.stride - g.pad_left}"
    field = _field(g, tiles, "rows", "column + p * " + str(g.stride), pixels)
    slow = f"for (int32_t p = 0; p < {pixels}; p++) {field}"
    text = f"      int32_t column = {column};\n"
    if not takes_runs(g):
        return text + f"      {slow}\n"
    fast = _fast(g, tiles, "rows", pixels)
    if runs_inside(g):
        return text + f"      {fast}\n"
    return f"{text}      if ({_inside(g, pixels)}) {fast}\n      else {slow}\n"


def _joined(g: Geometry, tiles: WideTiles, pixels: int) -> str:
    """Gather a tile that may go on in the next row."""
    assert tiles.whole is not None
    step = f"if (c == {g.out_columns}) {{ c = 0; r++; {_row_pointers(g, tiles.whole, 'r')} }}"
    column = f"c * {g.stride} - {g.pad_left}"
    field = (
        _field(g, tiles, "at", column, pixels)
        if "window" in _needed(g)
        else _one_run(g, tiles, "at", column, pixels)
    )
    slow = f"for (int32_t p = 0; p < {pixels}; p++, c++) {{\n        {step}\n        {field}\n      }}"
    if not takes_runs(g) or g.out_columns < pixels:
        return f"      {slow}\n"
    fast = _fast(g, tiles, "at", pixels)
    condition = f"c + {pixels} <= {g.out_columns}" + ("" if runs_inside(g) else f" && {_inside(g, pixels)}")
    return f"""      {step}
      int32_t column = {column};
      if ({condition}) {{ {fast} c += {pixels}; }}
      else {slow}
"""


def _needed(g: Geometry) -> tuple[str, ...]:
    return () if runs_inside(g) else ("window",)


def _inside(g: Geometry, pixels: int) -> str:
    reach = (pixels - 1) * g.stride + (g.width - 1) * g.dilation
    low = "column >= 0 && " if g.pad_left else ""
    return f"{low}column + {reach} < {g.columns}"


def _fast(g: Geometry, tiles: WideTiles, rows: str, pixels: int) -> str:
    """All pixels of a tile at once, from inside the tensor."""
    run = (
        f"ew_wide_runs((const int8_t *){rows}[ky] + (column * {g.pixel_bytes} + g * {g.group_channels}), d, "
        f"{g.width * g.group_channels}, {pixels}, {g.stride * g.pixel_bytes}, {pixels}, {tiles.twice});"
    )
    return f"{{ uint32_t *d = x; for (int32_t ky = 0; ky < {g.height}; ky++) d = {run} }}"


def _one_run(g: Geometry, tiles: WideTiles, rows: str, column: str, pixels: int) -> str:
    """One pixel from inside the tensor."""
    name = "ew_wide_run_twice" if tiles.twice else "ew_wide_run"
    run = (
        f"{name}((const int8_t *){rows}[ky] + (({column}) * {g.pixel_bytes} + g * {g.group_channels}), d, "
        f"{g.width * g.group_channels}, {pixels});"
    )
    return f"{{ uint32_t *d = x + p; for (int32_t ky = 0; ky < {g.height}; ky++) d = {run} }}"


def _field(g: Geometry, tiles: WideTiles, rows: str, column: str, pixels: int) -> str:
    """One pixel, wherever it is."""
    if runs_inside(g):
        return _one_run(g, tiles, rows, column, pixels)
    place = f"{column}, g * {g.group_channels}"
    return f"ew_wide_field({rows}, x + p, {place}, window, {pixels}, line, {tiles.twice});"
