"""Resize by nearest neighbour."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgewright.converter.lower import attributes
from edgewright.converter.lower.context import Context
from edgewright.converter.lower.layout import MAX_ELEMENTS, check_size
from edgewright.converter.lower.operands import Operand, Placed
from edgewright.converter.lower.problem import Refused
from edgewright.converter.lower.registry import lowers
from edgewright.converter.lower.views import normal_axes
from edgewright.converter.lower.windows import Image
from edgewright.converter.ops.resize_nearest import ResizeNearest, nearest_indices

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int32]

ROUNDINGS: dict[str, Callable[[Floats], Floats]] = {
    "round_prefer_floor": lambda x: np.ceil(x - np.float32(0.5)),
    "round_prefer_ceil": lambda x: np.floor(x + np.float32(0.5)),
    "floor": np.floor,
    "ceil": np.ceil,
}


@lowers("Resize")
def resize(context: Context, node: ir.Node) -> Operand:
    """Rows and columns repeated or dropped; the quantization stays."""
    x = context.movable(node, 0)
    image = Image(x.placed.shape)
    mode = attributes.text(node, "mode", "nearest")
    if mode != "nearest":
        raise Refused(f"its mode is {mode}", "use nearest")
    policy = attributes.text(node, "keep_aspect_ratio_policy", "stretch")
    if policy != "stretch":
        raise Refused(f"its aspect ratio policy is {policy}", "give the sizes explicitly")
    sizes, scales = _targets(context, node, x.placed.shape)
    if sizes[:2] != image.shape[:2]:
        raise Refused(
            f"it resizes batch or channels, {list(image.shape)} to {list(sizes)}",
            "resize rows and columns only",
        )
    check_size(sizes, "its result")
    tables = [_table(node, n, m, s) for n, m, s in zip(image.shape[2:], sizes[2:], scales[2:], strict=True)]
    columns = tables[1] if len(tables) == 2 else np.zeros(1, np.int32)
    value = context.builder.arrange(x.placed, image.axes, image.hwc)
    op = ResizeNearest(tables[0], columns)
    made = context.builder.add(op, (value,), context.result_name(node), attributes.node_name(node))
    return replace(x, placed=Placed(made, image.result(tables[0].size, columns.size, image.hwc[2])))


def _targets(
    context: Context, node: ir.Node, shape: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[np.float32 | None, ...]]:
    """(output shape, scale of each axis or None where the size was given)."""
    rank = len(shape)
    axes = normal_axes(attributes.integers(node, "axes", tuple(range(rank))), rank)
    sizes: list[int] = list(shape)
    scales: list[np.float32 | None] = [None] * rank
    if context.has(node, 3):
        given = context.integers(node, 3, "sizes")
        if len(given) != len(axes):
            raise Refused(f"{len(given)} sizes for {len(axes)} axes", code="EW-MODEL-INVALID")
        for axis, size in zip(axes, given, strict=True):
            sizes[axis] = size
        return tuple(sizes), tuple(scales)
    factors = context.constant(node, 2, "scales").data.reshape(-1)
    if factors.size != len(axes) or not np.all((factors > 0) & (factors <= MAX_ELEMENTS)):
        raise Refused(f"scales {factors.tolist()} for {len(axes)} axes", code="EW-MODEL-INVALID")
    for axis, factor in zip(axes, factors.astype(np.float32), strict=True):
        sizes[axis] = int(np.floor(np.float32(shape[axis]) * factor))
        scales[axis] = factor
    return tuple(sizes), tuple(scales)


def _table(node: ir.Node, length: int, target: int, scale: np.float32 | None) -> Indices:
    """Source index of every target index along one axis, int32."""
    transformation = attributes.text(node, "coordinate_transformation_mode", "half_pixel")
    rounding = attributes.text(node, "nearest_mode", "round_prefer_floor")
    if rounding not in ROUNDINGS:
        raise Refused(f"nearest_mode {rounding} is not known", code="EW-MODEL-INVALID")
    form = (transformation, rounding)
    if scale is None or abs(target / length - float(scale)) < 1e-6:
        # The forms that TFLite has are computed in its arithmetic.
        if form == ("asymmetric", "floor"):
            return nearest_indices(length, target)
        if form == ("half_pixel", "round_prefer_ceil"):
            return nearest_indices(length, target, half_pixel_centers=True)
        if form == ("align_corners", "round_prefer_ceil"):
            return nearest_indices(length, target, align_corners=True)
    factor = np.float32(target) / np.float32(length) if scale is None else scale
    position = _positions(transformation, length, target, factor)
    return np.clip(ROUNDINGS[rounding](position), 0, length - 1).astype(np.int32)


def _positions(transformation: str, length: int, target: int, factor: np.float32) -> Floats:
    """Source coordinate of every target index, float32."""
    out = np.arange(target, dtype=np.float32)
    half = np.float32(0.5)
    match transformation:
        case "asymmetric":
            return np.asarray(out / factor, np.float32)
        case "half_pixel":
            return np.asarray((out + half) / factor - half, np.float32)
        case "pytorch_half_pixel":
            shifted = (out + half) / factor - half
            return np.asarray(shifted if target > 1 else np.zeros(1), np.float32)
        case "align_corners" if target > 1:
            return np.asarray(out * np.float32(length - 1) / np.float32(target - 1), np.float32)
        case "align_corners":
            return np.zeros(1, np.float32)
        case "half_pixel_symmetric":
            adjustment = np.float32(target) / (factor * np.float32(length))
            center = np.float32(length) / 2
            offset = center * (1 - adjustment)
            return np.asarray(offset + (out + half) / factor - half, np.float32)
    raise Refused(f"coordinate_transformation_mode {transformation} is not supported")
