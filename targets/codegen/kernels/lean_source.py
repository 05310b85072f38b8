"""C and work of the convolution kernels that need less scratch memory.

Plain loops over groups, tiles and blocks of channels. Tiles of the DSP class have the distance of
their pixels among their instructions, so the kernel's text makes the tile functions it calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgewright.targets.codegen.kernels.geometry import Geometry
from edgewright.targets.codegen.kernels.requantization import Epilogue
from edgewright.targets.codegen.kernels.work import Work, gather_any_work, gather_work, tile_work

# Cycles of a quad of int8 pixels relative to int16 ones (Cortex-M4: 31.5 : 29.5, 23.5 : 22.5, 16.5 : 15.5).
INT8_COST = 1.06
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


def _tile_name(g: Geometry, tiles: Tiles, pixels: int) -> str:
    name = f"ew_tile_s8_2x{pixels}_{tiles.call.form}"
    return f"{name}_{g.stride * g.pixel_bytes}" if tiles.in_place else name


def lean_functions(g: Geometry, tiles: Tiles) -> list[str]:
    """Micro-kernels a kernel calls, and those that they call."""
    names = [] if tiles.in_place else [_gather_name(g, tiles)]
    for _, _, pixels in tiles.segments:
        tile, sums = f"ew_tile_4x1_{tiles.call.form}", "ew_dot_4x1"
        if tiles.channels == 2:
            tile = _tile_name(g, tiles, pixels)
            sums = f"{tile}_sums"
        names += [tile] if tiles.in_registers else [tile, sums]
    return names


def _tile_function(g: Geometry, tiles: Tiles, pixels: int) -> tuple[str, str]:
    """(name, text) of a tile function; kernels share those of one distance."""
    form, distance, advance = tiles.call.form, 4, 4 * pixels
    name = _tile_name(g, tiles, pixels)
    if tiles.in_place:
        distance, advance = g.stride * g.pixel_bytes, 4
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


def _gather_name(g: Geometry, tiles: Tiles) -> str:
    if tiles.channels != 2:
        return "ew_gather_s8"
    return "ew_gather_quads_any" if g.group_channels % 4 else "ew_gather_quads"


def _gather(g: Geometry, tiles: Tiles, segment: tuple[int, int, int]) -> str:
    first, _, pixels = segment
    column = f"t * {pixels * g.stride} + {first * g.stride - g.pad_left}"
    name = _gather_name(g, tiles)
    depth = "" if name == "ew_gather_quads" else f", {4 * g.quads}"
    channel = f"g * {g.group_channels}"
    return f"      {name}(rows, x, {column}, {pixels}, {g.stride}, {channel}, window{depth});\n"


def lean_work(g: Geometry, tiles: Tiles) -> Work:
    """Work of one call, in terms of the kernels that widen to int16 first, or of fully connected layers."""
    count = sum(n for _, n, _ in tiles.segments)
    work: Work = {"dot": 1, "dot_segment": g.groups * len(tiles.segments)}
    if tiles.in_place:
        pass
    elif tiles.channels == 2 and g.group_channels % 4 == 0:
        work |= gather_work(g, count)
    else:
        lined = gather_any_work(g, count)
        work |= {k: n for k, n in lined.items() if tiles.channels == 2 or not k.startswith("widen")}
    if tiles.channels == 2:
        dots = tile_work(g, tiles.segments, tiles.outputs, tiles.call.form)
        return work | {k: n * INT8_COST if k.startswith("dot") else n for k, n in dots.items()}
    calls = g.groups * count * tiles.blocks
    work |= {"dot_4x1": calls * g.quads, "dot_4x1_rest": calls * (g.quads % 4)}
    # Only the forms that round once are measured with this tile; 2 x 2 requantizes as many sums.
    kind = f"tile_2x2_{tiles.call.form}"
    share = 2
    if tiles.call.form.startswith("once"):
        kind, share = f"tile_4x1_{tiles.call.form}", 1
    work[kind] = calls
    if not tiles.in_registers:
        work[f"{kind}_channel"] = g.groups * count * tiles.outputs / share
    return work
