"""C and work of the convolution kernels that need less scratch memory.

Plain loops over groups, tiles and blocks of channels. Tiles of the DSP class have the distance of
their pixels among their instructions, so the kernel's text makes the tile functions it calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgewright.targets.codegen.kernels.geometry import Geometry
from edgewright.targets.codegen.kernels.requantization import Epilogue
from edgewright.targets.codegen.kernels.work import Work, gather_any_work, gather_work

# C parameters of a kernel, and the expressions of the row-kernel signature they get.
PARAMETERS = {
    "rows": ("const void *const *rows", "rows"),
    "window": ("const ew_window *window", "c[0]"),
    "w": ("const int8_t *w", "c[1]"),
    "k": ("const int32_t *k", "c[2]"),
    "output": ("const ew_output *output", "c[3]"),
    "x": ("int8_t *x", "scratch"),
    "y": ("int8_t *y", "out"),
}


@dataclass(frozen=True)
class Tiles:
    """How a row is cut.

    Args:
        segments: (first column, number of tiles, pixels a tile).
        channels: Output channels a tile: 2 or 4.
        outputs: Output channels of a group.
        call: Requantization.
        in_place: The input row is read, not a gathered copy.
    """

    segments: Sequence[tuple[int, int, int]]
    channels: int
    outputs: int
    call: Epilogue
    in_place: bool

    @property
    def in_registers(self) -> bool:
        """Whether tiles requantize before they store (and store all channels)."""
        return self.call.form in ("relu", "linear")

    @property
    def blocks(self) -> int:
        return -(-self.outputs // self.channels)


def lean_source(g: Geometry, tiles: Tiles) -> tuple[str, tuple[str, ...]]:
    """(C of the kernel, its arguments)."""
    used = ["rows", "w", "k", "y"]
    used += [] if tiles.in_place else ["window", "x"]
    used += [] if tiles.in_registers else ["output"]
    names = [n for n in PARAMETERS if n in used]
    made, loops = "", ""
    for segment in tiles.segments:
        name = f"ew_tile_4x1_{tiles.call.form}"
        if tiles.channels == 2:
            name, text = _tile_function(g, tiles, segment[2])
            made += text
        loops += _segment(g, tiles, segment, name)
    source = f"""{made}static void f({", ".join(PARAMETERS[n][0] for n in names)}) {{
  for (int32_t g = 0; g < {g.groups}; g++) {{
{loops}    w += {tiles.blocks * tiles.channels * 4 * g.quads};
    k += {tiles.blocks * tiles.channels * 3};
  }}
}}
"""
    return source, tuple(PARAMETERS[n][1] for n in names)


def _tile_function(g: Geometry, tiles: Tiles, pixels: int) -> tuple[str, str]:
    """(name, text) of a tile function; kernels share those of one distance."""
    form, distance, advance = tiles.call.form, 4, 4 * pixels
    name = f"ew_tile_s8_2x{pixels}_{form}"
    if tiles.in_place:
        distance, advance = g.stride * g.pixel_bytes, 4
        name += f"_{distance}"
    made = f"EW_TILE_S8_{form}({name}, {pixels}, {distance}, {advance})"
    return name, f"#ifndef {name.upper()}\n#define {name.upper()}\n{made}\n#endif\n"


def _segment(g: Geometry, tiles: Tiles, segment: tuple[int, int, int], name: str) -> str:
    first, count, pixels = segment
    channels, outputs, quads = tiles.channels, tiles.outputs, g.quads
    total = outputs * g.groups
    x = "x"
    if tiles.in_place:
        step = g.stride * g.pixel_bytes
        x = f"(const int8_t *)rows[0] + (t * {pixels * step} + g * {g.group_channels} + {first * step})"
    stride = f", {total}" if channels == 2 else ""
    rest = f"{outputs} - o * {channels}"
    exist = str(channels) if outputs % channels == 0 else f"{rest} < {channels} ? {rest} : {channels}"
    tail = str(tiles.call.zero_point) if tiles.in_registers else f"{exist}, output"
    y = f"y + (t * {pixels * total} + g * {outputs} + o * {channels} + {first * total})"
    return f"""    for (int32_t t = 0; t < {count}; t++) {{
{"" if tiles.in_place else _gather(g, tiles, segment)}      for (int32_t o = 0; o < {tiles.blocks}; o++)
        {name}(w + o * {channels * 4 * quads}, {x}, k + o * {3 * channels},
            {y}, {quads}{stride}, {tail});
    }}
"""


def _gather(g: Geometry, tiles: Tiles, segment: tuple[int, int, int]) -> str:
    first, _, pixels = segment
    column = f"t * {pixels * g.stride} + {first * g.stride - g.pad_left}"
    name, depth = "ew_gather_s8", f", {4 * g.quads}"
    if tiles.channels == 2:
        name = "ew_gather_quads_any"
        if g.group_channels % 4 == 0:
            name, depth = "ew_gather_quads", ""
    channel = f"g * {g.group_channels}"
    return f"      {name}(rows, x, {column}, {pixels}, {g.stride}, {channel}, window{depth});\n"


def lean_work(g: Geometry, tiles: Tiles) -> Work:
    """How often one call does each thing that has a cost."""
    count = sum(n for _, n, _ in tiles.segments)
    work: Work = {"lean": 1, "lean_segment": g.groups * len(tiles.segments), "lean_tile": g.groups * count}
    if not tiles.in_place:
        work |= _gather_work(g, tiles, count)
    for _, number, pixels in tiles.segments:
        calls = g.groups * number * tiles.blocks
        kind = f"s8_2x{pixels}" if tiles.channels == 2 else "4x1"
        work[f"tile_{kind}_{tiles.call.form}"] = calls
        if not tiles.in_registers:
            work[f"tile_{kind}_{tiles.call.form}_channel"] = g.groups * number * tiles.outputs
        work[f"dot_{kind}"] = calls * g.quads
        work[f"dot_{kind}_rest"] = calls * (g.quads % 4)
    return work


def _gather_work(g: Geometry, tiles: Tiles, count: int) -> Work:
    """`ew_gather_quads` does what `ew_gather` does, but copies words; the others line up bytes."""
    if tiles.channels == 2 and g.group_channels % 4 == 0:
        found = gather_work(g, count)
        return {k.replace("gather", "gather_quads").replace("widen", "spread"): n for k, n in found.items()}
    found = gather_any_work(g, count)
    if tiles.channels == 4:
        lined = {k: n for k, n in found.items() if k.startswith("line_")}
        return {"gather_s8": g.groups * count} | lined
    return {k.replace("gather_any", "gather_quads_any").replace("widen", "spread"): n for k, n in found.items()}
