"""Geometry of Conv and pool nodes: their attributes as rows and columns, for one and two dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir

from edgewright.converter.lower import attributes
from edgewright.converter.lower.layout import Index, channels_last, check_size, stored_index
from edgewright.converter.lower.problem import Refused
from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.window import Pair, output_size, same_padding
from edgewright.converter.program import Shape

LARGEST = 1 << 15  # of a stride, dilation, padding or window, in elements


@dataclass(frozen=True)
class Image:
    """An (N, C, spatial...) tensor as rows, columns and channels; a sequence has one column.

    Args:
        shape: ONNX shape, rank 3 or 4, batch of one.
    """

    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.shape) not in (3, 4):
            raise Refused(
                f"its input has rank {len(self.shape)}", "only one and two spatial dimensions are supported"
            )
        if self.shape[0] != 1:
            raise Refused(f"its input has a batch of {self.shape[0]}", "export with a batch of 1")

    @property
    def axes(self) -> tuple[int, ...]:
        """Storage order of the tensor."""
        return channels_last(len(self.shape))

    @property
    def hwc(self) -> Shape:
        """Shape of the value."""
        columns = self.shape[3] if len(self.shape) == 4 else 1
        return self.shape[2], columns, self.shape[1]

    def result(self, rows: int, columns: int, channels: int) -> Index:
        """Index of a result of the same rank, stored channels last."""
        spatial = (rows, columns) if len(self.shape) == 4 else (rows,)
        shape = (1, channels, *spatial)
        check_size(shape, "its result")
        return stored_index(shape, channels_last(len(shape)))


@dataclass(frozen=True)
class Window:
    """A sliding window: sizes, steps and padding as (vertical, horizontal)."""

    size: Pair
    stride: Pair
    dilation: Pair
    padding: Padding

    def output(self, image: Image) -> Pair:
        """(rows, columns) of the result."""
        return output_size(image.hwc, self.size, self.stride, self.dilation, self.padding)


def window_of(node: ir.Node, image: Image, size: Sequence[int]) -> Window:
    """Read strides, dilations and padding of a node.

    Args:
        node: Conv, MaxPool or AveragePool.
        image: Its input.
        size: Window, one entry for each spatial dimension.
    """
    rank = len(image.shape) - 2
    sizes = _pair("kernel_shape", size, rank, 1)
    strides = _pair("strides", attributes.integers(node, "strides", (1,) * rank), rank, 1)
    dilations = _pair("dilations", attributes.integers(node, "dilations", (1,) * rank), rank, 1)
    window = Window(sizes, strides, dilations, _padding(node, image, sizes, strides, dilations))
    if attributes.integer(node, "ceil_mode", 0):
        return _rounded_up(window, image)
    return window


def _pair(name: str, values: Sequence[int], rank: int, least: int) -> Pair:
    if len(values) != rank or any(not least <= v <= LARGEST for v in values):
        raise Refused(f"{name} {list(values)} for {rank} spatial dimensions", code="EW-MODEL-INVALID")
    return (values[0], values[1]) if rank == 2 else (values[0], least)


def _padding(node: ir.Node, image: Image, size: Pair, stride: Pair, dilation: Pair) -> Padding:
    rank = len(image.shape) - 2
    mode = attributes.text(node, "auto_pad", "NOTSET")
    if mode == "VALID":
        return Padding()
    if mode in ("SAME_UPPER", "SAME_LOWER"):
        same = same_padding(image.hwc[:2], size, stride, dilation)
        if mode == "SAME_UPPER":
            return same
        return Padding(same.bottom, same.top, same.right, same.left)
    if mode != "NOTSET":
        raise Refused(f"auto_pad {mode} is not known", code="EW-MODEL-INVALID")
    pads = attributes.integers(node, "pads", (0,) * (2 * rank))
    if len(pads) != 2 * rank:
        raise Refused(f"pads {list(pads)} for {rank} spatial dimensions", code="EW-MODEL-INVALID")
    (top, left), (bottom, right) = _pair("pads", pads[:rank], rank, 0), _pair("pads", pads[rank:], rank, 0)
    return Padding(top, bottom, left, right)


def _rounded_up(window: Window, image: Image) -> Window:
    """`ceil_mode`: padding at the end until the last window that starts inside is whole."""

    def missing(length: int, before: int, after: int, axis: int) -> int:
        extent = window.dilation[axis] * (window.size[axis] - 1) + 1
        span, step = length + before + after - extent, window.stride[axis]
        steps = max(0, -(-span // step))
        if steps * step >= length + before:
            steps -= 1  # a window may not start in the padding behind
        return after + max(0, steps * step - span)

    pad = window.padding
    bottom = missing(image.hwc[0], pad.top, pad.bottom, 0)
    right = missing(image.hwc[1], pad.left, pad.right, 1)
    return Window(window.size, window.stride, window.dilation, Padding(pad.top, bottom, pad.left, right))
