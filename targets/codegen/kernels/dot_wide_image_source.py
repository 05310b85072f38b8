"""An int16 image of a convolution's input, and C of the kernels that read it (`dot_wide_image.py`)."""

from __future__ import annotations

from dataclasses import dataclass

from edgewright.targets.codegen.kernels.dot_wide_layer import WideLayer
from edgewright.targets.codegen.kernels.dot_wide_layout import wide_segments
from edgewright.targets.codegen.kernels.geometry import Geometry

# Of an immediate offset.
MAX_OFFSET = 4095
# Cycles of a step, and of what is beside the steps, by pixels of a tile.
STEP_CYCLES = {4: 16, 3: 12, 2: 9, 1: 6}
TILE_CYCLES = {4: 45, 3: 36, 2: 28, 1: 20}


@dataclass(frozen=True)
class Image:
    """An image and its tiles.

    Args:
        g: What an output row reads.
        rows: Image rows: of a window, or of the whole padded input.
        out_rows: Output rows that are computed of it.
        row_stride: Image rows from one output row to the next.
        down: Pixels of a tile lie above one another.
    """

    g: Geometry
    rows: int
    out_rows: int
    row_stride: int
    down: bool

    @property
    def left(self) -> int:
        """Elements of padding in front of a row."""
        return self.g.pad_left * self.g.pixel_bytes

    @property
    def used(self) -> int:
        """Elements of the input in a row."""
        return min(self.g.columns, self._columns - self.g.pad_left) * self.g.pixel_bytes

    @property
    def _columns(self) -> int:
        return (self.g.out_columns - 1) * self.g.stride + self.g.width

    @property
    def right(self) -> int:
        """Elements behind them; whole words in a row."""
        size = self._columns * self.g.pixel_bytes
        return size + size % 2 - self.left - self.used

    @property
    def pitch(self) -> int:
        """Bytes from row to row."""
        return 2 * (self.left + self.used + self.right)

    @property
    def run(self) -> int:
        """Words of a kernel row of a receptive field."""
        return -(-self.g.width * self.g.pixel_bytes // 2)

    @property
    def column_distance(self) -> int:
        return 2 * self.g.stride * self.g.pixel_bytes

    @property
    def row_distance(self) -> int:
        return self.row_stride * self.pitch

    @property
    def distance(self) -> int:
        """Bytes from pixel to pixel of a tile."""
        return self.row_distance if self.down else self.column_distance

    @property
    def segments(self) -> list[tuple[int, int, int]]:
        return wide_segments(self.out_rows if self.down else self.g.out_columns, threes=True)

    @property
    def lines(self) -> int:
        """How often the segments are gone through."""
        return self.g.out_columns if self.down else self.out_rows

    @property
    def cycles(self) -> int:
        """Of all tiles for two channels, about."""
        steps = self.g.height * self.run
        return self.lines * sum(n * (steps * STEP_CYCLES[p] + TILE_CYCLES[p]) for _, n, p in self.segments)

    @property
    def offsets_fit(self) -> bool:
        pixels = max(p for _, _, p in self.segments)
        return (self.g.height - 1) * self.pitch + 4 * self.run + (pixels - 1) * self.distance <= MAX_OFFSET

    @property
    def size_bytes(self) -> int:
        """An odd last element is read with one more."""
        return self.rows * self.pitch + 4


def out_distance(layer: WideLayer, image: Image) -> int:
    return layer.out_row_bytes if image.down else layer.total


def image_source(
    layer: WideLayer, image: Image, place: str, whole: bool, steps: int, block: int
) -> tuple[str, dict[int, str]]:
    """(C of a kernel, names of its tile functions by their pixels)."""
    g, v = layer.geometry, layer.view
    made, calls, names = "", "", {}
    for first, count, pixels in image.segments:
        name, text = _tile_function(layer, image, place, steps, pixels)
        made += text
        names[pixels] = name
        calls += _tiles(layer, image, (first, count, pixels), name, block)
    line = "c" if image.down else "r"
    put = "ew_wide_image_row_twice" if place == "loop" else "ew_wide_image_row"
    row, rows, declared = "rows[r]", g.height, ""
    if whole:
        inside = f"r >= {v.pad_top} && r < {v.rows + v.pad_top}"
        row, rows = f"{inside} ? tensor + (r - {v.pad_top}) * {v.row_bytes} : 0", image.rows
        declared = "  const int8_t *tensor = rows[0];\n"
    expand = ""
    if place == "ram":
        pairs, behind = -(-layer.total // 2), block - 2 - 2 * steps
        expand = f"""  uint32_t *wide = x + {-(-image.size_bytes // 4)};
  ew_wide_expand((const uint32_t *)w, wide, {pairs}, {steps // 2}, {behind});
  w = (const int32_t *)wide;
"""
    elements = f"{image.used}, {image.left}, {image.right}"
    source = f"""{made}static void f(const void *const *rows, const int32_t *w, uint32_t *x, int8_t *y) {{
{declared}{expand}  ew_wide_tile tile = {{.low = {layer.call.low}, .high = {layer.call.high}}};
  for (int32_t r = 0; r < {rows}; r++)
    {put}({row}, (int16_t *)x + r * {image.pitch // 2}, {elements}, {g.zero_point});
  for (int32_t {line} = 0; {line} < {image.lines}; {line}++) {{
{calls}  }}
}}
"""
    return source, names


def _tiles(layer: WideLayer, image: Image, segment: tuple[int, int, int], name: str, block: int) -> str:
    """Loop over equal tiles of a line of pixels."""
    first, count, pixels = segment
    out, across = (layer.out_row_bytes, layer.total) if image.down else (layer.total, layer.out_row_bytes)
    line = f"c * {image.column_distance}" if image.down else f"r * {image.row_distance}"
    out_line = f"{'c' if image.down else 'r'} * {across}"
    full = layer.total // 2
    text = f"""    for (int32_t t = 0; t < {count}; t++) {{
      tile.w = w;
      tile.x = x + (t * {pixels * image.distance} + {line} + {first * image.distance}) / 4;
      tile.out = y + (t * {pixels * out} + {out_line} + {first * out});
      tile.end = tile.out + {2 * full};
      {name}(&tile);
"""
    if layer.total % 2:
        text += f"""      tile.w += {full * block};
      tile.out += {layer.total - 2};
      tile.end += 1;
      {name}(&tile);
"""
    return text + "    }\n"


def _tile_function(layer: WideLayer, image: Image, place: str, steps: int, pixels: int) -> tuple[str, str]:
    """(name, text) of a tile function, which kernels of the same distances share."""
    call, g = layer.call, image.g
    weights, each = ("w8", 2) if place == "loop" else ("w16", 1)
    clamp = "full" if call.full else "narrow"
    core = "image_dual" if layer.dual_issue else "image_single"
    out = out_distance(layer, image)
    window = (g.height, image.run, image.pitch, image.distance)
    numbers = [str(v) for v in (call.common_shift, out, steps // each - 1, *window)]
    name = "_".join(("ew_wide_image", str(pixels), weights, call.form, clamp, *numbers))
    made = f"EW_WIDE_IMAGE({name}, {pixels}, {weights}, {call.form}, {clamp}, {core}, {', '.join(numbers)})"
    return name, f"#ifndef {name.upper()}\n#define {name.upper()}\n{made}\n#endif\n"
