"""Cross-layer equalization: the channels between two layers get weights of equal size on both sides.

With a positive homogeneous function f between them (none, Relu, LeakyRelu: f(s x) = s f(x) for s > 0),

    W2 f(W1 x + b1)  =  (W2 S) f(S^-1 W1 x + S^-1 b1),   S = diag(s)

holds for all s > 0. With r1 and r2 the largest weights of a channel as an output of the first and as an
input of the second layer, s = sqrt(r1 / r2) makes both sqrt(r1 r2). Pairs that share a layer are treated in
turn until nothing changes. Not across Clip, whose upper bound is one for all channels.

Nagel et al., Data-Free Quantization Through Weight Equalization and Bias Correction, ICCV 2019, section 4.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgewright.quantize.graph_edit import GraphEditor, name_of, shape_of, sole_reader
from edgewright.quantize.layers import Layer, find_layers

Doubles = npt.NDArray[np.float64]

# Functions of one element with f(s x) = s f(x) for positive s.
HOMOGENEOUS = ("Relu", "LeakyRelu", "PRelu")
ROUNDS = 20
CONVERGED = 1e-3
# Channels whose weights are this much smaller than the layer's largest are next to dead: their biases
# would grow with them and widen the range of all.
SMALLEST_PART = 1e-2


@dataclass(frozen=True, eq=False)
class Pair:
    """Two layers with nothing but a positive homogeneous function between them.

    Args:
        first: Its output channels are
        second: the input channels of this one.
        between: Tensors from the first layer's output to the second one's input.
    """

    first: Layer
    second: Layer
    between: tuple[ir.Value, ...]


def equalized(model: ir.Model) -> ir.Model:
    """A copy with the same results, weights equalized.

    Tensors whose values change by it are renamed to `t/equalized`: they cannot be compared with those of
    the model before.
    """
    made = model.clone()
    pairs = find_pairs(made.graph)
    for _ in range(ROUNDS):
        if max((_equalize(p) for p in pairs), default=0.0) < CONVERGED:
            break
    editor = GraphEditor(made.graph)
    for value in dict.fromkeys(v for p in pairs for v in p.between):
        value.name = editor.unused(f"{name_of(value)}/equalized")
    return made


def find_pairs(graph: ir.Graph) -> list[Pair]:
    """Pairs in graph order."""
    layers = {layer.node: layer for layer in find_layers(graph)}
    found = []
    for first in layers.values():
        between = [first.output]
        reader = sole_reader(first.output)
        while reader is not None and reader.op_type in HOMOGENEOUS and _keeps_channels(reader):
            between.append(reader.outputs[0])
            reader = sole_reader(reader.outputs[0])
        second = None if reader is None else layers.get(reader)
        if second is not None and second.input is between[-1] and _fit(first, second):
            found.append(Pair(first, second, tuple(between)))
    return found


def _keeps_channels(node: ir.Node) -> bool:
    if node.op_type == "PRelu":
        slope = node.inputs[1]
        return slope is not None and slope.const_value is not None and slope.const_value.size == 1
    return True


def _fit(first: Layer, second: Layer) -> bool:
    """Whether the first one's channels are the second one's inputs, one by one."""
    if first.bias is None or second.transposed_input:
        return False
    convolutions = [x.node.op_type == "Conv" for x in (first, second)]
    return all(convolutions) or (not any(convolutions) and shape_of(second.weights_value)[-1] > 0)


def _equalize(pair: Pair) -> float:
    """Apply the factors of one pair; returns how far the largest was from 1, as a logarithm."""
    first, second = pair.first, pair.second
    rows, columns = first.rows().astype(np.float64), _by_input(second)
    before, behind = np.abs(rows).max(axis=1), np.abs(columns).max(axis=1)
    alive = (before > SMALLEST_PART * before.max()) & (behind > SMALLEST_PART * behind.max())
    factors = np.where(alive, np.sqrt(before / np.where(alive, behind, 1)), 1.0)
    first.set_weights(first.stored_of((rows / factors[:, None]).astype(np.float32)))
    first.set_bias((first.bias_data() / factors).astype(np.float32))
    _scale_inputs(second, factors)
    return float(np.abs(np.log(factors)).max(initial=0.0))


def _by_input(layer: Layer) -> Doubles:
    """Weights as [input channels, weights of that channel]."""
    rows = layer.rows().astype(np.float64)
    depth = _depth(layer)
    grouped = rows.reshape(layer.groups, layer.channels // layer.groups, depth, -1)
    return grouped.transpose(0, 2, 1, 3).reshape(layer.groups * depth, -1)


def _depth(layer: Layer) -> int:
    """Input channels of a group."""
    return shape_of(layer.weights_value)[1] if layer.node.op_type == "Conv" else layer.rows().shape[1]


def _scale_inputs(layer: Layer, factors: Doubles) -> None:
    rows = layer.rows().astype(np.float64)
    depth = _depth(layer)
    grouped = rows.reshape(layer.groups, layer.channels // layer.groups, depth, -1)
    scaled = grouped * factors.reshape(layer.groups, 1, depth, 1)
    layer.set_weights(layer.stored_of(scaled.reshape(rows.shape).astype(np.float32)))
