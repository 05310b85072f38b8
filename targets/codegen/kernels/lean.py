"""Convolution row kernels that need less scratch memory than `dot_kernel`: int8 receptive fields.

In the order of their speed:

- Tiles of 2 channels x 3 (2, 1) pixels that widen int8 pixels on the way, DSP class only. Pointwise
  layers read the input row in place (`ew_lean_dsp.h`), others gather a tile of receptive fields.
- The same with at most 2 pixels.
- With packed weights the same kernels with smaller tiles of pixels.
- 4 channels of one pixel: the tile of fully connected layers (`ew_tile_4x1_*`), of a receptive field
  gathered or in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.ops.requantize import Requantize
from edgewright.converter.program import TensorType
from edgewright.targets.codegen.kernels.convolution import (
    packed_format,
    tiled_convolution,
    tiled_pixelwise,
)
from edgewright.targets.codegen.kernels.dot import (
    pack_constants,
    pack_weights,
    split_tiles,
    window_constants,
)
from edgewright.targets.codegen.kernels.function_bytes import LOOP_BYTES, functions
from edgewright.targets.codegen.kernels.geometry import Geometry, pixel_geometry, window_geometry
from edgewright.targets.codegen.kernels.lean_source import (
    Tiles,
    lean_functions,
    lean_source,
    lean_work,
)
from edgewright.targets.codegen.kernels.requantization import Epilogue, epilogue
from edgewright.targets.codegen.row_kernel import RowKernel
from edgewright.targets.cpu import CpuClass

# Of the tiles with packed weights.
FEWER_PIXELS = (2, 1)
# The largest immediate offset of LDR.
MAX_OFFSET = 4095


def lean_convolution(op: Conv2D, cpu: CpuClass, x: TensorType) -> tuple[RowKernel, ...]:
    """Forms of the row kernel of a convolution with less scratch memory, fastest first."""
    full = op.row_kernel(cpu, x)
    _, _height, _width, _ = op.weights.shape
    if packed_format(op.weight_format, op.weights[0].size) is not None:
        return _smaller(full, [tiled_convolution(op, cpu, x, pixels) for pixels in FEWER_PIXELS])
    geometry = window_geometry(op, x)
    return _lean(full, op.weights, geometry, op.requantize, cpu, once=False)


def lean_fully_connected(op: FullyConnected, cpu: CpuClass, x: TensorType) -> tuple[RowKernel, ...]:
    """Forms of the row kernel of a fully connected layer with less scratch memory, fastest first."""
    full = op.row_kernel(cpu, x)
    outputs, inputs = op.weights.shape
    if packed_format(op.weight_format, inputs) is not None:
        return _smaller(full, [tiled_pixelwise(op, cpu, x, pixels) for pixels in FEWER_PIXELS])
    geometry = pixel_geometry(op, x)
    weights = op.weights.reshape(outputs, 1, 1, inputs)
    return _lean(full, weights, geometry, op.requantize, cpu, once=True)


def reads_in_place(g: Geometry) -> bool:
    """Whether the receptive field of every output pixel is a run of whole quads of the input row."""
    pointwise = g.height == g.width == 1 and g.group_channels % 4 == 0
    return pointwise and g.pad_left == 0 and (g.out_columns - 1) * g.stride < g.columns


def _lean(
    full: RowKernel,
    weights: npt.NDArray[np.int8],
    g: Geometry,
    requantize: Requantize,
    cpu: CpuClass,
    *,
    once: bool,
) -> tuple[RowKernel, ...]:
    """Those of the forms that save memory, over `full` and over the faster ones."""
    if full.scratch_bytes == 0 or cpu.name == "mve":
        return ()
    candidates: list[RowKernel | None] = [
        _fours(full, weights, g, _call(requantize, weights, g, cpu, 4, once=once), cpu)
    ]
    # For one pixel alone, four channels at a time are faster.
    if cpu.name == "dsp" and g.out_columns > 1:
        call = _call(requantize, weights, g, cpu, 2, once=once)
        candidates[:0] = [_pairs(full, weights, g, call, cpu, pixels) for pixels in ((3, 2, 1), (2, 1))]
    return _smaller(full, candidates)


def _smaller(full: RowKernel, candidates: Sequence[RowKernel | None]) -> tuple[RowKernel, ...]:
    """Those that need less scratch memory than `full` and all before them."""
    found: list[RowKernel] = []
    least = full.scratch_bytes
    for kernel in candidates:
        if kernel is not None and kernel.scratch_bytes < least:
            found.append(kernel)
            least = kernel.scratch_bytes
    return tuple(found)


def _call(
    requantize: Requantize,
    weights: npt.NDArray[np.int8],
    g: Geometry,
    cpu: CpuClass,
    channels: int,
    *,
    once: bool,
) -> Epilogue:
    """Requantization for tiles of some channels."""
    forms = ["once_right", "once"] if once else ["bounded", "general"]
    if cpu.name == "dsp" and not once and (weights.shape[0] // g.groups) % channels == 0:
        # The assembler forms store all channels of a tile.
        forms += ["relu", "linear"]
    return epilogue(requantize, weights, g.zero_point, forms)


def _pairs(
    full: RowKernel,
    weights: npt.NDArray[np.int8],
    g: Geometry,
    call: Epilogue,
    cpu: CpuClass,
    pixels: Sequence[int],
) -> RowKernel | None:
    """2 channels x some pixels; None where the pixels lie too far apart to be read in place."""
    segments = split_tiles(g.out_columns, pixels)
    largest = segments[0][2]
    in_place = reads_in_place(g)
    if in_place and (largest - 1) * g.stride * g.pixel_bytes > MAX_OFFSET:
        return None
    tiles = Tiles(segments, 2, int(weights.shape[0]) // g.groups, call, in_place)
    lines = largest + (g.group_channels % 4 != 0)
    return _kernel(
        full,
        g,
        tiles,
        cpu,
        pack_weights(weights, g.groups),
        "ew_lean_dsp.h",
        0 if in_place else 4 * g.quads * lines,
    )


def _fours(
    full: RowKernel, weights: npt.NDArray[np.int8], g: Geometry, call: Epilogue, cpu: CpuClass
) -> RowKernel:
    """4 channels x 1 pixel."""
    in_place = reads_in_place(g)
    outputs = int(weights.shape[0]) // g.groups
    tiles = Tiles([(0, g.out_columns, 1)], 4, outputs, call, in_place)
    packed = pack_fours(weights, g.groups)
    return _kernel(full, g, tiles, cpu, packed, f"ew_dot_{cpu.name}.h", 0 if in_place else 4 * g.quads)


def pack_fours(weights: npt.NDArray[np.int8], groups: int) -> npt.NDArray[np.int8]:
    """int8 [O, kh, kw, I / groups] -> [groups * fours, quads, 4 channels, 4], zero filled."""
    outputs = weights.shape[0] // groups
    flat = weights.reshape(groups, outputs, -1)
    quads, fours = -(-flat.shape[2] // 4), -(-outputs // 4)
    packed = np.zeros((groups, fours * 4, quads * 4), np.int8)
    packed[:, :outputs, : flat.shape[2]] = flat
    by_quad = packed.reshape(groups * fours, 4, quads, 4).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(by_quad)


def _kernel(
    full: RowKernel,
    g: Geometry,
    tiles: Tiles,
    cpu: CpuClass,
    packed: npt.NDArray[np.int8],
    header: str,
    scratch_bytes: int,
) -> RowKernel:
    source, arguments = lean_source(g, tiles)
    pixels = ", ".join(str(p) for _, _, p in tiles.segments)
    return replace(
        full,
        script="",
        source=source,
        arguments=arguments,
        # In place, a tile's pixels are read again for every block of channels.
        may_alias=False,
        lead_bytes=None,
        constants=(
            window_constants(g),
            packed,
            pack_constants(tiles.call, g.groups, tiles.channels),
            tiles.call.output,
        ),
        headers=("ew_gather_s8.h", header),
        scratch_bytes=scratch_bytes,
        variant=f"tiles of {pixels} int8 pixels x {tiles.channels}",
        code_bytes=LOOP_BYTES * len(tiles.segments),
        shared_code=functions(cpu, lean_functions(g, tiles)),
        reason=f"less scratch memory: tiles of {pixels} int8 pixels x {tiles.channels} channels"
        f"{', input read in place' if tiles.in_place else ''}, {tiles.call.form} requantization",
        work=lean_work(g, tiles),
    )
