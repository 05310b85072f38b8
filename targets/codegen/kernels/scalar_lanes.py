"""Convolutions without DSP instructions: two pixels in a word of scratch, weights of one byte.

The receptive fields of four pixels are paired in scratch; one 32-bit product of such a word with a weight
serves both pixels (`ew_pixels_scalar.h`). Against `scalar_pairs` that takes half the flash and twice the
scratch, and leaves pixels of a tile unused where a row is not a multiple of four.
"""

from __future__ import annotations

import numpy as np

from edgewright.targets.codegen.kernels.dot import window_constants
from edgewright.targets.codegen.kernels.scalar_pairs import Dense, finish_arguments, form_text, spread_work
from edgewright.targets.codegen.kernels.scalar_steps import Steps, find_steps
from edgewright.targets.codegen.kernels.work import Work
from edgewright.targets.codegen.row_kernel import RowKernel

VARIANT = "two pixels a product, int8 weights in flash"
PIXELS = 4


def lanes_kernel(layer: Dense) -> RowKernel:
    """Row kernel of a layer whose weights pass `fits_pairs`."""
    g, total = layer.geometry, len(layer.weights)
    steps = find_steps(layer.call, layer.weights, once=layer.once)
    flat = layer.weights.reshape(total, -1)
    filled = np.ascontiguousarray(np.pad(flat, ((0, 0), (0, layer.depth % 2))))
    return RowKernel(
        family=layer.family,
        variant=VARIANT,
        script="",
        source=_source(layer, steps),
        arguments=("rows", "c[0]", "c[1]", "c[2]", "scratch", "out"),
        # The output may overtake the input rows, which are read in the same call.
        may_alias=True,
        inputs=(layer.rows,),
        out_rows=layer.out_rows,
        out_row_bytes=g.out_columns * total,
        constants=(window_constants(g), filled, steps.constants),
        headers=("ew_pixels_scalar.h",),
        scratch_bytes=8 * filled.shape[1],
        reason=f"two pixels a product, {form_text(steps)}",
        lead_bytes=layer.lead_bytes,
        work=_work(layer, steps),
    )


def _source(layer: Dense, steps: Steps) -> str:
    g, total, outputs = layer.geometry, len(layer.weights), layer.outputs
    depth = layer.depth + layer.depth % 2
    rest = f"{g.out_columns} - p"
    count = str(PIXELS) if g.out_columns % PIXELS == 0 else f"{rest} < {PIXELS} ? {rest} : {PIXELS}"
    words = outputs * steps.constants.shape[1]
    return f"""static void f(const void *const *rows, const ew_window *window, const int8_t *w,
              const int32_t *k, int32_t *x, int8_t *out) {{
  for (int32_t g = 0; g < {g.groups}; g++, w += {outputs * depth}, k += {words}) {{
    int8_t *y = out + g * {outputs};
    for (int32_t p = 0; p < {g.out_columns}; p += {PIXELS}, y += {PIXELS * total}) {{
      int32_t pixels = {count};
      ew_pixels_gather(rows, x, p * {g.stride} - {g.pad_left}, pixels, {g.stride}, g * {g.group_channels},
                      window);
      ew_pixels_{steps.form}(w, x, k, y, {depth}, {outputs}, pixels, {total},
          {finish_arguments(steps)});
    }}
  }}
}}
"""


def _work(layer: Dense, steps: Steps) -> Work:
    g = layer.geometry
    tiles = g.groups * -(-g.out_columns // PIXELS)
    spread = spread_work(g)
    return {
        "scalar_pixels": 1,
        "scalar_pixels_gather": tiles,
        "scalar_pixels_field": spread["scalar_spread_field"],
        "scalar_pixels_run": spread["scalar_spread_run"],
        "scalar_pixels_byte": spread["scalar_spread_byte"] + 4 * spread["scalar_spread_word"],
        "scalar_pixels_fill": spread["scalar_spread_fill"],
        "scalar_pixels_tile": tiles * layer.outputs,
        "scalar_pixels_step": tiles * layer.outputs * -(-layer.depth // 2),
        f"scalar_pixels_{steps.form}": g.groups * g.out_columns * layer.outputs,
    }
