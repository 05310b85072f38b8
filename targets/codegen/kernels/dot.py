"""Convolution row kernels as dot products: gather P receptive fields, multiply with all channels.

For every tile of P output pixels the receptive fields are widened to int16 and interleaved in
scratch (`ew_gather.h`). Then a micro-kernel takes two output channels at a time over the whole depth
(kh * kw * channels) and requantizes the tile while it is in registers (`ew_tile.h`):

    acc[p, i] = bias[o, i] + sum_k X[p, k] * W[o, i, k]
    Y[pixel, o, i] = requantize(acc[p, i])

TensorIR holds the loops over groups, tiles and channel pairs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edgewright.targets.codegen.kernels.function_bytes import LOOP_BYTES, functions
from edgewright.targets.codegen.kernels.geometry import Geometry
from edgewright.targets.codegen.kernels.requantization import Epilogue
from edgewright.targets.codegen.kernels.work import gather_any_work, gather_work, tile_work
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel
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


def pack_weights(weights: npt.NDArray[np.int8], groups: int) -> npt.NDArray[np.int8]:
    """int8 [O, kh, kw, I / groups] -> [groups * pairs, quads, 2 channels, 4], zero filled."""
    outputs = weights.shape[0] // groups
    flat = weights.reshape(groups, outputs, -1)
    quads, pairs = -(-flat.shape[2] // 4), -(-outputs // 2)
    packed = np.zeros((groups, pairs * 2, quads * 4), np.int8)
    packed[:, :outputs, : flat.shape[2]] = flat
    by_quad = packed.reshape(groups, pairs, 2, quads, 4).transpose(0, 1, 3, 2, 4)
    return np.ascontiguousarray(by_quad.reshape(groups * pairs, quads, 2, 4))


def pack_constants(call: Epilogue, groups: int, tile: int) -> npt.NDArray[np.int32]:
    """Bias, multiplier and shift of every tile of channels: int32 [groups * tiles, 3 * tile]."""

    def tiles(values: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        per_group = values.reshape(groups, -1)
        extra = -per_group.shape[1] % tile
        return np.pad(per_group, ((0, 0), (0, extra)), mode="edge").reshape(-1, tile)

    return np.concatenate([tiles(v) for v in (call.bias, call.multiplier, call.shift)], axis=1)


def window_constants(g: Geometry) -> npt.NDArray[np.int32]:
    """The constants of `ew_window`: int32 [7]."""
    return np.array(
        [g.columns, g.pixel_bytes, g.group_channels, g.height, g.width, g.dilation, g.zero_point], np.int32
    )


def _segment(index: int, g: Geometry, segment: tuple[int, int, int], outputs: int, call: Epilogue) -> str:
    """TVMScript of one group of equal tiles: gather, then all output channels."""
    first, tiles, pixels = segment
    quads, pairs = g.quads, -(-outputs // 2)
    total = outputs * g.groups
    gather = "ew_gather" if g.group_channels % 4 == 0 else "ew_gather_any"
    depth = "" if gather == "ew_gather" else f", {4 * quads}"
    column = f"vt * {pixels * g.stride} + {first * g.stride - g.pad_left}"
    pair = f"vg * {pairs} + vo"
    in_registers = call.form in ("relu", "linear")
    tail = f", {call.zero_point}" if in_registers else f", T.min(2, {outputs} - vo * 2), output"
    y = f"Y[vt * {pixels * total} + vg * {outputs} + vo * 2 + {first * total}]"
    return f"""
    for g, t in T.grid({g.groups}, {tiles}):
        with T.sblock("tile{index}"):
            vg, vt = T.axis.remap("SS", [g, t])
            T.reads(W[0:{g.groups * pairs}, 0:{quads * 8}], K[0:{g.groups * pairs}, 0:6])
            T.writes(X[0:{quads * 4 * pixels}], Y[0:{g.out_columns * total}])
            T.evaluate(T.call_extern("int32", "{gather}", rows, X.data, {column}, {pixels},
                                     {g.stride}, vg * {g.group_channels}, window{depth}))
            for o in range({pairs}):
                with T.sblock("pair{index}"):
                    vo = T.axis.spatial({pairs}, o)
                    T.reads(X[0:{quads * 4 * pixels}], W[{pair}, 0:{quads * 8}], K[{pair}, 0:6])
                    T.writes(Y[0:{g.out_columns * total}])
                    T.evaluate(T.call_extern("int32", "ew_tile_2x{pixels}_{call.form}",
                        T.address_of(W[{pair}, 0]), X.data, T.address_of(K[{pair}, 0]),
                        T.address_of({y}), {quads}, {total}{tail}))
"""


def _names(g: Geometry, segments: Sequence[tuple[int, int, int]], call: Epilogue) -> list[str]:
    """Micro-kernels a kernel calls, and those that they call."""
    names = ["ew_gather_any" if g.group_channels % 4 else "ew_gather"]
    for _, _, pixels in segments:
        names.append(f"ew_tile_2x{pixels}_{call.form}")
        if call.form not in ("relu", "linear"):  # those sum themselves
            names.append(f"ew_dot_2x{pixels}")
    return names


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
    blocks = g.groups * -(-outputs // 2)
    segments = split_tiles(g.out_columns, cpu.pixel_tiles)
    largest = segments[0][2]
    output = "" if call.form in ("relu", "linear") else "output: T.handle, "
    script = f"""
@T.prim_func(s_tir=True)
def f(rows: T.handle, window: T.handle, {output}X: T.Buffer(({g.quads * 4 * largest},), "int16"),
      W: T.Buffer(({blocks}, {g.quads * 8}), "int8"), K: T.Buffer(({blocks}, 6), "int32"),
      Y: T.Buffer(({g.out_columns * total},), "int8")):
    T.func_attr({{"global_symbol": "f", "tirx.noalias": True}})
""" + "".join(_segment(n, g, s, outputs, call) for n, s in enumerate(segments))
    gather = gather_any_work if g.group_channels % 4 else gather_work
    pointwise = g.height == g.width == g.stride == g.groups == 1 and g.pad_left == 0 and row_input.rows == 1
    return RowKernel(
        family=family,
        script=script,
        arguments=("rows", "c[0]", *(("c[3]",) if output else ()), "scratch", "c[1]", "c[2]", "out"),
        outputs=("Y", "X"),
        # The output may overtake the input rows, which are read in the same call.
        may_alias=True,
        inputs=(row_input,),
        out_rows=out_rows,
        out_row_bytes=g.out_columns * total,
        constants=(
            window_constants(g),
            pack_weights(weights, g.groups),
            pack_constants(call, g.groups, 2),
            *((call.output,) if output else ()),
        ),
        headers=("ew_gather.h", f"ew_dot_{cpu.name}.h"),
        # Channels that are not a multiple of 4 are lined up as int8 first.
        scratch_bytes=g.quads * (8 * largest + (4 if g.group_channels % 4 else 0)),
        code_bytes=LOOP_BYTES * len(segments),
        shared_code=functions(cpu, _names(g, segments, call)),
        variant="tiles 2x3" if cpu.name == "dsp" else "tiles 2x2",
        reason=f"tiles of {', '.join(str(p) for _, _, p in segments)} pixels x 2 channels, "
        f"{call.form} requantization",
        # A tile's pixels are gathered before its first output is written, from the first to the last.
        lead_bytes=max(0, g.out_columns * (total - g.pixel_bytes)) if pointwise else None,
        work={"dot": 1, "dot_segment": len(segments)}
        | gather(g, sum(tiles for _, tiles, _ in segments))
        | tile_work(g, segments, outputs, call.form),
    )
