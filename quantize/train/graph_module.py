"""GraphModule: a prepared ONNX graph as a torch module, some of its layers binary.

A binary layer is

    y = BatchNorm(BinaryConv2d(x - mean))

whose norms start with the statistics of the float layer, so that the rest of the network sees inputs of
about the size it knows. Both norms deploy as thresholds, scales and biases.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
import torch
from torch import Tensor, nn

from edgewright.converter.lower.problem import Refused
from edgewright.errors import ModelError
from edgewright.quantize.binary.deployed import Deployed
from edgewright.quantize.binary.layers import BinaryConv2d, BinaryLinear
from edgewright.quantize.binary.onnx_layer import layer_window
from edgewright.quantize.graph_edit import constant_of, name_of, shape_of
from edgewright.quantize.layers import Layer, find_layers
from edgewright.quantize.train import torch_windows  # noqa: F401  (adds its operators)
from edgewright.quantize.train.torch_ops import OPERATORS, refused


class BinaryUnit(nn.Module):  # type: ignore[misc]
    """A binary layer with a norm before and one behind.

    Args:
        layer: The float layer it stands for.
        algorithm: Name of an algorithm.
    """

    def __init__(self, layer: Layer, algorithm: str) -> None:
        super().__init__()
        outputs = layer.channels
        self.layer: BinaryConv2d | BinaryLinear
        self.norm: nn.BatchNorm2d | nn.BatchNorm1d
        if layer.node.op_type == "Conv":
            window, weights = layer_window(layer), layer.weights()
            pads = window.padding
            self.layer = BinaryConv2d(
                *(weights.shape[1], outputs, window.size, window.stride),
                (pads.top, pads.left, pads.bottom, pads.right),
                window.dilation,
                algorithm=algorithm,
                centred=True,
            )
            self.norm = nn.BatchNorm2d(outputs)
        else:
            weights = layer.rows()
            self.layer = BinaryLinear(weights.shape[1], outputs, algorithm=algorithm, centred=True)
            self.norm = nn.BatchNorm1d(outputs)
        with torch.no_grad():
            self.layer.weight.copy_(_unit_scaled(weights))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(self.layer(x))
        return y

    def match(self, x: Tensor, y: Tensor) -> None:
        """Start the norms from what the float layer reads and gives: x [N, C, ...] and y [N, O, ...]."""
        centre = self.layer.centre
        assert centre is not None
        with torch.no_grad():
            mean, deviation = _statistics(x)
            centre.mean.copy_(mean)
            centre.variance.copy_(deviation**2)
            self.eval()
            sums, expected = _statistics(self.layer(x)), _statistics(y)
            self.norm.running_mean.copy_(sums[0])
            self.norm.running_var.copy_(sums[1] ** 2)
            self.norm.bias.copy_(expected[0])
            self.norm.weight.copy_(expected[1].clamp(min=1e-4))

    def deployed(self) -> Deployed:
        """The layer with both norms folded in."""
        norm = self.norm
        with torch.no_grad():
            factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
            addend = norm.bias - norm.running_mean * factor
        return self.layer.deployed().behind(factor.cpu().numpy(), addend.cpu().numpy())


def _unit_scaled(weights: np.ndarray) -> Tensor:
    """Weights divided so that few of them are beyond 1, where the clipped gradient ends."""
    real = torch.from_numpy(np.array(weights, np.float32))
    largest = torch.quantile(real.flatten().abs()[: 1 << 22], 0.99).clamp(min=1e-8)
    return (real / largest * 0.5).clamp(-1, 1)


def _statistics(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation of every channel, [C] each."""
    axes = [a for a in range(x.dim()) if a != 1]
    return x.mean(dim=axes), x.std(dim=axes, unbiased=False)


class GraphModule(nn.Module):  # type: ignore[misc]
    """A prepared float graph; weights of its layers are parameters.

    Args:
        graph: From `edgewright.quantize.prepare`; inputs [1, ...], float32.
        binary: Layers that are binary here.
        algorithm: Of the binary layers.

    Raises:
        ModelError: EW-TRAIN-OP naming a node that cannot be trained; EW-TRAIN-OUTPUTS.
    """

    def __init__(self, graph: ir.Graph, binary: Sequence[Layer] = (), algorithm: str = "") -> None:
        super().__init__()
        _check(graph)
        self.inputs = [name_of(v) for v in graph.inputs]
        self.nodes = list(graph)
        self.result, self.softmax = _logits(graph)
        self.layers = {layer.name: layer for layer in find_layers(graph)}
        self.units = nn.ModuleDict()
        self._units: dict[str, BinaryUnit] = {}
        self._skipped: set[ir.Node] = set()
        for layer in binary:
            unit = BinaryUnit(layer, algorithm)
            self.units[_key(layer.name)] = unit
            self._units[name_of(layer.output)] = unit
            if layer.output is not layer.node.outputs[0]:
                self._skipped.add(layer.node)
        self._makers = {name_of(layer.output): layer for layer in binary}
        self._register_constants(graph, binary)

    def _register_constants(self, graph: ir.Graph, binary: Sequence[Layer]) -> None:
        """Weights and biases as parameters, other constants as buffers; none of binary layers."""
        replaced = {v for layer in binary for v in (layer.weights_value, layer.bias) if v is not None}
        trained = {layer.weights_value for layer in self.layers.values()}
        trained |= {layer.bias for layer in self.layers.values() if layer.bias is not None}
        self.constants = nn.ParameterDict()
        for value in graph.initializers.values():
            data = constant_of(value)
            if data is None or value in replaced or data.dtype != np.float32:
                continue
            tensor = torch.from_numpy(np.array(data, np.float32))
            parameter = nn.Parameter(tensor, requires_grad=value in trained)
            self.constants[_key(name_of(value))] = parameter

    def forward(self, *inputs: Tensor) -> Tensor:
        """Logits (what enters a final Softmax), or the output, of a batch."""
        found = self.run(inputs, {self.result})
        return found[self.result]

    def run(self, inputs: Sequence[Tensor], wanted: set[str]) -> dict[str, Tensor]:
        """Values by name, those of `wanted`; inputs are [N, ...]."""
        values: dict[str, Tensor] = dict(zip(self.inputs, inputs, strict=True))
        for node in self.nodes:
            if node in self._skipped:
                continue
            results = self._results(node, values)
            values.update(zip((name_of(v) for v in node.outputs), results, strict=True))
        return {name: values[name] for name in wanted}

    def _results(self, node: ir.Node, values: dict[str, Tensor]) -> list[Tensor]:
        unit = self._units.get(name_of(node.outputs[0]))
        if unit is not None:
            return [unit(values[name_of(self._makers[name_of(node.outputs[0])].input)])]
        taken = [None if v is None else self._value(v, values) for v in node.inputs]
        try:
            return OPERATORS[node.op_type](node, taken)
        except Refused as error:
            raise refused(node, error.reason) from error

    def _value(self, value: ir.Value, values: dict[str, Tensor]) -> Tensor | None:
        name = name_of(value)
        if name in values:
            return values[name]
        key = _key(name)
        # Constants of other types (shapes, axes) are read from the node itself.
        return self.constants.get(key)

    def match(self, teacher: GraphModule, inputs: Sequence[Tensor]) -> None:
        """Start the norms of all binary layers from a batch through the float model."""
        wanted = {name_of(v) for layer in self._makers.values() for v in (layer.input, layer.output)}
        with torch.no_grad():
            found = teacher.run(inputs, wanted)
        for name, layer in self._makers.items():
            self._units[name].match(found[name_of(layer.input)], found[name])

    def deployed(self) -> dict[str, Deployed]:
        """Every binary layer by name."""
        return {layer.name: self._units[name].deployed() for name, layer in self._makers.items()}

    def trained(self) -> dict[str, np.ndarray]:
        """Float parameters by the name of their constant."""
        names = {_key(name_of(v)): name_of(v) for node in self.nodes for v in node.inputs if v is not None}
        return {names[key]: p.detach().cpu().numpy() for key, p in self.constants.items() if p.requires_grad}


def _key(name: str) -> str:
    """A name as torch allows it for a parameter: without points, and none of a module's own attributes."""
    return "=" + name.replace("%", "%25").replace(".", "%2E")


def _check(graph: ir.Graph) -> None:
    """Refuse what has no batch, or an operator that is not known."""
    for value in graph.inputs:
        if shape_of(value)[:1] != (1,):
            raise ModelError(
                "EW-TRAIN-BATCH",
                f"input {value.name} is {list(shape_of(value))}: axis 0 has to be a batch of 1",
            )
    if len(graph.outputs) != 1:
        raise ModelError(
            "EW-TRAIN-OUTPUTS", f"the model has {len(graph.outputs)} outputs; one can be trained"
        )
    for node in graph:
        if node.domain not in ("", "ai.onnx") or node.op_type not in OPERATORS:
            raise refused(node, "there is no training of this operator")
        for value in node.outputs:
            if value.dtype != ir.DataType.FLOAT or shape_of(value)[:1] != (1,):
                raise refused(
                    node, f"its result is {value.dtype} {list(shape_of(value))}, not float32 [1, ...]"
                )


def _logits(graph: ir.Graph) -> tuple[str, bool]:
    """Name of the output, or of what enters the Softmax that makes it; whether there is one."""
    output = graph.outputs[0]
    node = output.producer()
    if node is not None and node.op_type == "Softmax":
        before = node.inputs[0]
        assert before is not None
        return name_of(before), True
    return name_of(output), False
