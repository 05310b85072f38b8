"""A trained torch module as a float ONNX model whose binary layers are calls of binary functions.

The module is traced symbolically (torch.fx): its forward may call layers and functions, but not branch on
values. A batch norm that alone reads a binary layer becomes part of its scale and bias.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper
from torch import fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from edgewright.converter import binary_functions
from edgewright.errors import ModelError
from edgewright.quantize.binary.layers import BinaryConv2d, BinaryLinear
from edgewright.quantize.train.export_ops import FUNCTIONS, METHODS, MODULES, affine
from edgewright.quantize.train.onnx_writer import OnnxWriter, refused

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
        raise refused(f"the module cannot be traced: {first}") from error
    writer = _Exporter(module, list(inputs.items()))
    for node in graph.nodes:
        writer.visit(node)
    return writer.model(name)


class _Exporter(OnnxWriter):
    """ONNX nodes and initializers, one traced node after the other."""

    def __init__(self, module: nn.Module, inputs: list[tuple[str, Sequence[int]]]) -> None:
        super().__init__()
        self.modules = dict(module.named_modules())
        self.module, self.inputs = module, inputs
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
                raise refused("the module has to return one tensor")
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
        raise refused(f"{node.target} is a {type(layer).__name__}")

    def _call(self, node: fx.Node) -> None:
        target = node.target
        write = METHODS.get(target) if node.op == "call_method" else FUNCTIONS.get(target)
        if write is None:
            raise refused(f"it calls {getattr(target, '__name__', target)}")
        write(self, node)

    def _binary(self, node: fx.Node, layer: BinaryConv2d | BinaryLinear) -> None:
        """A call of a binary function, with the batch norm behind it."""
        deployed = layer.deployed()
        users = list(node.users)
        norm = self.modules.get(str(users[0].target)) if users and users[0].op == "call_module" else None
        if len(users) == 1 and isinstance(norm, nn.BatchNorm2d | nn.BatchNorm1d):
            factor, addend = affine(norm)
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
