"""Convolutions and pools of ONNX on torch tensors; see `torch_ops`."""

from __future__ import annotations

import onnx_ir as ir
import torch
from torch import Tensor
from torch.nn import functional

from edgewright.converter.lower.windows import Image, window_of
from edgewright.quantize.graph_edit import shape_of
from edgewright.quantize.train.torch_ops import Values, operator, present, refused


@operator("GlobalAveragePool", "GlobalMaxPool")
def _global_pool(node: ir.Node, values: Values) -> list[Tensor]:
    x = present(values)
    axes = tuple(range(2, x.dim()))
    average = node.op_type == "GlobalAveragePool"
    return [x.mean(dim=axes, keepdim=True) if average else x.amax(dim=axes, keepdim=True)]


@operator("MaxPool", "AveragePool")
def _pool(node: ir.Node, values: Values) -> list[Tensor]:
    x = present(values)
    if x.dim() != 4 or len(node.outputs) != 1:
        raise refused(node, "only pooling of images with one result is trained")
    window = window_of(node, _image(node), node.attributes.get_ints("kernel_shape", []))
    pads = window.padding
    sides = (pads.left, pads.right, pads.top, pads.bottom)
    if node.op_type == "MaxPool":
        padded = functional.pad(x, sides, value=float("-inf"))
        return [functional.max_pool2d(padded, window.size, window.stride, 0, window.dilation)]
    sums = functional.avg_pool2d(functional.pad(x, sides), window.size, window.stride)
    if any(sides) and not node.attributes.get_int("count_include_pad", 0):
        covered = functional.pad(torch.ones_like(x[:1, :1]), sides)
        sums = sums / functional.avg_pool2d(covered, window.size, window.stride)
    return [sums]


@operator("Conv")
def _conv(node: ir.Node, values: Values) -> list[Tensor]:
    x, weights = present(values), present(values, 1)
    bias = values[2] if len(values) > 2 else None
    if x.dim() != 4:
        raise refused(node, "only convolutions over two axes are trained")
    window = window_of(node, _image(node), weights.shape[2:])
    pads = window.padding
    padded = functional.pad(x, (pads.left, pads.right, pads.top, pads.bottom))
    groups = node.attributes.get_int("group", 1)
    return [functional.conv2d(padded, weights, bias, window.stride, 0, window.dilation, groups)]


def _image(node: ir.Node) -> Image:
    x = node.inputs[0]
    assert x is not None
    return Image(shape_of(x))
