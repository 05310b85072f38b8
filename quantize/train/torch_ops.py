"""Operators of ONNX on torch tensors, for float models whose batch of 1 becomes a batch of N.

A function takes the node and the values of its inputs (None for absent ones) and returns its results.
Axis 0 is the batch everywhere: nodes that move, join or sum over it are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import onnx_ir as ir
import torch
from torch import Tensor
from torch.nn import functional

from edgewright.errors import ModelError
from edgewright.quantize.graph_edit import constant_of, shape_of

Values = Sequence[Tensor | None]
Operator = Callable[[ir.Node, Values], list[Tensor]]
OPERATORS: dict[str, Operator] = {}


def refused(node: ir.Node, what: str) -> ModelError:
    """EW-TRAIN-OP naming a node."""
    return ModelError(
        "EW-TRAIN-OP",
        f"node {node.name} ({node.op_type}): {what}",
        "train with a module of your own (--module), or binarize without training (--no-train)",
        node=node.name,
        op=node.op_type,
    )


def operator(*names: str) -> Callable[[Operator], Operator]:
    """Register a function for operators."""

    def register(function: Operator) -> Operator:
        OPERATORS.update(dict.fromkeys(names, function))
        return function

    return register


def present(values: Values, index: int = 0) -> Tensor:
    """A value that is not optional."""
    value = values[index]
    assert value is not None
    return value


UNARY: dict[str, Callable[[Tensor], Tensor]] = {
    "Relu": torch.relu,
    "Sigmoid": torch.sigmoid,
    "Tanh": torch.tanh,
    "HardSwish": functional.hardswish,
    "Exp": torch.exp,
    "Log": torch.log,
    "Sqrt": torch.sqrt,
    "Abs": torch.abs,
    "Neg": torch.neg,
    "Erf": torch.erf,
    "Softplus": functional.softplus,
    "Softsign": functional.softsign,
    "Mish": functional.mish,
    "Reciprocal": torch.reciprocal,
    "Identity": lambda x: x,
    "Dropout": lambda x: x,
}
BINARY: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "Add": torch.add,
    "Sub": torch.sub,
    "Mul": torch.mul,
    "Div": torch.div,
    "Pow": torch.pow,
    "Min": torch.minimum,
    "Max": torch.maximum,
}


@operator(*UNARY)
def _unary(node: ir.Node, values: Values) -> list[Tensor]:
    return [UNARY[node.op_type](present(values))]


@operator(*BINARY)
def _binary(node: ir.Node, values: Values) -> list[Tensor]:
    if len(values) != 2:
        raise refused(node, f"it has {len(values)} inputs")
    return [BINARY[node.op_type](present(values), present(values, 1))]


@operator("Clip")
def _clip(node: ir.Node, values: Values) -> list[Tensor]:
    low, high = (values[i] if len(values) > i else None for i in (1, 2))
    return [present(values).clamp(low, high)] if low is not None or high is not None else [present(values)]


@operator("LeakyRelu")
def _leaky_relu(node: ir.Node, values: Values) -> list[Tensor]:
    return [functional.leaky_relu(present(values), node.attributes.get_float("alpha", 0.01))]


@operator("Elu")
def _elu(node: ir.Node, values: Values) -> list[Tensor]:
    return [functional.elu(present(values), node.attributes.get_float("alpha", 1.0))]


@operator("Gelu")
def _gelu(node: ir.Node, values: Values) -> list[Tensor]:
    return [functional.gelu(present(values), approximate=node.attributes.get_string("approximate", "none"))]


@operator("HardSigmoid")
def _hard_sigmoid(node: ir.Node, values: Values) -> list[Tensor]:
    slope, offset = node.attributes.get_float("alpha", 0.2), node.attributes.get_float("beta", 0.5)
    return [(slope * present(values) + offset).clamp(0, 1)]


@operator("PRelu")
def _prelu(node: ir.Node, values: Values) -> list[Tensor]:
    x, slope = present(values), present(values, 1)
    return [torch.where(x >= 0, x, x * slope)]


@operator("Softmax", "LogSoftmax")
def _softmax(node: ir.Node, values: Values) -> list[Tensor]:
    function = torch.softmax if node.op_type == "Softmax" else torch.log_softmax
    return [function(present(values), _inner_axis(node, node.attributes.get_int("axis", -1)))]


@operator("Reshape", "Flatten", "Squeeze", "Unsqueeze")
def _reshape(node: ir.Node, values: Values) -> list[Tensor]:
    x = present(values)
    return [x.reshape(x.shape[0], *shape_of(node.outputs[0])[1:])]


@operator("Transpose")
def _transpose(node: ir.Node, values: Values) -> list[Tensor]:
    x = present(values)
    order = node.attributes.get_ints("perm", list(reversed(range(x.dim()))))
    if order[0] != 0:
        raise refused(node, f"perm {list(order)} moves the batch")
    return [x.permute(*order)]


@operator("Concat")
def _concat(node: ir.Node, values: Values) -> list[Tensor]:
    batch = max(v.shape[0] for v in values if v is not None)
    parts = [present([v]).expand(batch, *present([v]).shape[1:]) for v in values]
    return [torch.cat(parts, _inner_axis(node, node.attributes.get_int("axis", 0)))]


@operator("Split")
def _split(node: ir.Node, values: Values) -> list[Tensor]:
    axis = _inner_axis(node, node.attributes.get_int("axis", 0))
    sizes = [shape_of(v)[axis] for v in node.outputs]
    return list(torch.split(present(values), sizes, axis))


@operator("Pad")
def _pad(node: ir.Node, values: Values) -> list[Tensor]:
    if node.attributes.get_string("mode", "constant") != "constant" or len(node.inputs) > 3:
        raise refused(node, "only constant padding of all axes is trained")
    pads = constant_of(node.inputs[1])
    fill = constant_of(node.inputs[2]) if len(node.inputs) > 2 else None
    if pads is None:
        raise refused(node, "its paddings are computed")
    rank = present(values).dim()
    if pads[0] or pads[rank]:
        raise refused(node, "it pads the batch")
    sides = [int(n) for axis in reversed(range(rank)) for n in (pads[axis], pads[rank + axis])]
    return [functional.pad(present(values), sides, value=0.0 if fill is None else float(fill.reshape(())))]


@operator("ReduceMean", "ReduceSum", "ReduceMax")
def _reduce(node: ir.Node, values: Values) -> list[Tensor]:
    given = constant_of(node.inputs[1]) if len(node.inputs) > 1 else None
    axes = node.attributes.get_ints("axes", []) if given is None else [int(a) for a in given]
    inner = [_inner_axis(node, a) for a in axes]
    if not inner:
        raise refused(node, "it sums over the batch")
    keep = bool(node.attributes.get_int("keepdims", 1))
    function = {"ReduceMean": torch.mean, "ReduceSum": torch.sum, "ReduceMax": torch.amax}[node.op_type]
    return [function(present(values), dim=inner, keepdim=keep)]


@operator("MatMul")
def _matmul(node: ir.Node, values: Values) -> list[Tensor]:
    return [torch.matmul(present(values), present(values, 1))]


@operator("Gemm")
def _gemm(node: ir.Node, values: Values) -> list[Tensor]:
    a, b = present(values), present(values, 1)
    if node.attributes.get_int("transA", 0):
        raise refused(node, "its input is transposed, which moves the batch")
    b = b.t() if node.attributes.get_int("transB", 0) else b
    y = node.attributes.get_float("alpha", 1.0) * torch.matmul(a, b)
    bias = values[2] if len(values) > 2 else None
    return [y if bias is None else y + node.attributes.get_float("beta", 1.0) * bias]


@operator("BatchNormalization")
def _batch_norm(node: ir.Node, values: Values) -> list[Tensor]:
    x, scale, bias, mean, variance = (present(values, i) for i in range(5))
    epsilon = node.attributes.get_float("epsilon", 1e-5)
    return [functional.batch_norm(x, mean, variance, scale, bias, False, 0.0, epsilon)]


def _inner_axis(node: ir.Node, axis: int) -> int:
    """An axis counted from the front; the batch is refused."""
    x = node.inputs[0]
    assert x is not None
    rank = len(shape_of(x))
    inner = axis + rank if axis < 0 else axis
    if not 0 < inner < rank:
        raise refused(node, f"axis {axis} is the batch")
    return inner
