"""Convolution row kernels for Helium: int8 receptive fields of a run of pixels times four channels.

The depth is filled up to a multiple of 16 with zero weights. Pointwise layers whose depth is one
already read their input in place, the whole row as one run; others gather RUN_PIXELS fields first.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgewright.targets.codegen.kernels.dot import pack_constants, window_constants
from edgewright.targets.codegen.kernels.geometry import Geometry
from edgewright.targets.codegen.kernels.requantization import Epilogue
from edgewright.targets.codegen.kernels.run_mve import run_mve_kernel
from edgewright.targets.codegen.kernels.work import gather_s8_work, tile_mve_work
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel

VECTOR_BYTES = 16
# Pixels gathered at a time: more share the constants of a channel group, and take more scratch.
RUN_PIXELS = 4


def pack_weights(weights: npt.NDArray[np.int8], groups: int) -> npt.NDArray[np.int8]:
    """int8 [O, kh, kw, I / groups] -> [groups * fours, depth / 16, 4 channels, 16], zero filled."""
    outputs = weights.shape[0] // groups
    flat = weights.reshape(groups, outputs, -1)
    depth = -(-flat.shape[2] // VECTOR_BYTES) * VECTOR_BYTES
    fours = -(-outputs // 4)
    packed = np.zeros((groups, fours * 4, depth), np.int8)
    packed[:, :outputs, : flat.shape[2]] = flat
    by_vector = packed.reshape(groups * fours, 4, depth // VECTOR_BYTES, VECTOR_BYTES)
    return np.ascontiguousarray(by_vector.transpose(0, 2, 1, 3))


def _runs(
    g: Geometry,
    call: Epilogue,
    name: str,
    first: int,
    count: int,
    pixels: int,
    fours: int,
    depth: int,
    outputs: int,
    in_place: bool,
) -> str:
    """TVMScript of `count` runs of `pixels` output pixels from column `first` on."""
    tile = "ew_tile_once_mve" if call.form == "once" else "ew_tile_mve"
    blocks, total = fours * g.groups, outputs * g.groups
    extent = g.columns * depth if in_place else pixels * depth
    column = f"vt * {pixels * g.stride} + {first * g.stride - g.pad_left}"
    gather = (
        f'            T.evaluate(T.call_extern("int32", "ew_gather_s8", rows, X.data, {column}, {pixels}, '
        f"{g.stride}, vg * {g.group_channels}, window, {depth}))\n"
    )
    block = f"vg * {fours} + vo"
    return f"""
    for t, g in T.grid({count}, {g.groups}):
        with T.sblock("{name}_pixels"):
            vt, vg = T.axis.remap("SS", [t, g])
            T.reads(W[0:{blocks}, 0:{4 * depth}], K[0:{blocks}, 0:12], X[0:{extent}])
            T.writes({"" if in_place else f"X[0:{extent}], "}Y[0:{g.out_columns * total}])
{"" if in_place else gather}            for o in range({fours}):
                with T.sblock("{name}_four"):
                    vo = T.axis.spatial({fours}, o)
                    T.reads(W[{block}, 0:{4 * depth}], K[{block}, 0:12], X[0:{extent}])
                    T.writes(Y[0:{g.out_columns * total}])
                    T.evaluate(T.call_extern("int32", "{tile}", T.address_of(W[{block}, 0]), X.data,
                        T.address_of(K[{block}, 0]),
                        T.address_of(Y[vt * {pixels * total} + vg * {outputs} + vo * 4 + {first * total}]),
                        {name}, T.min(4, {outputs} - vo * 4), output))
"""


def dot_mve_kernel(
    family: str,
    weights: npt.NDArray[np.int8],
    geometry: Geometry,
    call: Epilogue,
    row_input: RowInput,
    out_rows: int,
) -> RowKernel:
    """Row kernel of a convolution; arguments as `dot_kernel`, shifts in the TFLite convention."""
    made = run_mve_kernel(family, weights, geometry, call, row_input, out_rows)
    if made is not None:
        return made
    g, total = geometry, int(weights.shape[0])
    outputs = total // g.groups
    packed = pack_weights(weights, g.groups)
    blocks, depth = packed.shape[0], packed.shape[1] * VECTOR_BYTES
    fours = blocks // g.groups
    in_place = g.height == g.width == g.groups == 1 and g.pad_left == 0 and g.pixel_bytes == depth
    run = g.out_columns if in_place else min(RUN_PIXELS, g.out_columns)
    full, rest = divmod(g.out_columns, run)
    extent = g.columns * depth if in_place else run * depth
    header = "" if in_place else "rows: T.handle, window: T.handle, "
    tail_run = ", last: T.handle" if rest else ""
    script = f"""
@T.prim_func(s_tir=True)
def f({header}X: T.Buffer(({extent},), "int8"), output: T.handle, run: T.handle{tail_run},
      W: T.Buffer(({blocks}, {4 * depth}), "int8"), K: T.Buffer(({blocks}, 12), "int32"),
      Y: T.Buffer(({g.out_columns * total},), "int8")):
    T.func_attr({{"global_symbol": "f", "tirx.noalias": True}})
{_runs(g, call, "run", 0, full, run, fours, depth, outputs, in_place)}"""
    if rest:
        script += _runs(g, call, "last", full * run, 1, rest, fours, depth, outputs, in_place)
    strides = (g.stride * depth if in_place else depth, total, depth)
    runs = [np.array([n, *strides], np.int32) for n in (run, rest) if n]
    source = ("rows[0]",) if in_place else ("rows", "c[0]", "scratch")
    return RowKernel(
        family=family,
        script=script,
        arguments=(*source, "c[3]", *(f"c[{4 + i}]" for i in range(len(runs))), "c[1]", "c[2]", "out"),
        outputs=("Y",) if in_place else ("Y", "X"),
        # The output may overtake the input rows, which are read in the same call.
        may_alias=True,
        inputs=(row_input,),
        out_rows=out_rows,
        out_row_bytes=g.out_columns * total,
        constants=(window_constants(g), packed, pack_constants(call, g.groups, 4), call.output, *runs),
        headers=("ew_gather_s8.h", "ew_dot_mve.h"),
        scratch_bytes=0 if in_place else run * depth,
        reason=f"Helium, 4 channels x {run} pixels, input {'in place' if in_place else 'gathered'}",
        work={"dot": 1}
        | ({} if in_place else gather_s8_work(g, full + bool(rest)))
        | tile_mve_work(g, full + bool(rest), outputs, call.form),
    )
