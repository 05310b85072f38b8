"""Kernels without code of their own: one function for all convolutions, one for all depthwise ones.

What else kernels have as instructions (sizes, strides, the form of the requantization) is data here, so that
a further layer costs its tables alone (`ew_compact_dsp.h`). Small tiles and decisions at run time make them
slower; planning for size weighs that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.ops.requantize import Requantize
from edgewright.converter.ops.weight_format import weight_format
from edgewright.converter.program import TensorType
from edgewright.targets.codegen.kernels.compact_work import conv_work, depthwise_work
from edgewright.targets.codegen.kernels.dot import pack_weights
from edgewright.targets.codegen.kernels.function_bytes import CALL_BYTES, functions
from edgewright.targets.codegen.kernels.geometry import (
    Geometry,
    pixel_geometry,
    window_geometry,
    window_input,
)
from edgewright.targets.codegen.kernels.lean import reads_in_place
from edgewright.targets.codegen.kernels.requantization import FoldedEpilogue, folded_epilogue
from edgewright.targets.codegen.kernels.work import Work
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel
from edgewright.targets.cpu import DSP, CpuClass

VARIANT = "compact"
PIXELS = 3
# Numbers of the geometry are 16 bits wide.
LARGEST = 32767
HOST_POINTER_BYTES = 8
FULL_CLAMP = (-128, 127)

Int32Array = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class _Layer:
    """A layer as a convolution.

    Args:
        weights: int8 [O, kh, kw, I / groups].
        requantize: Of the layer.
        geometry: What an output row reads.
        rows: Rows the driver passes.
        out_rows: Output rows.
        once: Whether it rounds once.
    """

    weights: npt.NDArray[np.int8]
    requantize: Requantize
    geometry: Geometry
    rows: RowInput
    out_rows: int
    once: bool = False

    @property
    def outputs(self) -> int:
        """Output channels of a group."""
        return int(self.weights.shape[0]) // self.geometry.groups

    @property
    def pointwise(self) -> bool:
        """Whether all pixels of the one row are read in their order, each before its output is written."""
        g = self.geometry
        return g.height == g.width == g.stride == g.groups == 1 and g.pad_left == 0 and self.rows.rows == 1

    @property
    def in_place(self) -> bool:
        """Whether every receptive field is a run of whole quads of an input row."""
        rows = self.rows
        return reads_in_place(self.geometry) and all(rows.window_rows(r) for r in range(self.out_rows))


def compact_kernels(
    op: Conv2D | DepthwiseConv2D | FullyConnected, cpu: CpuClass, x: TensorType
) -> tuple[RowKernel, ...]:
    """The compact kernel of a layer, of DSP cores; none for packed weights and requantizations out of range.

    Args:
        op: The layer.
        cpu: Class of core.
        x: Type of its input.
    """
    if cpu.name != "dsp" or weight_format(op.weight_format).packed:
        return ()
    layer = _layer(op, x)
    g = layer.geometry
    numbers = (g.columns, g.pixel_bytes, g.out_columns, layer.weights.shape[0], g.stride, g.dilation)
    if max(*numbers, g.height, g.width, g.pad_left, g.quads) > LARGEST:
        return ()
    call = folded_epilogue(op.requantize, layer.weights, g.zero_point, once=layer.once)
    if call is None:
        return ()
    quads = isinstance(op, DepthwiseConv2D) and op.multiplier == 1 and x.shape[2] >= 4
    return (_depthwise(layer, call) if quads else _conv(layer, call),)


def _layer(op: Conv2D | DepthwiseConv2D | FullyConnected, x: TensorType) -> _Layer:
    rows, _columns, channels = x.shape
    if isinstance(op, FullyConnected):
        pointwise = pixel_geometry(op, x)
        weights = op.weights.reshape(op.weights.shape[0], 1, 1, channels)
        return _Layer(weights, op.requantize, pointwise, RowInput(rows, x.row_bytes), rows, once=True)
    weights = op.weights
    if isinstance(op, DepthwiseConv2D):  # every input channel is a group
        weights = np.ascontiguousarray(weights.transpose(2, 0, 1)[..., None])
    # Rows outside are null pointers: the kernel fills them in, and no row of zero points is stored.
    view = window_input(op, x, None)
    return _Layer(weights, op.requantize, window_geometry(op, x), view, op.output_type(x).shape[0])


def _geometry(layer: _Layer, call: FoldedEpilogue, *, depthwise: bool = False) -> npt.NDArray[np.int16]:
    """`ew_compact`: int16 [16], the last two of bytes."""
    g, total = layer.geometry, int(layer.weights.shape[0])
    channels, outputs = (g.pixel_bytes, total) if depthwise else (g.group_channels, layer.outputs)
    numbers = (
        *(2 * layer.requantize.output.zero_point + 1, 0 if layer.once else -1),
        *(g.columns, g.pixel_bytes, channels, g.height, g.width, g.dilation, g.stride, g.pad_left),
        *(g.out_columns, outputs, total, g.quads),
    )
    octets = np.array([g.zero_point, layer.in_place, call.low, call.high], np.int8)
    return np.concatenate([np.array(numbers, np.int16), octets.view(np.int16)])


def _stream(own: Int32Array, weights: npt.NDArray[np.int8]) -> Int32Array:
    """What the micro-kernels read of every few channels: bias, weights, multiplier, right shift less 1.

    Args:
        own: int32 [3, blocks, channels].
        weights: int8 [blocks, ...].
    """
    blocks = np.ascontiguousarray(weights.reshape(len(weights), -1))
    return np.concatenate([own[0], blocks.view(np.int32), own[1], own[2]], axis=1).astype(np.int32)


def _channels(call: FoldedEpilogue) -> Int32Array:
    """Bias, multiplier and right shift less 1 of every channel: int32 [3, O]."""
    return np.stack([call.bias // 2, call.multiplier, call.shift - 1]).astype(np.int32)


def _conv(layer: _Layer, call: FoldedEpilogue) -> RowKernel:
    g, outputs = layer.geometry, layer.outputs
    total = outputs * g.groups
    # Both channels of a tile are stored; the last one of an odd number is computed twice.
    filled = np.minimum(np.arange(outputs + outputs % 2), outputs - 1)
    weights = layer.weights.reshape(g.groups, outputs, *layer.weights.shape[1:])[:, filled]
    packed = pack_weights(weights.reshape(-1, *layer.weights.shape[1:]), g.groups)
    own = _channels(call).reshape(3, g.groups, outputs)[:, :, filled].reshape(3, -1, 2)
    return _kernel(
        layer,
        "conv",
        call,
        (_geometry(layer, call), _stream(own, packed)),
        g.quads * (8 * (PIXELS if g.out_columns > 1 else 1) + 4),
        lead_bytes=max(0, g.out_columns * (total - g.pixel_bytes)) if layer.pointwise else None,
        work=conv_work(g, outputs, in_place=layer.in_place),
    )


def _depthwise(layer: _Layer, call: FoldedEpilogue) -> RowKernel:
    g = layer.geometry
    channels, taps = g.pixel_bytes, g.height * g.width
    first = np.minimum(np.arange(0, channels, 4), channels - 4)
    index = first[:, None] + np.arange(4)
    weights = layer.weights.reshape(channels, taps)[index].transpose(0, 2, 1)
    return _kernel(
        layer,
        "depthwise",
        call,
        (_geometry(layer, call, depthwise=True), _stream(_channels(call)[:, index], weights)),
        HOST_POINTER_BYTES * taps + channels,
        work=depthwise_work(g, len(first)),
    )


def _kernel(
    layer: _Layer,
    kind: str,
    call: FoldedEpilogue,
    constants: tuple[npt.NDArray[np.generic], ...],
    scratch_bytes: int,
    work: Work,
    lead_bytes: int | None = None,
) -> RowKernel:
    name, narrow = f"ew_{kind}_compact", (call.low, call.high) != FULL_CLAMP
    outputs = layer.geometry.out_columns * int(layer.weights.shape[0])
    source = f"""static void f(const void *const *rows, int8_t *y, const void *const *c, void *scratch) {{
  {name}(rows, y, c, scratch);
  ew_compact_clamp(y, (const ew_compact *)c[0]);
}}
"""
    return RowKernel(
        # The same for all layers, so that they share the symbol.
        family=f"{kind}_compact",
        script="",
        call="" if narrow else name,
        source=source if narrow else "",
        arguments=("rows", "out", "c", "scratch"),
        inputs=(layer.rows,),
        out_rows=layer.out_rows,
        out_row_bytes=outputs,
        constants=constants,
        headers=("ew_compact_dsp.h",),
        scratch_bytes=scratch_bytes,
        code_bytes=(3 if narrow else 1) * CALL_BYTES,
        shared_code=functions(DSP, [name, "ew_compact_clamp"] if narrow else [name]),
        variant=VARIANT,
        reason="code shared by all layers of a kind",
        lead_bytes=lead_bytes,
        may_alias=True,
        work=work | ({"compact_clamp": outputs} if narrow else {}),
    )
