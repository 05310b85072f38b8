"""Convolution row kernels for Helium: one pixel's receptive field as int8 times four output channels.

The depth is filled up to a multiple of 16 with zero weights. Pointwise layers whose depth is one
already read their input in place.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgewright.targets.codegen.kernels.dot import pack_constants, window_constants
from edgewright.targets.codegen.kernels.geometry import Geometry
from edgewright.targets.codegen.kernels.requantization import Epilogue
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel

VECTOR_BYTES = 16


def pack_weights(weights: npt.NDArray[np.int8], groups: int) -> npt.NDArray[np.int8]:
    """int8 [O, kh, kw, I / groups] -> [groups * fours, 4 channels, depth], zero filled."""
    outputs = weights.shape[0] // groups
    flat = weights.reshape(groups, outputs, -1)
    depth = -(-flat.shape[2] // VECTOR_BYTES) * VECTOR_BYTES
    fours = -(-outputs // 4)
    packed = np.zeros((groups, fours * 4, depth), np.int8)
    packed[:, :outputs, : flat.shape[2]] = flat
    return packed.reshape(groups * fours, 4, depth)


def dot_mve_kernel(
    family: str,
    weights: npt.NDArray[np.int8],
    geometry: Geometry,
    call: Epilogue,
    row_input: RowInput,
    out_rows: int,
) -> RowKernel:
    """Row kernel of a convolution; arguments as `dot_kernel`, shifts in the TFLite convention."""
    g, total = geometry, int(weights.shape[0])
    outputs = total // g.groups
    packed = pack_weights(weights, g.groups)
    blocks, _, depth = packed.shape
    fours = blocks // g.groups
    in_place = g.height == g.width == g.groups == 1 and g.pad_left == 0 and g.pixel_bytes == depth
    tile = "ew_tile_4x1_once_mve" if call.form == "once" else "ew_tile_4x1_mve"
    extent = g.columns * depth if in_place else depth
    x = f"X[vp * {g.stride * depth}]" if in_place else "X[0]"
    gather = (
        f'            T.evaluate(T.call_extern("int32", "ew_gather_s8", rows, X.data, '
        f"vp * {g.stride} - {g.pad_left}, vg * {g.group_channels}, window))\n"
    )
    block = f"vg * {fours} + vo"
    script = f"""
@T.prim_func(s_tir=True)
def f({"" if in_place else "rows: T.handle, window: T.handle, "}X: T.Buffer(({extent},), "int8"),
      output: T.handle, W: T.Buffer(({blocks}, {4 * depth}), "int8"), K: T.Buffer(({blocks}, 12), "int32"),
      Y: T.Buffer(({g.out_columns * total},), "int8")):
    T.func_attr({{"global_symbol": "f", "tirx.noalias": True}})
    for p, g in T.grid({g.out_columns}, {g.groups}):
        with T.sblock("pixel"):
            vp, vg = T.axis.remap("SS", [p, g])
            T.reads(W[0:{blocks}, 0:{4 * depth}], K[0:{blocks}, 0:12], X[0:{extent}])
            T.writes({"" if in_place else f"X[0:{extent}], "}Y[0:{g.out_columns * total}])
{"" if in_place else gather}            for o in range({fours}):
                with T.sblock("four"):
                    vo = T.axis.spatial({fours}, o)
                    T.reads(W[{block}, 0:{4 * depth}], K[{block}, 0:12], X[0:{extent}])
                    T.writes(Y[0:{g.out_columns * total}])
                    T.evaluate(T.call_extern("int32", "{tile}", T.address_of(W[{block}, 0]),
                        T.address_of({x}), T.address_of(K[{block}, 0]),
                        T.address_of(Y[vp * {total} + vg * {outputs} + vo * 4]), {depth},
                        T.min(4, {outputs} - vo * 4), output))
"""
    source = ("rows[0]",) if in_place else ("rows", "c[0]", "scratch")
    return RowKernel(
        family=family,
        script=script,
        arguments=(*source, "c[3]", "c[1]", "c[2]", "out"),
        outputs=("Y",) if in_place else ("Y", "X"),
        inputs=(row_input,),
        out_rows=out_rows,
        out_row_bytes=g.out_columns * total,
        constants=(window_constants(g), packed, pack_constants(call, g.groups, 4), call.output),
        headers=("ew_gather_s8.h", "ew_dot_mve.h"),
        scratch_bytes=0 if in_place else depth,
        reason=f"Helium, 4 channels x 1 pixel, input {'in place' if in_place else 'gathered'}",
    )
