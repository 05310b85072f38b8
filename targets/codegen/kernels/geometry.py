"""What a convolution kernel reads."""

from __future__ import annotations

from dataclasses import dataclass


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
