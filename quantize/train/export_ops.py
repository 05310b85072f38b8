"""Layers and functions of torch as ONNX nodes: a function each, and the tables that name them."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import fx, nn
from torch.nn import functional

from edgewright.quantize.train.onnx_writer import OnnxWriter, refused

Write = Callable[[OnnxWriter, fx.Node, Any], None]


def affine(norm: nn.Module) -> tuple[np.ndarray, np.ndarray]:
    """A batch norm in evaluation mode as (factor, addend), float32 [C]."""
    with torch.no_grad():
        deviation = torch.sqrt(norm.running_var + norm.eps)
        weight = torch.ones_like(deviation) if norm.weight is None else norm.weight
        bias = torch.zeros_like(deviation) if norm.bias is None else norm.bias
        factor = weight / deviation
        return factor.cpu().numpy(), (bias - norm.running_mean * factor).cpu().numpy()


def _numpy(tensor: torch.Tensor) -> np.ndarray:
    return np.asarray(tensor.detach().cpu().numpy(), np.float32)


def _conv(w: OnnxWriter, node: fx.Node, layer: nn.Conv2d) -> None:
    if isinstance(layer.padding, str) or layer.padding_mode != "zeros":
        raise refused(f"{node.target} is padded in another way than with zeros, by numbers")
    inputs = [w.operand(node, 0), w.constant(f"{node.name}.weight", _numpy(layer.weight))]
    if layer.bias is not None:
        inputs.append(w.constant(f"{node.name}.bias", _numpy(layer.bias)))
    w.result(
        node,
        "Conv",
        inputs,
        strides=list(layer.stride),
        pads=[*layer.padding, *layer.padding],
        dilations=list(layer.dilation),
        group=layer.groups,
    )


def _linear(w: OnnxWriter, node: fx.Node, layer: nn.Linear) -> None:
    inputs = [w.operand(node, 0), w.constant(f"{node.name}.weight", _numpy(layer.weight))]
    if layer.bias is not None:
        inputs.append(w.constant(f"{node.name}.bias", _numpy(layer.bias)))
    w.result(node, "Gemm", inputs, transB=1)


def _norm(w: OnnxWriter, node: fx.Node, layer: nn.BatchNorm2d) -> None:
    factor, addend = affine(layer)
    zeros, ones = np.zeros_like(factor), np.ones_like(factor)
    arrays = {"scale": factor, "bias": addend, "mean": zeros, "variance": ones}
    inputs = [w.constant(f"{node.name}.{k}", a) for k, a in arrays.items()]
    w.result(node, "BatchNormalization", [w.operand(node, 0), *inputs], epsilon=0.0)


def _pool(w: OnnxWriter, node: fx.Node, layer: nn.MaxPool2d | nn.AvgPool2d) -> None:
    def pair(value: Any) -> list[int]:
        return list(value) if isinstance(value, tuple) else [value, value]

    if layer.ceil_mode:
        raise refused(f"{node.target} rounds its size up")
    pads = pair(layer.padding)
    shared = {"kernel_shape": pair(layer.kernel_size), "strides": pair(layer.stride), "pads": [*pads, *pads]}
    if isinstance(layer, nn.MaxPool2d):
        w.result(node, "MaxPool", [w.operand(node, 0)], dilations=pair(layer.dilation), **shared)
    else:
        w.result(
            node,
            "AveragePool",
            [w.operand(node, 0)],
            count_include_pad=int(layer.count_include_pad),
            **shared,
        )


def _adaptive(w: OnnxWriter, node: fx.Node, layer: nn.AdaptiveAvgPool2d) -> None:
    if layer.output_size not in (1, (1, 1)):
        raise refused(f"{node.target} averages to {layer.output_size}, not to 1")
    w.result(node, "GlobalAveragePool", [w.operand(node, 0)])


def _prelu(w: OnnxWriter, node: fx.Node, layer: nn.PReLU) -> None:
    rank = len(node.meta["tensor_meta"].shape)
    slope = _numpy(layer.weight).reshape(-1, *(1,) * (rank - 2))
    w.result(node, "PRelu", [w.operand(node, 0), w.constant(f"{node.name}.slope", slope)])


def _clip(low: float, high: float) -> Write:
    def write(w: OnnxWriter, node: fx.Node, layer: Any = None) -> None:
        bounds = [w.constant(f"{node.name}.{i}", np.array(v, np.float32)) for i, v in enumerate((low, high))]
        w.result(node, "Clip", [w.operand(node, 0), *bounds])

    return write


def _plain(op: str) -> Write:
    def write(w: OnnxWriter, node: fx.Node, layer: Any = None) -> None:
        w.result(node, op, [w.operand(node, 0)])

    return write


def _pass(w: OnnxWriter, node: fx.Node, layer: Any = None) -> None:
    w.names[node] = w.operand(node, 0)


def _reshape(w: OnnxWriter, node: fx.Node, layer: Any = None) -> None:
    target = node.meta["tensor_meta"].shape
    w.result(node, "Reshape", [w.operand(node, 0), w.shape(node.name, target)])


def _arithmetic(op: str) -> Write:
    def write(w: OnnxWriter, node: fx.Node, layer: Any = None) -> None:
        w.result(node, op, [w.operand(node, 0), w.operand(node, 1)])

    return write


def _mean(w: OnnxWriter, node: fx.Node, layer: Any = None) -> None:
    axes = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim")
    keep = node.args[2] if len(node.args) > 2 else node.kwargs.get("keepdim", False)
    if axes is None:
        raise refused(f"{node.name} averages over the batch")
    given = list(axes) if isinstance(axes, tuple | list) else [axes]
    axes_name = w.constant(f"{node.name}.axes", np.array(given, np.int64))
    w.result(node, "ReduceMean", [w.operand(node, 0), axes_name], keepdims=int(bool(keep)))


def _concat(w: OnnxWriter, node: fx.Node, layer: Any = None) -> None:
    axis = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim", 0)
    w.result(node, "Concat", [w.names[v] for v in node.args[0]], axis=axis)


MODULES: dict[type[Any], Write] = {
    nn.Conv2d: _conv,
    nn.Linear: _linear,
    nn.BatchNorm2d: _norm,
    nn.BatchNorm1d: _norm,
    nn.MaxPool2d: _pool,
    nn.AvgPool2d: _pool,
    nn.AdaptiveAvgPool2d: _adaptive,
    nn.PReLU: _prelu,
    nn.ReLU: _plain("Relu"),
    nn.ReLU6: _clip(0, 6),
    nn.Hardtanh: _clip(-1, 1),
    nn.Sigmoid: _plain("Sigmoid"),
    nn.Tanh: _plain("Tanh"),
    nn.Hardswish: _plain("HardSwish"),
    nn.Flatten: _reshape,
    nn.Identity: _pass,
    nn.Dropout: _pass,
}
FUNCTIONS: dict[Any, Any] = {
    torch.relu: _plain("Relu"),
    functional.relu: _plain("Relu"),
    torch.sigmoid: _plain("Sigmoid"),
    torch.tanh: _plain("Tanh"),
    functional.hardtanh: _clip(-1, 1),
    operator.add: _arithmetic("Add"),
    torch.add: _arithmetic("Add"),
    operator.sub: _arithmetic("Sub"),
    operator.mul: _arithmetic("Mul"),
    torch.mul: _arithmetic("Mul"),
    torch.flatten: _reshape,
    torch.reshape: _reshape,
    torch.mean: _mean,
    torch.cat: _concat,
}
METHODS: dict[Any, Any] = {
    "relu": _plain("Relu"),
    "sigmoid": _plain("Sigmoid"),
    "tanh": _plain("Tanh"),
    "flatten": _reshape,
    "reshape": _reshape,
    "view": _reshape,
    "mean": _mean,
    "add": _arithmetic("Add"),
    "mul": _arithmetic("Mul"),
    "contiguous": _pass,
}
