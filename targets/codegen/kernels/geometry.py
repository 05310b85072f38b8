"""What a convolution kernel reads."""

from __future__ import annotations

from dataclasses import dataclass

from edgewright.converter.ops.binary_conv import BinaryConv2D
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.program import TensorType
from edgewright.targets.codegen.row_kernel import RowInput


@dataclass(frozen=True)
class Geometry:
    """What a convolution reads for one output row.

    Args:
        columns: Input columns.
        pixel_bytes: Bytes from one input column to the next (all channels).
        height, width: Kernel size.
        stride: Horizontal stride.
        dilation: Horizontal dilation.
        pad_left: Columns of padding at the left.
        out_columns: Output columns.
        groups: Channel groups.
        zero_point: Input zero point.
    """

    columns: int
    pixel_bytes: int
    height: int
    width: int
    stride: int
    dilation: int
    pad_left: int
    out_columns: int
    groups: int
    zero_point: int

    @property
    def group_channels(self) -> int:
        return self.pixel_bytes // self.groups

    @property
    def quads(self) -> int:
        return -(-self.height * self.width * self.group_channels // 4)


def window_geometry(op: Conv2D | DepthwiseConv2D, x: TensorType) -> Geometry:
    """What a convolution reads; in a depthwise one every input channel is a group."""
    height, width = op.window
    return Geometry(
        columns=x.shape[1],
        pixel_bytes=x.shape[2],
        height=height,
        width=width,
        stride=op.stride[1],
        dilation=op.dilation[1],
        pad_left=op.padding.left,
        out_columns=op.output_type(x).shape[1],
        groups=op.groups if isinstance(op, Conv2D) else x.shape[2],
        zero_point=op.input_zero_point,
    )


def pixel_geometry(op: FullyConnected, x: TensorType) -> Geometry:
    """What a fully connected layer over pixels reads: that of a 1x1 convolution."""
    columns, channels = x.shape[1:]
    return Geometry(columns, channels, 1, 1, 1, 1, 0, columns, 1, op.input_zero_point)


def window_input(
    op: Conv2D | DepthwiseConv2D | BinaryConv2D, x: TensorType, pad_value: int | None
) -> RowInput:
    """How a convolution walks over its input's rows; without `pad_value` those outside are null pointers."""
    return RowInput(
        rows=x.shape[0],
        row_bytes=x.row_bytes,
        window=op.window[0],
        stride=op.stride[0],
        dilation=op.dilation[0],
        pad_top=op.padding.top,
        pad_value=pad_value,
    )
