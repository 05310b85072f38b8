"""Average, maximum and global pooling, and the mean over any axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import onnx_ir as ir

from edgewright.converter.lower import attributes
from edgewright.converter.lower.context import Context
from edgewright.converter.lower.convolution import Convolution
from edgewright.converter.lower.layout import Axes, axes_of, cut, cut_shape, stored_index
from edgewright.converter.lower.operands import Operand, Pending, Placed, Real, Stored
from edgewright.converter.lower.problem import Refused
from edgewright.converter.lower.registry import lowers
from edgewright.converter.lower.views import normal_axes
from edgewright.converter.lower.windows import Image, Window, window_of
from edgewright.converter.ops.average_pool import AveragePool
from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.max_pool import MaxPool
from edgewright.converter.ops.mean import Mean
from edgewright.converter.ops.requantize import NO_ACTIVATION, ActivationRange, quantized_clamp
from edgewright.converter.program import Quantization, Shape


@lowers("MaxPool", "GlobalMaxPool")
def max_pool(context: Context, node: ir.Node) -> Operand:
    """Maximum over a window; integers and reals alike, the quantization stays."""
    if len(node.outputs) > 1 and node.outputs[1].uses():
        raise Refused("the indices of a MaxPool are used", "use the maxima only")
    x = context.operand(node, 0)
    x = x if isinstance(x, Stored) else context.real(node, 0)
    image = Image(x.placed.shape)
    window = _window(node, image)
    if window.dilation != (1, 1):
        raise Refused(f"a dilated pool, {window.dilation}", "use dilation 1")
    _check_padding(window)
    builder = context.builder
    index = image.result(*window.output(image), image.hwc[2])
    value = builder.arrange(x.placed, image.axes, image.hwc)
    op = MaxPool(window.size, window.stride, window.padding)
    made = builder.add(op, (value,), context.result_name(node), attributes.node_name(node))
    return replace(x, placed=Placed(made, index))


def _window(node: ir.Node, image: Image) -> Window:
    if node.op_type.startswith("Global"):
        return Window(image.hwc[:2], (1, 1), (1, 1), Padding())
    return window_of(node, image, attributes.integers(node, "kernel_shape", ()))


def _check_padding(window: Window) -> None:
    """Every window must hold an element of the input."""
    pad = window.padding
    if max(pad.top, pad.bottom) >= window.size[0] or max(pad.left, pad.right) >= window.size[1]:
        raise Refused(f"padding {pad} is as large as the window {window.size}", code="EW-MODEL-INVALID")


@lowers("AveragePool", "GlobalAveragePool")
def average_pool(context: Context, node: ir.Node) -> Pending:
    """Mean over a window.

    With the same quantization on both sides it is TFLite's AVERAGE_POOL_2D. With another one it is
    the mean (whole image) or a depthwise convolution with weights of 1 / window, which both round
    only once; windows with fewer elements at the borders are averaged and then requantized.
    """
    x = context.real(node, 0)
    image = Image(x.placed.shape)
    window = _window(node, image)
    if window.dilation != (1, 1):
        raise Refused(f"a dilated pool, {window.dilation}", "use dilation 1")
    _check_padding(window)
    padded = window.padding != Padding()
    counts_padding = padded and attributes.integer(node, "count_include_pad", 0) != 0
    if counts_padding and attributes.integer(node, "ceil_mode", 0):
        raise Refused("ceil_mode together with count_include_pad", "pad explicitly and use floor mode")
    name = attributes.node_name(node)
    index = image.result(*window.output(image), image.hwc[2])
    ones = np.ones((image.hwc[2], 1, *window.size), np.int8)
    scale = np.array([1.0 / (window.size[0] * window.size[1])])
    summed = Convolution(image, window, ones, scale, groups=image.hwc[2]).pending(context, name, x, ())
    builder = context.builder
    value = builder.arrange(x.placed, image.axes, image.hwc)

    def emit(output_name: str, output: Quantization, activation: ActivationRange) -> str:
        same = x.quantization == output
        if counts_padding or not (same or padded or window.size == image.hwc[:2]):
            return summed.emit(output_name, output, activation)
        if not same and not padded:
            mean = Mean.from_types(builder.values[value], (0, 1), output)
            return builder.add_finished(mean, (value,), output, activation, output_name, name)
        clamp = quantized_clamp(activation, output) if same else (-128, 127)
        op = AveragePool(window.size, window.stride, window.padding, clamp)
        rest = NO_ACTIVATION if same else activation
        return builder.add_finished(op, (value,), output, rest, output_name, name)

    return Pending(name, index, x.quantization.scale, emit)


@lowers("ReduceMean")
def reduce_mean(context: Context, node: ir.Node) -> Pending:
    """Mean over any axes, requantized at once."""
    x = context.real(node, 0)
    shape = x.placed.shape
    reduced = _reduced_axes(context, node, len(shape))
    name = attributes.node_name(node)
    axes, hwc, runs = _mean_layout(context, x, reduced)
    result = tuple(1 if i in reduced else n for i, n in enumerate(shape))
    index = stored_index(result, axes)
    if not attributes.integer(node, "keepdims", 1):
        index = index.reshape([n for i, n in enumerate(shape) if i not in reduced])
    value = context.builder.arrange(x.placed, axes, hwc)

    def emit(output_name: str, output: Quantization, activation: ActivationRange) -> str:
        op = Mean.from_types(context.builder.values[value], runs, output)
        return context.builder.add_finished(op, (value,), output, activation, output_name, name)

    return Pending(name, index, x.quantization.scale, emit)


def _reduced_axes(context: Context, node: ir.Node, rank: int) -> tuple[int, ...]:
    given: Sequence[int] = attributes.integers(node, "axes", ())
    if context.has(node, 1):
        given = context.integers(node, 1, "axes")
    if not given and not attributes.integer(node, "noop_with_empty_axes", 0):
        given = range(rank)
    return normal_axes(given, rank)


def _mean_layout(context: Context, x: Real, reduced: tuple[int, ...]) -> tuple[Axes, Shape, tuple[int, ...]]:
    """(storage order, rows/columns/channels, which of these are reduced)."""
    shape = x.placed.shape
    rank = len(shape)
    stored = axes_of(x.placed.index)
    apart = (*(a for a in range(rank) if a not in reduced), *sorted(reduced))
    for axes in (stored, apart):
        if axes is None:
            continue
        sizes = [shape[a] for a in axes]
        cuts = cut(sizes, [a in reduced for a in axes], (), context.builder.values[x.placed.value].shape)
        if cuts is not None:
            runs = (axes[: cuts[0]], axes[cuts[0] : cuts[1]], axes[cuts[1] :])
            hit = tuple(i for i, run in enumerate(runs) if any(a in reduced and shape[a] > 1 for a in run))
            return axes, cut_shape(sizes, cuts), hit
    raise Refused(f"the mean over axes {list(reduced)} of {list(shape)} needs more than three dimensions")
