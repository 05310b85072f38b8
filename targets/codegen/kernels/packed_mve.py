"""Convolution row kernels with packed weights for Helium.

The weights of four channels are unpacked to int8 behind the receptive fields, and serve a run of pixels
(`dot_mve.py`) before the next four: the longer the run, the less unpacking costs.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.weight_format import WeightFormat
from edgewright.targets.codegen.kernels.dot import pack_constants, window_constants
from edgewright.targets.codegen.kernels.dot_mve import VECTOR_BYTES, pack_weights
from edgewright.targets.codegen.kernels.geometry import Geometry
from edgewright.targets.codegen.kernels.packed_layout import Words, in_order, planes
from edgewright.targets.codegen.kernels.packed_work import unpack_mve_work
from edgewright.targets.codegen.kernels.requantization import Epilogue
from edgewright.targets.codegen.kernels.work import gather_s8_work, tile_mve_work
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel

# Pixels gathered at a time.
RUN_PIXELS = 8


def pack_codes(weights: npt.NDArray[np.int8], groups: int, stored: WeightFormat) -> Words:
    """int8 [O, kh, kw, I / groups] -> words [groups * fours, depth * bits / 8] as `ew_packed_mve.h` reads them."""
    filled = pack_weights(stored.codes(weights).view(np.int8), groups)
    codes = filled.reshape(len(filled), -1).view(np.uint8)
    if stored.bits == 1:
        return in_order(codes, 1)
    return planes(codes, stored.bits, VECTOR_BYTES)


def packed_mve_kernel(
    family: str,
    weights: npt.NDArray[np.int8],
    stored: WeightFormat,
    geometry: Geometry,
    call: Epilogue,
    row_input: RowInput,
    out_rows: int,
) -> RowKernel:
    """Row kernel of a convolution; arguments as `packed_dot_kernel`, shifts in the TFLite convention."""
    g, total = geometry, int(weights.shape[0])
    outputs = total // g.groups
    fours, depth = -(-outputs // 4), -(-4 * g.quads // VECTOR_BYTES) * VECTOR_BYTES
    in_place = g.height == g.width == g.groups == 1 and g.pad_left == 0 and g.pixel_bytes == depth
    run = g.out_columns if in_place else min(RUN_PIXELS, g.out_columns)
    full, rest = divmod(g.out_columns, run)
    parts = [(0, full, run), *([(full * run, 1, rest)] if rest else [])]
    strides = (g.stride * depth if in_place else depth, total, depth)
    runs = [np.array([n, *strides], np.int32) for _, _, n in parts]
    words = pack_codes(weights, g.groups, stored)
    block = words.size // (g.groups * fours)
    loops = "".join(
        _run(g, call, stored, f"run{i}", part, block, outputs, depth, in_place)
        for i, part in enumerate(parts)
    )
    names = "".join(f", const ew_run *run{i}" for i in range(len(runs)))
    fields = 0 if in_place else run * depth
    source = f"""static void f(const void *const *rows, const ew_window *window, const uint32_t *w, const int32_t *k,
              const ew_output *output{names}, int8_t *scratch, int8_t *y) {{
  int8_t *unpacked = scratch{f" + {fields}" if fields else ""};
{"  (void)window;" if in_place else "  int8_t *x = scratch;"}
{"" if in_place else _clear(g, run, depth)}{loops}}}
"""
    return RowKernel(
        family=f"{family}_{stored.name}",
        script="",
        source=source,
        arguments=(
            *("rows", "c[0]", "c[1]", "c[2]", "c[3]"),
            *(f"c[{4 + i}]" for i in range(len(runs))),
            *("scratch", "out"),
        ),
        # The output may overtake the input rows, which are read in the same call.
        may_alias=True,
        inputs=(row_input,),
        out_rows=out_rows,
        out_row_bytes=g.out_columns * total,
        constants=(window_constants(g), words, pack_constants(call, g.groups, 4), call.output, *runs),
        headers=("ew_gather_s8.h", "ew_packed_mve.h"),
        scratch_bytes=fields + 4 * depth,
        reason=f"{stored.name} weights of {stored.bits} bit{'s' * (stored.bits > 1)}, packed: Helium, 4 channels "
        f"unpacked for {run} pixels, input {'in place' if in_place else 'gathered'}",
        work={"dot": 1}
        | ({} if in_place else gather_s8_work(g, full + bool(rest)))
        | tile_mve_work(g, full + bool(rest), outputs, call.form)
        | unpack_mve_work(stored.bits, (full + bool(rest)) * g.groups * fours, depth // 4),
    )


def _clear(g: Geometry, run: int, depth: int) -> str:
    """Zeros behind each field: codes that fill up the depth stand for weights that need not be 0."""
    used = g.height * g.width * g.group_channels
    if used == depth:
        return ""
    return f"  for (int32_t p = 0; p < {run}; p++) memset(x + p * {depth} + {used}, 0, {depth - used});\n"


def _run(
    g: Geometry,
    call: Epilogue,
    stored: WeightFormat,
    name: str,
    part: tuple[int, int, int],
    block: int,
    outputs: int,
    depth: int,
    in_place: bool,
) -> str:
    """C of equal runs: (first column, number of runs, pixels a run); `block`: words of four channels."""
    first, count, pixels = part
    tile = "ew_tile_once_mve" if call.form == "once" else "ew_tile_mve"
    fours, total = -(-outputs // 4), outputs * g.groups
    column = f"t * {pixels * g.stride} + {first * g.stride - g.pad_left}"
    gather = f"      ew_gather_s8(rows, x, {column}, {pixels}, {g.stride}, g * {g.group_channels}, window, {depth});\n"
    if in_place:
        gather = f"      const int8_t *x = rows[0];\n      x += {first * g.stride * depth};\n"
    four = f"g * {fours} + o" if g.groups > 1 else "o"
    return f"""  for (int32_t t = 0; t < {count}; t++)
    for (int32_t g = 0; g < {g.groups}; g++) {{
{gather}      for (int32_t o = 0; o < {fours}; o++) {{
        int32_t exist = {outputs} - o * 4;
        ew_packed_unpack{stored.bits}_mve(w + ({four}) * {block}, unpacked, {depth // 4}, {stored.step}, {stored.offset});
        {tile}(unpacked, x, k + ({four}) * 12, y + (t * {pixels * total} + g * {outputs} + o * 4 + {first * total}),
               {name}, exist < 4 ? exist : 4, output);
      }}
    }}
"""
