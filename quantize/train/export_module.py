"""A trained torch module as a float ONNX model whose binary layers are calls of binary functions.

The module is traced symbolically (torch.fx): its forward may call layers and functions, but not branch on
values. A batch norm that alone reads a binary layer becomes part of its scale and bias.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import fx, nn
from torch.fx.passes.shape_prop import ShapeProp
from torch.nn import functional

from edgewright.converter import binary_functions
from edgewright.errors import ModelError
from edgewright.quantize.binary.layers import BinaryConv2d, BinaryLinear

IR_VERSION = 10


class _Tracer(fx.Tracer):  # type: ignore[misc]
    """Binary layers are not looked into."""

    def is_leaf_module(self, module: nn.Module, name: str) -> bool:
        if isinstance(module, BinaryConv2d | BinaryLinear):
            return True
        return bool(super().is_leaf_module(module, name))


def export_module(
    module: nn.Module, inputs: Mapping[str, Sequence[int]], name: str = "model"
) -> onnx.ModelProto:
    """The module in evaluation mode as ONNX.

    Args:
        module: Takes the inputs in their order.
        inputs: Shape by name, [1, ...].
        name: Of the graph.

    Raises:
        ModelError: EW-TRAIN-MODULE naming what has no counterpart.
    """
    module.eval()
    try:
        graph = _Tracer().trace(module)
        traced = fx.GraphModule(module, graph)
        with torch.no_grad():
            ShapeProp(traced).propagate(*(torch.zeros(tuple(s)) for s in inputs.values()))
    except ModelError:
        raise
    except Exception as error:  # whatever a user's module throws while it is traced
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise _refused(f"the module cannot be traced: {first}") from error
    writer = _Writer(module, list(inputs.items()))
    for node in graph.nodes:
        writer.visit(node)
    return writer.model(name)


class _Writer:
    """ONNX nodes and initializers, one traced node after the other."""

    def __init__(self, module: nn.Module, inputs: list[tuple[str, Sequence[int]]]) -> None:
        self.modules = dict(module.named_modules())
        self.module, self.inputs = module, inputs
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.names: dict[fx.Node, str] = {}
        self.folded: set[fx.Node] = set()
        self.output: fx.Node | None = None
        self._placeholders = 0

    def model(self, name: str) -> onnx.ModelProto:
        assert self.output is not None
        shape = list(self.output.meta["tensor_meta"].shape)
        made = [helper.make_tensor_value_info(n, TensorProto.FLOAT, list(s)) for n, s in self.inputs]
        result = helper.make_tensor_value_info(self.names[self.output], TensorProto.FLOAT, shape)
        graph = helper.make_graph(self.nodes, name, made, [result], self.initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", binary_functions.OPSET)])
        model.ir_version = IR_VERSION
        binary_functions.add_functions(model)
        onnx.checker.check_model(model, full_check=False)
        return model

    def visit(self, node: fx.Node) -> None:
        if node.op == "placeholder":
            self.names[node] = self.inputs[self._placeholders][0]
            self._placeholders += 1
        elif node.op == "output":
            (self.output,) = node.args if isinstance(node.args[0], fx.Node) else (None,)
            if self.output is None:
                raise _refused("the module has to return one tensor")
        elif node in self.folded:
            self.names[node] = self.names[node.args[0]]
        elif node.op == "call_module":
            self._module(node)
        elif node.op == "get_attr":
            value = operator.attrgetter(node.target)(self.module)
            self.names[node] = self.constant(node.name, value.detach().cpu().numpy().astype(np.float32))
        else:
            self._call(node)

    def _module(self, node: fx.Node) -> None:
        layer = self.modules[node.target]
        if isinstance(layer, BinaryConv2d | BinaryLinear):
            self._binary(node, layer)
            return
        for kind, write in MODULES.items():
            if type(layer) is kind:
                write(self, node, layer)
                return
        raise _refused(f"{node.target} is a {type(layer).__name__}")

    def _call(self, node: fx.Node) -> None:
        target = node.target
        write = METHODS.get(target) if node.op == "call_method" else FUNCTIONS.get(target)
        if write is None:
            raise _refused(f"it calls {getattr(target, '__name__', target)}")
        write(self, node)

    def _binary(self, node: fx.Node, layer: BinaryConv2d | BinaryLinear) -> None:
        """A call of a binary function, with the batch norm behind it."""
        deployed = layer.deployed()
        users = list(node.users)
        norm = self.modules.get(str(users[0].target)) if users and users[0].op == "call_module" else None
        if len(users) == 1 and isinstance(norm, nn.BatchNorm2d | nn.BatchNorm1d):
            factor, addend = _affine(norm)
            deployed = deployed.behind(factor, addend)
            self.folded.add(users[0])
        arrays = {k: self.constant(f"{node.name}.{k}", a) for k, a in deployed.arrays().items()}
        x, name = self.names[node.args[0]], node.name
        if deployed.function == "BinaryGemm":
            self.nodes.append(binary_functions.binary_gemm([x, *arrays.values()], name, name=name))
        elif isinstance(layer, BinaryConv2d):
            self.nodes.append(
                binary_functions.binary_conv(
                    [x, *arrays.values()],
                    name,
                    name=name,
                    function=deployed.function,
                    strides=layer.stride,
                    pads=layer.pads,
                    dilations=layer.dilation,
                    pad_value=layer.pad_value,
                )
            )
        else:
            image, sums = f"{name}.image", f"{name}.sums"
            self.emit("Reshape", [x, self.shape(f"{name}.in", (1, deployed.shift.size, 1, 1))], image)
            call = binary_functions.binary_conv(
                [image, *arrays.values()], sums, name=name, function=deployed.function
            )
            self.nodes.append(call)
            self.emit("Reshape", [sums, self.shape(f"{name}.out", (1, deployed.scale.size))], name)
        self.names[node] = name

    def emit(self, op: str, inputs: Sequence[str], output: str, **attributes: Any) -> None:
        self.nodes.append(helper.make_node(op, list(inputs), [output], name=f"{output}.node", **attributes))

    def result(self, node: fx.Node, op: str, inputs: Sequence[str], **attributes: Any) -> None:
        """Emit an ONNX node whose output stands for a traced node."""
        self.emit(op, inputs, node.name, **attributes)
        self.names[node] = node.name

    def constant(self, name: str, data: np.ndarray) -> str:
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(data), name))
        return name

    def shape(self, name: str, shape: Sequence[int]) -> str:
        return self.constant(f"{name}.shape", np.array(shape, np.int64))

    def operand(self, node: fx.Node, index: int) -> str:
        """Name of an argument; numbers become constants."""
        value = node.args[index]
        if isinstance(value, fx.Node):
            return self.names[value]
        if isinstance(value, int | float):
            return self.constant(f"{node.name}.{index}", np.array(value, np.float32))
        raise _refused(f"argument {index} of {node.name} is {value!r}")


Write = Callable[[_Writer, fx.Node, Any], None]


def _affine(norm: nn.Module) -> tuple[np.ndarray, np.ndarray]:
    """A batch norm in evaluation mode as (factor, addend), float32 [C]."""
    with torch.no_grad():
        deviation = torch.sqrt(norm.running_var + norm.eps)
        weight = torch.ones_like(deviation) if norm.weight is None else norm.weight
        bias = torch.zeros_like(deviation) if norm.bias is None else norm.bias
        factor = weight / deviation
        return factor.cpu().numpy(), (bias - norm.running_mean * factor).cpu().numpy()


def _numpy(tensor: torch.Tensor) -> np.ndarray:
    return np.asarray(tensor.detach().cpu().numpy(), np.float32)


def _conv(w: _Writer, node: fx.Node, layer: nn.Conv2d) -> None:
    if isinstance(layer.padding, str) or layer.padding_mode != "zeros":
        raise _refused(f"{node.target} is padded in another way than with zeros, by numbers")
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


def _linear(w: _Writer, node: fx.Node, layer: nn.Linear) -> None:
    inputs = [w.operand(node, 0), w.constant(f"{node.name}.weight", _numpy(layer.weight))]
    if layer.bias is not None:
        inputs.append(w.constant(f"{node.name}.bias", _numpy(layer.bias)))
    w.result(node, "Gemm", inputs, transB=1)


def _norm(w: _Writer, node: fx.Node, layer: nn.BatchNorm2d) -> None:
    factor, addend = _affine(layer)
    zeros, ones = np.zeros_like(factor), np.ones_like(factor)
    arrays = {"scale": factor, "bias": addend, "mean": zeros, "variance": ones}
    inputs = [w.constant(f"{node.name}.{k}", a) for k, a in arrays.items()]
    w.result(node, "BatchNormalization", [w.operand(node, 0), *inputs], epsilon=0.0)


def _pool(w: _Writer, node: fx.Node, layer: nn.MaxPool2d | nn.AvgPool2d) -> None:
    def pair(value: Any) -> list[int]:
        return list(value) if isinstance(value, tuple) else [value, value]

    if layer.ceil_mode:
        raise _refused(f"{node.target} rounds its size up")
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


def _adaptive(w: _Writer, node: fx.Node, layer: nn.AdaptiveAvgPool2d) -> None:
    if layer.output_size not in (1, (1, 1)):
        raise _refused(f"{node.target} averages to {layer.output_size}, not to 1")
    w.result(node, "GlobalAveragePool", [w.operand(node, 0)])


def _prelu(w: _Writer, node: fx.Node, layer: nn.PReLU) -> None:
    rank = len(node.meta["tensor_meta"].shape)
    slope = _numpy(layer.weight).reshape(-1, *(1,) * (rank - 2))
    w.result(node, "PRelu", [w.operand(node, 0), w.constant(f"{node.name}.slope", slope)])


def _clip(low: float, high: float) -> Write:
    def write(w: _Writer, node: fx.Node, layer: Any = None) -> None:
        bounds = [w.constant(f"{node.name}.{i}", np.array(v, np.float32)) for i, v in enumerate((low, high))]
        w.result(node, "Clip", [w.operand(node, 0), *bounds])

    return write


def _plain(op: str) -> Write:
    def write(w: _Writer, node: fx.Node, layer: Any = None) -> None:
        w.result(node, op, [w.operand(node, 0)])

    return write


def _pass(w: _Writer, node: fx.Node, layer: Any = None) -> None:
    w.names[node] = w.operand(node, 0)


def _reshape(w: _Writer, node: fx.Node, layer: Any = None) -> None:
    target = node.meta["tensor_meta"].shape
    w.result(node, "Reshape", [w.operand(node, 0), w.shape(node.name, target)])


def _arithmetic(op: str) -> Write:
    def write(w: _Writer, node: fx.Node, layer: Any = None) -> None:
        w.result(node, op, [w.operand(node, 0), w.operand(node, 1)])

    return write


def _mean(w: _Writer, node: fx.Node, layer: Any = None) -> None:
    axes = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim")
    keep = node.args[2] if len(node.args) > 2 else node.kwargs.get("keepdim", False)
    if axes is None:
        raise _refused(f"{node.name} averages over the batch")
    given = list(axes) if isinstance(axes, tuple | list) else [axes]
    axes_name = w.constant(f"{node.name}.axes", np.array(given, np.int64))
    w.result(node, "ReduceMean", [w.operand(node, 0), axes_name], keepdims=int(bool(keep)))


def _concat(w: _Writer, node: fx.Node, layer: Any = None) -> None:
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
Call = Callable[[_Writer, fx.Node], None]
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


def _refused(what: str) -> ModelError:
    return ModelError(
        "EW-TRAIN-MODULE",
        what,
        "docs/binarization.md lists what a module may use",
    )
