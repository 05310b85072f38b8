"""Convolution row kernels with packed weights for Helium.

The weights of four channels are unpacked to int8 behind the receptive fields, and serve a run of pixels
(`dot_mve.py`) before the next four: the longer the run, the less unpacking costs. For rows of few pixels
(fully connected layers) the codes are multiplied themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.weight_format import WeightFormat
from edgewright.targets.codegen.kernels.dot import pack_constants, window_constants
from edgewright.targets.codegen.kernels.dot_mve import VECTOR_BYTES, pack_weights
from edgewright.targets.codegen.kernels.geometry import Geometry
from edgewright.targets.codegen.kernels.packed_layout import Words, in_order, planes, storage
from edgewright.targets.codegen.kernels.packed_work import unpack_mve_work
from edgewright.targets.codegen.kernels.requantization import Epilogue
from edgewright.targets.codegen.kernels.work import Work, gather_s8_work, tile_mve_work
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel

# Pixels gathered at a time.
RUN_PIXELS = 8
# Rows of at most so many pixels multiply codes.
FEW_PIXELS = 4


def pack_codes(weights: npt.NDArray[np.int8], groups: int, stored: WeightFormat) -> Words:
    """int8 [O, kh, kw, I / groups] -> words [groups * fours, depth * bits / 8] for `ew_packed_mve.h`."""
    filled = pack_weights(stored.codes(weights).view(np.int8), groups)
    codes = filled.reshape(len(filled), -1).view(np.uint8)
    if stored.bits == 1:
        return in_order(codes, 1)
    return planes(codes, stored.bits, VECTOR_BYTES)


@dataclass(frozen=True, eq=False)
class _Layer:
    """A convolution cut into runs of pixels.

    Args:
        g: What an output row reads.
        call: Requantization.
        stored: Format of the weights.
        words: Packed weights.
        outputs: Output channels of a group.
        depth: Bytes of a receptive field.
        in_place: Whether the input row holds the receptive fields one after the other.
        run: Pixels of a run.
    """

    g: Geometry
    call: Epilogue
    stored: WeightFormat
    words: Words
    outputs: int
    depth: int
    in_place: bool
    run: int

    @property
    def fours(self) -> int:
        return -(-self.outputs // 4)

    @property
    def runs(self) -> list[tuple[int, int, int]]:
        """(first column, number of runs, pixels a run)."""
        full, rest = divmod(self.g.out_columns, self.run)
        return [(0, full, self.run), *([(full * self.run, 1, rest)] if rest else [])]

    @property
    def unpacks(self) -> bool:
        """Whether weights are unpacked first, which costs as much as about four pixels save."""
        return self.g.out_columns > FEW_PIXELS

    @property
    def fields_bytes(self) -> int:
        return 0 if self.in_place else self.run * self.depth


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
    depth = -(-4 * g.quads // VECTOR_BYTES) * VECTOR_BYTES
    in_place = g.height == g.width == g.groups == 1 and g.pad_left == 0 and g.pixel_bytes == depth
    run = g.out_columns if in_place else min(RUN_PIXELS, g.out_columns)
    layer = _Layer(
        g, call, stored, pack_codes(weights, g.groups, stored), total // g.groups, depth, in_place, run
    )
    strides = (g.stride * depth if in_place else depth, total, depth)
    runs = [np.array([n, *strides], np.int32) for _, _, n in layer.runs]
    how = f"unpacked for {run} pixels" if layer.unpacks else f"x {run} pixels"
    source, arguments = _source(layer)
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
            pack_constants(call, g.groups, 4),
            np.array([*call.output, stored.step, stored.offset], np.int32),
            *runs,
        ),
        headers=("ew_gather_s8.h", "ew_packed_mve.h"),
        scratch_bytes=layer.fields_bytes + (4 * depth if layer.unpacks else 0),
        reason=f"{storage(stored)}: Helium, 4 channels {how}, input {'in place' if in_place else 'gathered'}",
        work=_work(layer),
    )


def _work(layer: _Layer) -> Work:
    g, bits = layer.g, layer.stored.bits
    runs = sum(n for _, n, _ in layer.runs)
    gathered = {} if layer.in_place else gather_s8_work(g, runs)
    tiles = tile_mve_work(g, runs, layer.outputs, layer.call.form)
    if layer.unpacks:
        return gathered | tiles | unpack_mve_work(bits, runs * g.groups * layer.fours, layer.depth // 4)
    tiles[f"mve{bits}"] = tiles.pop("dot_mve")
    return gathered | {f"packed_{name}": count for name, count in tiles.items()}


def _source(layer: _Layer) -> tuple[str, tuple[str, ...]]:
    """(C of the kernel, its arguments)."""
    g = layer.g
    runs = range(len(layer.runs))
    parameters = [
        "const void *const *rows",
        *([] if layer.in_place else ["const ew_window *window"]),
        "const uint32_t *w",
        "const int32_t *k",
        "const void *output",
        *(f"const ew_run *run{i}" for i in runs),
        *(["int8_t *scratch"] if layer.unpacks or not layer.in_place else []),
        "int8_t *y",
    ]
    arguments = [
        "rows",
        *([] if layer.in_place else ["c[0]"]),
        *("c[1]", "c[2]", "c[3]", *(f"c[{4 + i}]" for i in runs)),
        *(["scratch"] if layer.unpacks or not layer.in_place else []),
        "out",
    ]
    body = ""
    if layer.unpacks:
        body += f"  int8_t *unpacked = scratch + {layer.fields_bytes};\n"
    used = g.height * g.width * g.group_channels
    if not layer.in_place:
        body += "  int8_t *x = scratch;\n"
        # Codes that fill up the depth stand for weights that need not be 0, so inputs are.
        if used < layer.depth:
            clear = f"memset(x + p * {layer.depth} + {used}, 0, {layer.depth - used});"
            body += f"  for (int32_t p = 0; p < {layer.run}; p++) {clear}\n"
    body += "".join(_run(layer, f"run{i}", *run) for i, run in enumerate(layer.runs))
    return f"static void f({', '.join(parameters)}) {{\n{body}}}\n", tuple(arguments)


def _run(layer: _Layer, name: str, first: int, count: int, pixels: int) -> str:
    """C of equal runs."""
    g, stored, depth, outputs = layer.g, layer.stored, layer.depth, layer.outputs
    total = outputs * g.groups
    once = "_once" if layer.call.form == "once" else ""
    block = layer.words.size // (g.groups * layer.fours)
    column = f"t * {pixels * g.stride} + {first * g.stride - g.pad_left}"
    window = f"{pixels}, {g.stride}, g * {g.group_channels}, window, {depth}"
    x = f"ew_gather_s8(rows, x, {column}, {window});"
    if layer.in_place:
        x = f"const int8_t *x = (const int8_t *)rows[0] + {first * g.stride * depth};"
    tile = f"ew_packed_tile{stored.bits}{once}_mve(w + n * {block}"
    if layer.unpacks:
        form = f"{depth // 4}, {stored.step}, {stored.offset}"
        tile = f"ew_packed_unpack{stored.bits}_mve(w + n * {block}, unpacked, {form});\n"
        tile += f"        ew_tile{once}_mve(unpacked"
    y = f"y + (t * {pixels * total} + g * {outputs} + o * 4 + {first * total})"
    return f"""  for (int32_t t = 0; t < {count}; t++)
    for (int32_t g = 0; g < {g.groups}; g++) {{
      {x}
      for (int32_t o = 0; o < {layer.fours}; o++) {{
        int32_t exist = {outputs} - o * 4, n = g * {layer.fours} + o;
        {tile}, x, k + n * 12, {y},
                    {name}, exist < 4 ? exist : 4, output);
      }}
    }}
"""
