"""Convolution row kernels with weights of 4, 2 or 1 bits, for the scalar and DSP classes.

As `dot.py`: gather the receptive fields of a tile of pixels, multiply with all channels. The weights stay
packed; what a micro-kernel multiplies with are their codes, w = step * code + offset:

    sum_k X[p, k] * W[o, k] = step * sum_k X[p, k] * C[o, k] + offset * sum_k X[p, k]

| class  | bits | tile                      | micro-kernel                                              |
|--------|------|---------------------------|-----------------------------------------------------------|
| DSP    | 4, 2 | 4 channels x 2, 1 pixels  | one AND for two codes, SMLAD (`ew_packed_dsp.h`)          |
| DSP    | 1    | 2 channels x 3, 2, 1      | bytes inverted where the weight is -1, USADA8             |
| scalar | all  | 1 channel x 4, 2, 1       | two pixels in a word, one product (`ew_packed_scalar.h`)  |
| scalar | all  | 2 channels x 1            | the same with two channels, for rows of one pixel         |
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.requantize import Requantize
from edgewright.converter.ops.weight_format import WeightFormat
from edgewright.targets.codegen.kernels.dot import pack_constants, split_tiles, window_constants
from edgewright.targets.codegen.kernels.geometry import Geometry
from edgewright.targets.codegen.kernels.packed_layout import (
    grouped_codes,
    in_order,
    negative_planes,
    paired,
    stacked,
    storage,
)
from edgewright.targets.codegen.kernels.packed_source import PackedTiles, packed_source
from edgewright.targets.codegen.kernels.packed_work import (
    gather_signs_work,
    packed_gather_work,
    packed_sums_work,
    packed_tile_work,
)
from edgewright.targets.codegen.kernels.requantization import Epilogue, epilogue
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel
from edgewright.targets.cpu import CpuClass

# No sum of the micro-kernels reaches 2^31 up to this depth (`ew_packed_dsp.h`).
MAX_DEPTH = 65536


def packed_dot_kernel(
    family: str,
    weights: npt.NDArray[np.int8],
    stored: WeightFormat,
    geometry: Geometry,
    requantize: Requantize,
    row_input: RowInput,
    out_rows: int,
    cpu: CpuClass,
    *,
    once: bool = False,
    most_pixels: int = 4,
) -> RowKernel:
    """Row kernel of a convolution with packed weights.

    Args:
        family: Start of the symbol.
        weights: int8 [O, kh, kw, I / groups], all of them of the format; kh * kw * I / groups <= MAX_DEPTH.
        stored: Format of fewer than 8 bits.
        geometry: What one output row reads.
        requantize: The layer's parameters.
        row_input: Rows the driver passes.
        out_rows: Output rows.
        cpu: CPU class, not Helium.
        once: Whether the layer rounds once.
        most_pixels: The largest tile: fewer pixels take less scratch memory.
    """
    g = geometry
    make = _lanes if cpu.name == "scalar" else _signs if stored.bits == 1 else _codes
    layer = make(weights, stored, g, requantize, once, most_pixels)
    total = layer.outputs * g.groups
    source, arguments = packed_source(g, layer)
    pointwise = g.height == g.width == g.stride == g.groups == 1 and g.pad_left == 0 and row_input.rows == 1
    pixels = ", ".join(str(p) for _, _, p in layer.segments)
    tiles = packed_tile_work(g, layer)
    return RowKernel(
        family=f"{family}_{stored.name}",
        script="",
        source=source,
        arguments=arguments,
        # The output may overtake the input rows, which are read in the same call.
        may_alias=True,
        inputs=(row_input,),
        out_rows=out_rows,
        out_row_bytes=g.out_columns * total,
        constants=(
            window_constants(g),
            layer.words,
            pack_constants(_doubled(layer.call) if layer.doubled else layer.call, g.groups, layer.channels),
            np.array([*layer.call.output, stored.step, stored.offset], np.int32),
        ),
        headers=(f"ew_packed_{cpu.name}.h",),
        scratch_bytes=layer.scratch_bytes,
        reason=f"{storage(stored)}: tiles of {pixels} pixels x {layer.channels} "
        f"channel{'s' * (layer.channels > 1)}, {layer.call.form} requantization",
        # A tile's pixels are gathered before its first output is written, from the first to the last.
        lead_bytes=max(0, g.out_columns * (total - g.pixel_bytes)) if pointwise else None,
        work=layer.gathered | tiles,
    )


def _codes(
    weights: npt.NDArray[np.int8],
    stored: WeightFormat,
    g: Geometry,
    requantize: Requantize,
    once: bool,
    most_pixels: int,
) -> PackedTiles:
    """Codes of 4 and 2 bits for DSP."""
    outputs = weights.shape[0] // g.groups
    segments = split_tiles(g.out_columns, [p for p in (2, 1) if p <= most_pixels])
    by_word = g.group_channels % 4 == 0
    return PackedTiles(
        kind="codes",
        stored=stored,
        words=stacked(grouped_codes(weights, g.groups, stored, 4, 4), stored.bits),
        call=_call(requantize, weights, g, once=once, whole=outputs % 4 == 0),
        segments=segments,
        channels=4,
        outputs=outputs,
        length=g.quads,
        field_bytes=8 * g.quads,
        # Channels that are not a multiple of 4 are lined up as int8 first.
        line_bytes=0 if by_word else 4 * g.quads,
        gather="ew_gather" if by_word else f"ew_packed_gather_any,{4 * g.quads}",
        gathered=packed_sums_work(g, sum(n for _, n, _ in segments)),
    )


def _signs(
    weights: npt.NDArray[np.int8],
    stored: WeightFormat,
    g: Geometry,
    requantize: Requantize,
    once: bool,
    most_pixels: int,
) -> PackedTiles:
    """Codes of 1 bit for DSP.

    Inputs are unsigned, u = x + 128; a product is u = x + 128 for +1 and 255 - u = 127 - x for -1. The bias
    takes these constants back.
    """
    outputs = weights.shape[0] // g.groups
    segments = split_tiles(g.out_columns, [p for p in (3, 2, 1) if p <= most_pixels])
    codes = grouped_codes(weights, g.groups, stored, 2, 16)
    depth = codes.shape[2]
    constants = (127 + codes.astype(np.int64)).sum(axis=2).reshape(g.groups, -1)[:, :outputs].reshape(-1)
    call = _call(requantize, weights, g, once=once, whole=outputs % 2 == 0)
    return PackedTiles(
        kind="signs",
        stored=stored,
        words=negative_planes(codes),
        call=_with_bias(call, -constants),
        segments=segments,
        channels=2,
        outputs=outputs,
        length=depth // 16,
        field_bytes=depth,
        line_bytes=depth,
        gather=f"ew_packed_gather_signs,{depth}",
        gathered=gather_signs_work(g, sum(n for _, n, _ in segments), depth // 16),
    )


def _lanes(
    weights: npt.NDArray[np.int8],
    stored: WeightFormat,
    g: Geometry,
    requantize: Requantize,
    once: bool,
    most_pixels: int,
) -> PackedTiles:
    """All codes for portable C; inputs are unsigned, u = x + 128, which the bias takes back.

    The halves of a word are two pixels, or two channels where a row has one pixel only.
    """
    pair = g.out_columns == 1
    segments = split_tiles(g.out_columns, [p for p in (4, 2, 1) if p <= most_pixels])
    channels = 2 if pair else 1
    codes = grouped_codes(weights, g.groups, stored, channels, 8 if pair else 1)
    sums = weights.reshape(weights.shape[0], -1).astype(np.int64).sum(axis=1)
    call = _call(requantize, weights, g, once=once, whole=False)
    eights = -(-codes.shape[2] // 8)
    return PackedTiles(
        kind="lanes",
        stored=stored,
        words=paired(codes, stored.bits) if pair else in_order(codes[:, 0], stored.bits),
        call=_with_bias(call, -128 * sums),
        segments=segments,
        channels=channels,
        outputs=weights.shape[0] // g.groups,
        length=eights,
        field_bytes=16 * eights,
        # A single pixel beside others takes the room of two.
        line_bytes=16 * eights if segments[0][2] == 1 and not pair else 0,
        gather="ew_packed_gather",
        gathered=packed_gather_work(g, sum(n for _, n, _ in segments)),
    )


def _call(
    requantize: Requantize, weights: npt.NDArray[np.int8], g: Geometry, *, once: bool, whole: bool
) -> Epilogue:
    """Requantization; `whole`: the micro-kernels have forms for tiles of which all channels exist."""
    forms = ["once_right", "once"] if once else ["bounded", "general"]
    if whole and not once:
        forms += ["relu", "linear"]
    return epilogue(requantize, weights, g.zero_point, forms)


def _doubled(call: Epilogue) -> Epilogue:
    """The bias as forms take it that requantize in registers; it is below 2^30 there."""
    return replace(call, bias=2 * call.bias)


def _with_bias(call: Epilogue, added: npt.NDArray[np.int64]) -> Epilogue:
    """The bias plus a constant; accumulators are added up modulo 2^32."""
    return replace(
        call, bias=(call.bias.astype(np.int64) + added).astype(np.uint64).astype(np.uint32).view(np.int32)
    )
