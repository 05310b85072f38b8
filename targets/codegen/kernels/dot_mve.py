"""Convolution row kernels for Helium: one pixel's receptive field as int8 times four output channels.

    acc[i] = bias[o, i] + sum_k X[k] * W[o, i, k]

The depth is filled up to a multiple of 16 with zero weights. Pointwise layers whose depth is one
already read their input in place.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgewright.targets.codegen.kernels.geometry import Geometry
from edgewright.targets.codegen.kernels.loop_nest import LoopNest
from edgewright.targets.codegen.kernels.requantization import Epilogue
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel, Tensorize

VECTOR_BYTES = 16


def _intrinsic(depth: int) -> tuple[str, str]:
    head = f"""
@T.prim_func(s_tir=True)
def %s(x: T.handle, w: T.handle, a: T.handle) -> None:
    X = T.match_buffer(x, ({depth},), "int8", offset_factor=1)
    W = T.match_buffer(w, (4, {depth}), "int8", offset_factor=1)
    A = T.match_buffer(a, (4,), "int32", offset_factor=1)
    with T.sblock("root"):
        T.reads(A[0:4], X[0:{depth}], W[0:4, 0:{depth}])
        T.writes(A[0:4])
"""
    update = 'A[vi] = A[vi] + T.cast(X[vk], "int32") * T.cast(W[vi, vk], "int32")'
    call = (
        'T.call_extern("int32", "ew_dot_4x1_mve", '
        f'W.access_ptr("r"), X.access_ptr("r"), A.access_ptr("rw"), {depth})'
    )
    nest = LoopNest((("i", 4, "S"), ("k", depth, "R")))
    return head % "desc" + nest.lines("update", update, 8), head % "impl" + f"        T.evaluate({call})\n"


def _pad_groups(values: npt.NDArray[np.int32], groups: int) -> npt.NDArray[np.int32]:
    per_group = values.reshape(groups, -1)
    extra = -per_group.shape[1] % 4
    return np.ascontiguousarray(np.pad(per_group, ((0, 0), (0, extra)), mode="edge").reshape(-1, 4))


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
    finish = "ew_finish_once_mve" if call.once else "ew_finish_mve"
    tail = ", ".join(str(v) for v in call.tail)
    nest = LoopNest((("i", 4, "S"), ("k", depth, "R")))
    x = f"X[vp * {g.stride * depth} + vk]" if in_place else "X[vk]"
    block = f"vg * {fours} + vo"
    accumulate = f"""
T.reads({x}, W[{block}, vi, vk])
T.writes(acc[vi])
with T.init():
    acc[vi] = B[{block}, vi]
acc[vi] = acc[vi] + T.cast({x}, "int32") * T.cast(W[{block}, vi, vk], "int32")
"""
    gather = (
        f'            T.evaluate(T.call_extern("int32", "ew_gather_s8", rows, X.data, '
        f"vp * {g.stride} - {g.pad_left}, vg * {g.group_channels}, window))\n"
    )
    extent = g.columns * depth if in_place else depth
    source = f'X: T.Buffer(({extent},), "int8")'
    per_channel = f'T.Buffer(({blocks}, 4), "int32")'
    script = f"""
@T.prim_func(s_tir=True)
def f({"" if in_place else "rows: T.handle, window: T.handle, "}{source}, W: T.Buffer(({blocks}, 4, {depth}), "int8"),
      B: {per_channel}, M: {per_channel}, S: {per_channel}, Y: T.Buffer(({g.out_columns * total},), "int8")):
    T.func_attr({{"global_symbol": "f", "tirx.noalias": True}})
    for p, g in T.grid({g.out_columns}, {g.groups}):
        with T.sblock("pixel"):
            vp, vg = T.axis.remap("SS", [p, g])
            T.reads(W[0:{blocks}, 0:4, 0:{depth}], B[0:{blocks}, 0:4], X[0:{extent}])
            T.writes({"" if in_place else f"X[0:{extent}], "}Y[0:{g.out_columns * total}])
{"" if in_place else gather}            for o in range({fours}):
                with T.sblock("four"):
                    vo = T.axis.spatial({fours}, o)
                    T.reads(W[{block}, 0:4, 0:{depth}], B[{block}, 0:4], X[0:{extent}])
                    T.writes(Y[0:{g.out_columns * total}])
                    acc = T.sblock_alloc_buffer((4,), "int32")
{nest.lines("acc", accumulate, 20)}                    with T.sblock("finish"):
                        T.reads(acc[0:4])
                        T.writes(Y[0:{g.out_columns * total}])
                        T.evaluate(T.call_extern("int32", "{finish}", acc.data, T.address_of(M[{block}, 0]),
                            T.address_of(S[{block}, 0]),
                            T.address_of(Y[vp * {total} + vg * {outputs} + vo * 4]),
                            T.min(4, {outputs} - vo * 4), {tail}))
"""
    window = np.array(
        [g.columns, g.pixel_bytes, g.group_channels, g.height, g.width, g.dilation, g.zero_point], np.int32
    )
    return RowKernel(
        family=family,
        script=script,
        arguments=(
            *(("rows[0]",) if in_place else ("rows", "c[0]", "scratch")),
            *(f"c[{i}]" for i in range(1, 5)),
            "out",
        ),
        outputs=("Y",) if in_place else ("Y", "X"),
        inputs=(row_input,),
        out_rows=out_rows,
        out_row_bytes=g.out_columns * total,
        constants=(
            window,
            packed,
            *(_pad_groups(v, g.groups) for v in (call.bias, call.multiplier, call.shift)),
        ),
        headers=("ew_math.h", "ew_gather_s8.h", "ew_dot_mve.h"),
        scratch_bytes=0 if in_place else depth,
        tensorize=(Tensorize("acc", nest.depth, _intrinsic(depth)),),
        reason=f"Helium, 4 channels x 1 pixel, input {'in place' if in_place else 'gathered'}",
    )
