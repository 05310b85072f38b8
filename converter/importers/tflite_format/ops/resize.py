"""RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR -> Resize."""

from __future__ import annotations

from collections.abc import Callable

import tflite

from edgewright.converter.importers.tflite_format.conversion import Conversion
from edgewright.converter.importers.tflite_format.flatbuffer import damaged
from edgewright.converter.importers.tflite_format.refusal import refused
from edgewright.converter.importers.tflite_format.schema import Operator
from edgewright.converter.importers.tflite_format.tensors import Layout


def resize(mode: str, cls: type) -> Callable[[Operator, Conversion], None]:
    """Conversion to a Resize of rows and columns; mode is ONNX's, `cls` the options."""

    def convert(op: Operator, c: Conversion) -> None:
        x, size = c.tensor(op, 0), c.ints(op, 1, "the size")
        if len(x.shape) != 4 or len(size) != 2:
            raise damaged(op.label, f"size {list(size)} for an input of shape {list(x.shape)}")
        c.same_quantization(op)
        corners = bool(op.option(cls, "AlignCorners"))
        centers = bool(op.option(cls, "HalfPixelCenters"))
        if corners and centers:
            raise refused(op, "it aligns corners and pixel centers at once")
        attributes = {"mode": mode, "coordinate_transformation_mode": _coordinates(corners, centers)}
        if mode == "nearest":
            # Asymmetric takes the pixel to the left; the other two round, halves upwards.
            attributes["nearest_mode"] = "round_prefer_ceil" if corners or centers else "floor"
        sizes = c.int_constant(op, "sizes", (x.shape[0], x.shape[3], *size))
        inputs = [c.real(op, 0, Layout.CHANNELS_FIRST), None, None, sizes]
        c.finish(op, c.node(op, "Resize", inputs, attributes), Layout.CHANNELS_FIRST)

    return convert


def _coordinates(corners: bool, centers: bool) -> str:
    if corners:
        return "align_corners"
    return "half_pixel" if centers else "asymmetric"


NEAREST = resize("nearest", tflite.ResizeNearestNeighborOptions)
BILINEAR = resize("linear", tflite.ResizeBilinearOptions)
