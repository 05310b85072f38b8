"""Convolution row kernels as dot products: gather P receptive fields, multiply with all channels.

For every tile of P output pixels the receptive fields are widened to int16 and interleaved in
scratch (`ew_gather.h`); then, two output channels at a time, a micro-kernel accumulates the whole
depth (kh * kw * channels) and the tile is requantized. TensorIR:

    acc[p, i] = bias[o, i] + sum_{k, h, l} X[k, p, h, l] * W[o, k, i, l, h]
    Y[pixel, o, i] = requantize(acc[p, i])

with (h, l) = (position in the pair, pair) of a quad, so that SXTB16's order (0, 2, 1, 3) is plain
indexing and TVM's tensorize can prove the match.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edgewright.targets.codegen.kernels.geometry import Geometry
from edgewright.targets.codegen.kernels.loop_nest import LoopNest
from edgewright.targets.codegen.kernels.requantization import Epilogue
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel, Tensorize
from edgewright.targets.cpu import CpuClass


def split_tiles(columns: int, tiles: Sequence[int]) -> list[tuple[int, int, int]]:
    """Cover a row with pixel tiles: (first column, number of tiles, pixels a tile).

    A remainder of one is avoided where a tile of two fits (4 = 2 + 2, not 3 + 1): the micro-kernel
    loads the weights once per tile.

    >>> split_tiles(5, (3, 2, 1))
    [(0, 1, 3), (3, 1, 2)]
    >>> split_tiles(16, (3, 2, 1))
    [(0, 4, 3), (12, 2, 2)]
    """
    counts = dict.fromkeys(tiles, 0)
    largest = tiles[0]
    counts[largest], rest = divmod(columns, largest)
    if largest == 3 and rest == 1 and counts[3]:
        counts[3], rest = counts[3] - 1, 4
    for tile in tiles[1:]:
        counts[tile], rest = divmod(rest, tile)
    result, first = [], 0
    for tile in tiles:
        if counts[tile]:
            result.append((first, counts[tile], tile))
            first += counts[tile] * tile
    return result


def _accumulate(pixels: int, quads: int) -> LoopNest:
    return LoopNest((("p", pixels, "S"), ("i", 2, "S"), ("k", quads, "R"), ("h", 2, "R"), ("l", 2, "R")))


def _intrinsic(pixels: int, quads: int) -> tuple[str, str]:
    head = f"""
@T.prim_func(s_tir=True)
def %s(x: T.handle, w: T.handle, a: T.handle) -> None:
    X = T.match_buffer(x, ({quads}, {pixels}, 2, 2), "int16", offset_factor=1)
    W = T.match_buffer(w, ({quads}, 2, 2, 2), "int8", offset_factor=1)
    A = T.match_buffer(a, ({pixels}, 2), "int32", offset_factor=1)
    with T.sblock("root"):
        T.reads(A[0:{pixels}, 0:2], X[0:{quads}, 0:{pixels}, 0:2, 0:2], W[0:{quads}, 0:2, 0:2, 0:2])
        T.writes(A[0:{pixels}, 0:2])
"""
    nest = _accumulate(pixels, quads)
    a, x, w = f"A[{nest.indices('pi')}]", f"X[{nest.indices('kphl')}]", f"W[{nest.indices('kilh')}]"
    update = f'{a} = {a} + T.cast({x}, "int32") * T.cast({w}, "int32")'
    call = (
        f'T.call_extern("int32", "ew_dot_2x{pixels}", '
        f'W.access_ptr("r"), X.access_ptr("r"), A.access_ptr("rw"), {quads})'
    )
    return head % "desc" + nest.lines("update", update, 8), head % "impl" + f"        T.evaluate({call})\n"


def _segment(index: int, g: Geometry, segment: tuple[int, int, int], outputs: int, call: Epilogue) -> str:
    """TVMScript of one group of equal tiles: gather, then all output channels."""
    first, tiles, pixels = segment
    quads, pairs = g.quads, -(-outputs // 2)
    total = outputs * g.groups
    gather = "ew_gather" if g.group_channels % 4 == 0 else "ew_gather_bytes"
    column = f"vt * {pixels * g.stride} + {first * g.stride - g.pad_left}"
    nest = _accumulate(pixels, quads)
    pair = f"vg * {pairs} + vo"
    acc, bias = f"acc[{nest.indices('pi')}]", f"B[{pair}, {nest.index('i')}]"
    x, w = f"X{index}[{nest.indices('kphl')}]", f"W[{pair}, {nest.indices('kilh')}]"
    accumulate = f"""
T.reads({x}, {w})
T.writes({acc})
with T.init():
    {acc} = {bias}
{acc} = {acc} + T.cast({x}, "int32") * T.cast({w}, "int32")
"""
    finish = LoopNest((("i", 2, "S"), ("p", pixels, "S")))
    acc = f"acc[{finish.indices('pi')}]"
    value = call.call(acc, f"M[{pair}, vi]", f"S[{pair}, vi]")
    guard = f"T.where(vo * 2 + i < {outputs})\n" if outputs % 2 else ""
    y = f"Y[vt * {pixels} + {finish.index('p')} + {first}, vg * {outputs} + vo * 2 + vi]"
    requantize = f"{guard}{y} = {value}"
    columns = f"vt * {pixels} + {first} : vt * {pixels} + {first + pixels}"
    return f"""
    for g, t in T.grid({g.groups}, {tiles}):
        with T.sblock("tile{index}"):
            vg, vt = T.axis.remap("SS", [g, t])
            T.reads(W[vg * {pairs} : vg * {pairs} + {pairs}, 0:{quads}, 0:2, 0:2, 0:2])
            T.writes(X{index}[0:{quads}, 0:{pixels}, 0:2, 0:2], Y[{columns}, 0:{total}])
            T.evaluate(T.call_extern("int32", "{gather}", rows, X{index}.data, {column}, {pixels},
                                     {g.stride}, vg * {g.group_channels}, window))
            for o in range({pairs}):
                with T.sblock("pair{index}"):
                    vo = T.axis.spatial({pairs}, o)
                    acc = T.sblock_alloc_buffer(({pixels}, 2), "int32")
{nest.lines(f"acc{index}", accumulate, 20)}{finish.lines(f"rq{index}", requantize, 20)}"""


def pack_weights(weights: npt.NDArray[np.int8], groups: int) -> npt.NDArray[np.int8]:
    """int8 [O, kh, kw, I / groups] -> [groups * pairs, quads, 2 channels, 4], zero filled."""
    outputs = weights.shape[0] // groups
    flat = weights.reshape(groups, outputs, -1)
    quads, pairs = -(-flat.shape[2] // 4), -(-outputs // 2)
    packed = np.zeros((groups, pairs * 2, quads * 4), np.int8)
    packed[:, :outputs, : flat.shape[2]] = flat
    return np.ascontiguousarray(
        packed.reshape(groups, pairs, 2, quads, 4)
        .transpose(0, 1, 3, 2, 4)
        .reshape(groups * pairs, quads, 2, 4)
    )


def _pad_pairs(values: npt.NDArray[np.int32], groups: int) -> npt.NDArray[np.int32]:
    per_group = values.reshape(groups, -1)
    extra = per_group.shape[1] % 2
    return np.ascontiguousarray(np.pad(per_group, ((0, 0), (0, extra)), mode="edge").reshape(-1, 2))


def dot_kernel(
    family: str,
    weights: npt.NDArray[np.int8],
    geometry: Geometry,
    call: Epilogue,
    row_input: RowInput,
    out_rows: int,
    cpu: CpuClass,
) -> RowKernel:
    """Row kernel of a convolution for the scalar and DSP classes.

    Args:
        family: Start of the symbol.
        weights: int8 [O, kh, kw, I / groups].
        geometry: What one output row reads.
        call: Requantization.
        row_input: Rows the driver passes.
        out_rows: Output rows.
        cpu: CPU class.
    """
    g, total = geometry, int(weights.shape[0])
    outputs = total // g.groups
    pairs = -(-outputs // 2)
    segments = split_tiles(g.out_columns, cpu.pixel_tiles)
    buffers = ", ".join(
        f'X{n}: T.Buffer(({g.quads}, {pixels}, 2, 2), "int16")' for n, (_, _, pixels) in enumerate(segments)
    )
    per_channel = f'T.Buffer(({g.groups * pairs}, 2), "int32")'
    script = f"""
@T.prim_func(s_tir=True)
def f(rows: T.handle, window: T.handle, {buffers},
      W: T.Buffer(({g.groups * pairs}, {g.quads}, 2, 2, 2), "int8"),
      B: {per_channel}, M: {per_channel}, S: {per_channel},
      Y: T.Buffer(({g.out_columns}, {total}), "int8")):
    T.func_attr({{"global_symbol": "f", "tirx.noalias": True}})
""" + "".join(_segment(n, g, s, outputs, call) for n, s in enumerate(segments))
    window = np.array(
        [g.columns, g.pixel_bytes, g.group_channels, g.height, g.width, g.dilation, g.zero_point], np.int32
    )
    largest = max(pixels for _, _, pixels in segments)
    return RowKernel(
        family=family,
        script=script,
        arguments=("rows", "c[0]", *("scratch" for _ in segments), "c[1]", "c[2]", "c[3]", "c[4]", "out"),
        outputs=("Y", *(f"X{n}" for n in range(len(segments)))),
        inputs=(row_input,),
        out_rows=out_rows,
        out_row_bytes=g.out_columns * total,
        constants=(
            window,
            pack_weights(weights, g.groups),
            *(_pad_pairs(v, g.groups) for v in (call.bias, call.multiplier, call.shift)),
        ),
        headers=("ew_math.h", "ew_gather.h", f"ew_dot_{cpu.name}.h"),
        scratch_bytes=g.quads * 8 * largest,
        tensorize=tuple(
            Tensorize(f"acc{n}", _accumulate(pixels, g.quads).depth, _intrinsic(pixels, g.quads))
            for n, (_, _, pixels) in enumerate(segments)
        ),
        reason=f"tiles of {', '.join(str(p) for _, _, p in segments)} pixels x 2 channels, {call.function}",
    )
