"""Convolution row kernels for Helium: runs of pixels times all channels, see `tile_mve`.

Where a receptive field is whole vectors of its rows, they are read in place, or from copies with their
padding; other fields are gathered from such copies. All sums of a tile of pixels are stored before its first
output is written, so a pointwise layer's output may overtake its input.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgewright.targets.codegen.kernels.finish_mve import Finish, channel_fours, finish_instructions
from edgewright.targets.codegen.kernels.geometry import Geometry
from edgewright.targets.codegen.kernels.requantization import Epilogue
from edgewright.targets.codegen.kernels.tile_mve import (
    VECTOR,
    TileShape,
    tile_name,
    tile_source,
    weight_stream,
)
from edgewright.targets.codegen.kernels.work import Work
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel

# Bytes of gathered receptive fields, about.
FIELD_BYTES = 1024


def factor_stream(call: Epilogue) -> npt.NDArray[np.int32]:
    """Multipliers and shifts as `finish_mve` reads them: int32 [fours, 2, 4]."""
    order = channel_fours(len(call.bias))
    return np.stack([np.append(v, 0)[order] for v in (call.multiplier, call.shift)], axis=1).astype(np.int32)


def finish_form(call: Epilogue) -> str | None:
    """The form of `Finish`; None where a shift goes to the left.

    Args:
        call: "general" or "once", with shifts as TFLite's.
    """
    if not (call.shift <= -1).all():
        return None
    if call.form == "once":
        return "once_right"
    if (call.low, call.high) != (-128, 127):
        return "bounded"
    return "relu" if call.zero_point == -128 else "linear"


@dataclass(frozen=True)
class Scratch:
    """Bytes of the parts of scratch memory, in their order."""

    sums: int
    copies: int = 0
    fields: int = 0

    @property
    def total(self) -> int:
        return self.sums + self.copies + self.fields


def _round_up(value: int, unit: int) -> int:
    return -(-value // unit) * unit


def run_mve_kernel(
    family: str,
    weights: npt.NDArray[np.int8],
    g: Geometry,
    call: Epilogue,
    row_input: RowInput,
    out_rows: int,
) -> RowKernel | None:
    """Row kernel of a convolution, None where it does not apply; arguments as `dot_mve_kernel`."""
    form = finish_form(call)
    if form is None or g.groups != 1 or (g.dilation != 1 and g.width > 1):
        return None
    outputs, wide = len(weights), 2 if g.out_columns > 1 else 1
    sums = 32 * -(-len(channel_fours(outputs)) * wide // 2)
    step, piece = g.stride * g.pixel_bytes, g.width * g.pixel_bytes
    inside = g.pad_left == 0 and (g.out_columns - 1) * g.stride + g.width <= g.columns
    shape = TileShape(wide, g.height, piece // VECTOR, step)
    if g.height == g.width == 1 and inside and step % 4 == 0:
        shape = TileShape(wide, 1, -(-piece // VECTOR), step)
        scratch, body, reason = _points(g, shape, sums, outputs)
    elif piece % VECTOR == 0 and shape.possible:
        scratch, body, reason = _windows(g, shape, sums, inside and g.out_columns % wide == 0)
    else:
        depth = _round_up(g.height * piece, VECTOR)
        shape = TileShape(wide, 1, depth // VECTOR, depth)
        scratch, body, reason = _fields(g, shape, sums, outputs)
    finish = Finish(outputs, wide, form, call.zero_point, call.low, call.high)
    stream = weight_stream(weights.reshape(outputs, g.height, -1), call.bias, shape)
    source = f"""{tile_source(shape, finish)}static void f(const void *const *rows, const int8_t *w, \
const int32_t *k, int8_t *scratch, int8_t *y) {{
  int32_t *acc = (int32_t *)scratch;
{body.replace("TILE", tile_name(shape, finish))}}}
"""
    pointwise = g.height == g.width == g.stride == 1 and g.pad_left == 0 and row_input.rows == 1
    return RowKernel(
        family=family,
        script="",
        source=source,
        arguments=("rows", "(const int8_t *)c[0]", "c[1]", "scratch", "out"),
        # The output may overtake the input rows, which are read in the same call.
        may_alias=True,
        inputs=(row_input,),
        out_rows=out_rows,
        out_row_bytes=g.out_columns * outputs,
        constants=(stream, factor_stream(call)),
        headers=("ew_rows_mve.h",),
        scratch_bytes=scratch.total,
        code_bytes=shape.code_bytes,
        variant=f"Helium {shape.channels}x{wide}, {reason}",
        reason=f"Helium, {shape.channels} channels x {wide} pixels, {reason}, {form} requantization",
        lead_bytes=max(0, g.out_columns * (outputs - g.pixel_bytes)) if pointwise else None,
        work=dot_work(g, shape, finish),
    )


def _points(g: Geometry, shape: TileShape, sums: int, outputs: int) -> tuple[Scratch, str, str]:
    """Pointwise in place; the last tile is copied where it would read past the end of the row."""
    whole = g.pixel_bytes % VECTOR == 0
    direct = g.out_columns // shape.pixels * shape.pixels
    if not whole and direct == g.out_columns:
        direct -= shape.pixels
    rest = g.out_columns - direct
    body = "  const int8_t *x = rows[0];\n"
    if direct:
        body += f"  TILE({direct}, w, &x, acc, k, y);\n"
    if not rest:
        return Scratch(sums), body, "input in place"
    line = shape.step * (shape.pixels - 1) + shape.vectors * VECTOR
    copied = (rest - 1) * shape.step + g.pixel_bytes
    body += f"""  ew_copy_mve(scratch + {sums}, x + {direct * shape.step}, {copied});
  x = scratch + {sums};
  TILE({rest}, w, &x, acc, k, y + {direct * outputs});
"""
    return Scratch(sums, line), body, "input in place"


def _border(g: Geometry, shape: TileShape, sums: int, align: int) -> tuple[int, str]:
    """(bytes from copy to copy, C that copies the rows with their padding)."""
    last = (_round_up(g.out_columns, shape.pixels) - 1) * g.stride + g.width
    left, row = g.pad_left * g.pixel_bytes, g.columns * g.pixel_bytes
    needed = last * g.pixel_bytes
    right = max(0, needed - left - row)
    pitch = _round_up(left + row + right, align)
    values = f"{g.height}, {left}, {row}, {right}, {pitch}, {g.zero_point}"
    return (
        pitch,
        f"""  static const ew_border border = {{{values}}};
  ew_border_mve(rows, scratch + {sums}, &border);
""",
    )


def _windows(g: Geometry, shape: TileShape, sums: int, direct: bool) -> tuple[Scratch, str, str]:
    """Rows of whole vectors: in place, or copied with their padding."""
    copies, copy, rows = 0, "", [f"rows[{n}]" for n in range(g.height)]
    if not direct:
        pitch, copy = _border(g, shape, sums, VECTOR)
        copies = pitch * g.height
        rows = [f"scratch + {sums + n * pitch}" for n in range(g.height)]
    body = f"""{copy}  const int8_t *x[] = {{{", ".join(rows)}}};
  TILE({g.out_columns}, w, x, acc, k, y);
"""
    return Scratch(sums, copies), body, "rows in place" if direct else "rows copied"


def _fields(g: Geometry, shape: TileShape, sums: int, outputs: int) -> tuple[Scratch, str, str]:
    """Receptive fields gathered from copied rows."""
    pitch, copy = _border(g, shape, sums, 8)
    copies = _round_up(pitch * g.height + VECTOR, 8)
    piece, depth = g.width * g.pixel_bytes, shape.step
    gather = "ew_fields_any_mve"
    if piece == 4:
        gather = "ew_fields_4_mve"
    elif piece <= VECTOR and g.height <= 3:
        gather = f"ew_fields_16x{g.height}_mve"
    values = f"{g.height}, {piece}, {pitch}, {g.stride * g.pixel_bytes}, {depth}"
    run = field_run(g, shape)
    count = f"{g.out_columns} - i < {run} ? {g.out_columns} - i : {run}"
    body = f"""{copy}  static const ew_fields fields = {{{values}}};
  for (int32_t i = 0; i < {g.out_columns}; i += {run}) {{
    int32_t pixels = {count};
    const int8_t *x = scratch + {sums + copies};
    {gather}(scratch + {sums} + i * {g.stride * g.pixel_bytes}, scratch + {sums + copies}, pixels, &fields);
    TILE(pixels, w, &x, acc, k, y + i * {outputs});
  }}
"""
    return Scratch(sums, copies, _round_up(run, shape.pixels) * depth + VECTOR), body, "fields gathered"


def field_run(g: Geometry, shape: TileShape) -> int:
    """Pixels whose receptive fields are gathered at a time: as many whole tiles as there is memory for."""
    most = FIELD_BYTES // shape.step // shape.pixels * shape.pixels
    return max(shape.pixels, min(most, _round_up(g.out_columns, shape.pixels)))


def dot_work(g: Geometry, shape: TileShape, finish: Finish) -> Work:
    """Work of one output row."""
    tiles = -(-g.out_columns // shape.pixels)
    groups = tiles * -(-len(finish.fours) * 4 // shape.channels)
    loads = groups * (shape.steps - shape.held) + tiles * shape.held
    work: Work = {
        "mve_row": 1,
        "mve_tile": tiles,
        "mve_group": groups,
        "mve_step": groups * shape.steps * (8 + shape.channels) + loads * shape.pixels,
        "mve_finish": tiles * finish_instructions(finish),
    }
    return work | input_work(g, shape)


def input_work(g: Geometry, shape: TileShape) -> Work:
    """Work of copying rows and gathering fields."""
    inside = g.pad_left == 0 and (g.out_columns - 1) * g.stride + g.width <= g.columns
    if shape.rows == g.height and shape.vectors * VECTOR >= g.width * g.pixel_bytes:
        direct = g.height == 1 or (inside and g.out_columns % shape.pixels == 0)
        return {} if direct else _copy_work(g)
    pieces, piece = g.height * g.out_columns, g.width * g.pixel_bytes
    kind = "4" if piece == 4 else "16" if piece <= VECTOR and g.height <= 3 else "any"
    work: Work = {
        "mve_field_run": -(-g.out_columns // field_run(g, shape)),
        f"mve_field_{kind}": pieces,
    }
    if kind == "any":
        work["mve_field_vector"] = pieces * -(-piece // VECTOR)
    return work | _copy_work(g)


def _copy_work(g: Geometry) -> Work:
    return {
        "mve_copied_row": g.height,
        "mve_copied_vector": g.height * -(-g.columns * g.pixel_bytes // VECTOR),
    }
