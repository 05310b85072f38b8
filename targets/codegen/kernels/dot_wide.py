"""Convolutions on DSP cores in wide tiles: two channels of four pixels, eight accumulators in registers.

For every tile of pixels the receptive fields are gathered as words of two int16; one assembler function
then takes all channels, two at a time, over the whole depth (`ew_wide_dsp.h`):

    acc[p, o] = bias[o] + sum_k X[p, k] * W[o, k];    Y[p, o] = requantize(acc[p, o])

SMLAD multiplies int16, so weights are int16 somewhere: in flash, in scratch (expanded once an inference, by
kernels that see the whole tensor), or for an instruction only, in the loop.

| weights            | flash | scratch      | cycles of 2 x 4 products of two k (Cortex-M4) |
|--------------------|-------|--------------|-----------------------------------------------|
| int16 in flash     | 2     | a tile       | 16                                            |
| int8, int16 in RAM | 1     | 2, and tile  | 16                                            |
| int8               | 1     | a tile       | 18                                            |

All else is the same code for all layers (`ew_wide_layer_dsp.h`), which runs over numbers in flash. Tile
functions are those of all depths, or a layer's own, unrolled for its depth: somewhat faster, but more code.

Where rows are narrow, kernels that see the whole tensor let tiles go on in the next row. Layers of few input
channels do without gathering (`dot_wide_image.py`).
"""

from __future__ import annotations

from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.program import TensorType
from edgewright.targets.codegen.kernels.dot_wide_code import wide_code, wrapper_bytes
from edgewright.targets.codegen.kernels.dot_wide_image import image_kernels
from edgewright.targets.codegen.kernels.dot_wide_layer import PLACES, WideLayer, wide_layer
from edgewright.targets.codegen.kernels.dot_wide_layout import (
    channel_pairs,
    even_steps,
    step_weights,
    wide_segments,
    wide_stream,
)
from edgewright.targets.codegen.kernels.dot_wide_source import ARGUMENTS, layer_constants, wide_source
from edgewright.targets.codegen.kernels.dot_wide_tiles import WholeRows, WideTiles
from edgewright.targets.codegen.kernels.dot_wide_work import wide_work
from edgewright.targets.codegen.kernels.folded_requantization import FoldedEpilogue
from edgewright.targets.codegen.row_kernel import RowKernel
from edgewright.targets.cpu import CpuClass

# Limit of immediates in the assembler: output channels of three pixels.
MAX_OUTPUTS = 4095 // 3


def wide_kernels(op: Conv2D | FullyConnected, cpu: CpuClass, x: TensorType) -> tuple[RowKernel, ...]:
    """Kernels for a layer schedule; empty where wide tiles cannot compute it.

    Args:
        op: The layer.
        cpu: CPU class.
        x: Type of its input.
    """
    layer = wide_layer(op, cpu, x)
    if layer is None:
        return ()
    # Weights are expanded once an inference, so by a kernel that is called once.
    rows = layer.out_rows > 1
    # Tiles fill the rows of some layers: these need no kernel that goes on in the next row.
    joined = rows and layer.geometry.out_columns % 4 != 0
    found = [_kernel(layer, "flash", whole=joined), _kernel(layer, "ram", whole=rows)]
    for call in layer.shared:
        found.append(_kernel(layer, "flash", whole=joined, shared=call))
        found.append(_kernel(layer, "ram", whole=rows, shared=call))
    call = layer.shared[0]
    if joined:
        found.append(_kernel(layer, "loop", whole=True, shared=call))
    found.append(_kernel(layer, "loop", shared=call))
    return tuple(k for k in found if k is not None) + image_kernels(layer)


def wide_row_kernel(op: Conv2D | FullyConnected, cpu: CpuClass, x: TensorType) -> RowKernel | None:
    """The kernel that takes rows, with int8 weights and little scratch memory; None where there is none."""
    layer = wide_layer(op, cpu, x)
    return None if layer is None else _kernel(layer, "loop", shared=layer.shared[0])


def _kernel(
    layer: WideLayer, place: str, *, whole: bool = False, shared: FoldedEpilogue | None = None
) -> RowKernel | None:
    """A kernel that gathers receptive fields.

    Args:
        layer: The layer.
        place: Of the weights, one of `PLACES`; "ram" for kernels that are called once.
        whole: Take the whole tensor in one call.
        shared: Requantization of tile code that layers of all depths share; None for code of its own.
    """
    g, v, call = layer.geometry, layer.view, shared or layer.call
    steps = step_weights(layer.weights)
    if place != "flash":
        steps = even_steps(steps)
    pixels = g.out_columns * (layer.out_rows if whole else 1)
    tiles = WideTiles(
        segments=wide_segments(pixels, threes=layer.dual_issue),
        outputs=layer.total // g.groups,
        steps=steps.shape[1],
        weights="w8" if place == "loop" else "w16",
        expand=place == "ram",
        form=call.form,
        shift=call.common_shift,
        stride=layer.total,
        low=call.low,
        high=call.high,
        dual_issue=layer.dual_issue,
        shared=shared is not None,
        whole=WholeRows(v.rows, v.row_bytes, v.stride, v.dilation, v.pad_top) if whole else None,
    )
    numbers = layer_constants(g, tiles)
    if numbers is None or layer.total > MAX_OUTPUTS:
        return None
    pairs = channel_pairs(tiles.outputs, g.groups)
    shapes = ", ".join(f"2x{p}" for _, _, p in tiles.segments)
    joined = ", rows joined" if whole and layer.out_rows > 1 else ""
    how = f"{joined}, {PLACES[place]}{shared_name(layer, shared)}"
    return RowKernel(
        family=f"wide_{tiles.weights}",
        script="",
        source=wide_source(g, tiles),
        arguments=ARGUMENTS,
        # The output may overtake the input, which is read in the same call.
        may_alias=True,
        inputs=(layer.tensor if whole else v,),
        out_rows=1 if whole else layer.out_rows,
        out_row_bytes=pixels * layer.total,
        constants=(
            numbers,
            wide_stream(steps, call, pairs, expanded=place == "flash"),
            *((layer.padding,) if whole else ()),
        ),
        headers=("ew_wide_layer_dsp.h",),
        scratch_bytes=tiles.scratch_bytes(g),
        code_bytes=wrapper_bytes(g, tiles),
        shared_code=wide_code(g, tiles),
        variant=f"tiles 2x4{how}",
        reason=f"tiles of channels x pixels {shapes}{how}, {call.form} requantization",
        lead_bytes=layer.whole_lead if whole else layer.row_lead,
        work=wide_work(g, tiles),
    )


def shared_name(layer: WideLayer, shared: FoldedEpilogue | None) -> str:
    """What a variant says of its code."""
    if shared is None:
        return ""
    return ", shared code" if shared is layer.shared[0] else ", shared code for any zero point"
