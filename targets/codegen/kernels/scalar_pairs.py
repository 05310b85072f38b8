"""Convolutions and fully connected layers without DSP instructions: two channels in a word of weights.

One 32-bit product of an input with a word serves two output channels (`ew_pairs_scalar.h`). The words stand
in flash, which takes two bytes a weight. A tile is four channels of one pixel; its receptive field is
spread to words in scratch, once for all channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgewright.targets.codegen.kernels.dot import window_constants
from edgewright.targets.codegen.kernels.geometry import Geometry
from edgewright.targets.codegen.kernels.requantization import Epilogue
from edgewright.targets.codegen.kernels.scalar_steps import Steps, find_steps
from edgewright.targets.codegen.kernels.work import Work
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel

VARIANT = "two channels a product, weight pairs in flash"
# No sum of a tile reaches 2^31 up to this depth.
MAX_DEPTH = 65536


@dataclass(frozen=True, eq=False)
class Dense:
    """A convolution, or a fully connected layer as one of a single pixel's window.

    Args:
        family: Start of the symbol.
        weights: int8 [O, kh, kw, I / groups].
        geometry: What one output row reads.
        call: Bias with the input's zero point, multiplier and TFLite shift.
        once: Whether the layer rounds once.
        rows: Rows the driver passes.
        out_rows: Output rows.
    """

    family: str
    weights: npt.NDArray[np.int8]
    geometry: Geometry
    call: Epilogue
    once: bool
    rows: RowInput
    out_rows: int

    @property
    def outputs(self) -> int:
        """Channels of a group."""
        return len(self.weights) // self.geometry.groups

    @property
    def depth(self) -> int:
        return int(self.weights[0].size)

    @property
    def lead_bytes(self) -> int | None:
        """Of kernels that read a pixel before they write one at its place, from the first to the last."""
        g = self.geometry
        if g.height == g.width == g.stride == g.groups == 1 and g.pad_left == 0 and self.rows.rows == 1:
            return max(0, g.out_columns * (len(self.weights) - g.pixel_bytes))
        return None


def pair_words(weights: npt.NDArray[np.int8], groups: int) -> npt.NDArray[np.uint32]:
    """int8 [O, ...] -> words [groups, tiles, even depth, 2], zero filled; see `ew_pairs_scalar.h`."""
    outputs = len(weights) // groups
    flat = weights.reshape(groups, outputs, -1).astype(np.int64)
    filled = np.pad(flat, ((0, 0), (0, -outputs % 4), (0, flat.shape[2] % 2)))
    tiles = filled.reshape(groups, -1, 4, filled.shape[2])
    words = tiles[:, :, 0::2] + (tiles[:, :, 1::2] << 16)
    return np.ascontiguousarray(words.transpose(0, 1, 3, 2)).astype(np.uint64).astype(np.uint32)


def fits_pairs(weights: npt.NDArray[np.int8]) -> bool:
    """Whether two products never reach 2^15: no two weights of -128 side by side; and how deep it is."""
    flat = np.abs(weights.reshape(len(weights), -1).astype(np.int64))
    flat = np.pad(flat, ((0, 0), (0, flat.shape[1] % 2)))
    return flat.shape[1] <= MAX_DEPTH and int((flat[:, 0::2] + flat[:, 1::2]).max()) <= 255


def pairs_kernel(layer: Dense) -> RowKernel:
    """Row kernel of a layer whose weights pass `fits_pairs`."""
    g, total = layer.geometry, len(layer.weights)
    steps = find_steps(layer.call, layer.weights, once=layer.once)
    words = pair_words(layer.weights, g.groups)
    return RowKernel(
        family=layer.family,
        variant=VARIANT,
        script="",
        source=_source(layer, steps, words.size // g.groups),
        arguments=("rows", "c[0]", "c[1]", "c[2]", "scratch", "out"),
        # The output may overtake the input rows, which are read in the same call.
        may_alias=True,
        inputs=(layer.rows,),
        out_rows=layer.out_rows,
        out_row_bytes=g.out_columns * total,
        constants=(window_constants(g), words.reshape(-1), steps.constants),
        headers=("ew_pairs_scalar.h",),
        scratch_bytes=4 * words.shape[2],
        reason=f"two channels a product, weights in pairs, {form_text(steps)}",
        lead_bytes=layer.lead_bytes,
        work=_work(layer, steps),
    )


def form_text(steps: Steps) -> str:
    """For the report."""
    return f"{'64' if steps.form in ('twice', 'once') else '32'}-bit requantization"


def finish_arguments(steps: Steps) -> str:
    """The last arguments of the functions that requantize."""
    return f"{steps.piece}, {steps.shift}, {steps.zero_point}, {steps.low}, {steps.high}"


def _source(layer: Dense, steps: Steps, group_words: int) -> str:
    g, total, outputs = layer.geometry, len(layer.weights), layer.outputs
    depth = layer.depth + layer.depth % 2
    pixel = f"ew_pairs_{steps.form}(w, x, k, y, {depth}, {outputs},\n          {finish_arguments(steps)});"
    words = outputs * steps.constants.shape[1]
    return f"""static void f(const void *const *rows, const ew_window *window, const uint32_t *w,
              const int32_t *k, int32_t *x, int8_t *out) {{
  for (int32_t g = 0; g < {g.groups}; g++, w += {group_words}, k += {words}) {{
    int8_t *y = out + g * {outputs};
    int32_t column = {-g.pad_left};
    for (int32_t p = 0; p < {g.out_columns}; p++, column += {g.stride}, y += {total}) {{
      ew_spread_field(rows, x, column, g * {g.group_channels}, window);
      {pixel}
    }}
  }}
}}
"""


def spread_work(g: Geometry) -> Work:
    """`ew_spread_field` of all pixels of one output row."""
    first = np.arange(g.out_columns) * g.stride - g.pad_left
    taps = first[:, None] + np.arange(g.width) * g.dilation
    inside = ((taps >= 0) & (taps < g.columns)).sum(axis=1)
    run = (inside == g.width) & (g.dilation == 1 and g.groups == 1)
    columns, channels = int(inside[~run].sum()), g.group_channels
    once = g.groups * g.height
    runs = once * int(run.sum()), once * columns
    aligned = channels % 4 == 0 and g.pixel_bytes % 4 == 0
    spread = runs[0] * channels * g.width + runs[1] * channels
    return {
        "scalar_spread_field": g.groups * g.out_columns,
        "scalar_spread_run": runs[0] + runs[1],
        "scalar_spread_word": spread // 4 if aligned else 0,
        "scalar_spread_byte": 0 if aligned else spread,
        "scalar_spread_fill": once * channels * int((g.width - inside[~run]).sum()),
    }


def _work(layer: Dense, steps: Steps) -> Work:
    g = layer.geometry
    pixels = g.groups * g.out_columns
    tiles = pixels * -(-layer.outputs // 4)
    return spread_work(g) | {
        "scalar_pairs": 1,
        f"scalar_pairs_{steps.form}": pixels * layer.outputs,
        "scalar_pairs_tile": tiles,
        "scalar_pairs_step": tiles * -(-layer.depth // 2),
    }
