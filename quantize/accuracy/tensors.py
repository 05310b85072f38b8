"""Which tensors of a quantized model stand for which of the float model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgewright.converter.program import Array
from edgewright.quantize.accuracy.onnx_run import VIEWS, quantization_of
from edgewright.quantize.data import InputType

DENSE = ("Conv", "ConvTranspose", "Gemm", "MatMul")
WEIGHTED = frozenset((*DENSE, "BinaryConv", "BinaryConvMean", "BinaryConvSpatial", "BinaryGemm"))
BINARY_DOMAIN = "edgewright"
Constants = Mapping[str, onnx.TensorProto]


@dataclass(frozen=True)
class Weights:
    """The weights of a layer as far as their quantization goes.

    Args:
        format: int8, int4, int2, ternary, binary or float.
        per_channel: Whether every output channel has a scale of its own.
        input_imbalance: Largest over median of the input channels' largest weights.
    """

    format: str
    per_channel: bool
    input_imbalance: float


@dataclass(frozen=True)
class Pair:
    """A tensor of the float model, and what stands for it in the quantized one.

    Args:
        tensor: Its name in the float model.
        reads: Names in the quantized model that hold it, dequantized; the first one is measured.
        quantization: None where it stays float, as between binary layers.
        layer: Name of the node that makes it, "" for an input of the model.
        op: Type of that node, "Input" for an input of the model.
        weights: Of the layer, where it has some.
        sources: Names, in the float model, of the tensors that the layer reads.
    """

    tensor: str
    reads: tuple[str, ...]
    quantization: InputType | None
    layer: str
    op: str
    weights: Weights | None
    sources: tuple[str, ...]


def find_pairs(float_model: onnx.ModelProto, quantized: onnx.ModelProto) -> list[Pair]:
    """The tensors that both models have, in graph order.

    A tensor of the quantized model is one behind QuantizeLinear and DequantizeLinear; its counterpart has
    the name that it has in front of them, or behind. The outputs of binary layers that go on as they are
    count too.
    """
    known = {v.name for v in float_model.graph.input} | {o for n in float_model.graph.node for o in n.output}
    constants = {i.name: i for i in quantized.graph.initializer}
    makers = {o: n for n in quantized.graph.node for o in n.output}
    named: dict[str, str] = {}  # tensor of the float model by each name it has in the quantized one
    found = []
    for raw, reads, quantization in _tensors(quantized, constants):
        tensor = next((t for t in (raw, *reads) if t in known), None)
        if tensor is None:
            continue
        chain, sources = _layer(raw, makers, constants, set(named))
        named.update(dict.fromkeys(reads, tensor))
        weighted = next((n for n in chain if n.op_type in WEIGHTED), None)
        # An input may be reshaped before it is quantized.
        of_input = not sources and all(n.op_type in VIEWS for n in chain)
        node = None if of_input else weighted or chain[-1]
        found.append(
            Pair(
                tensor,
                reads,
                quantization,
                (node.name or tensor) if node else "",
                node.op_type if node else "Input",
                weights_of(weighted, makers, constants) if weighted else None,
                tuple(dict.fromkeys(named[s] for s in sources)),
            )
        )
    return found


def _tensors(
    model: onnx.ModelProto, constants: Constants
) -> Iterator[tuple[str, tuple[str, ...], InputType | None]]:
    """(name as it is computed, names to read it by, quantization) in graph order."""
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    for node in model.graph.node:
        if node.domain == BINARY_DOMAIN:
            own = readers.get(node.output[0], [])
            if all(n.op_type != "QuantizeLinear" for n in own):
                yield node.output[0], (node.output[0],), None
        if node.op_type != "QuantizeLinear" or node.input[0] in constants:
            continue
        reads = [n.output[0] for n in readers.get(node.output[0], []) if n.op_type == "DequantizeLinear"]
        quantization = quantization_of(model, node)
        if reads and quantization is not None:
            yield node.input[0], tuple(reads), quantization


def _layer(
    tensor: str, makers: Mapping[str, onnx.NodeProto], constants: Constants, known: set[str]
) -> tuple[list[onnx.NodeProto], list[str]]:
    """Nodes from a tensor up to the tensors that are known already, nearest first, and those tensors."""
    chain: list[onnx.NodeProto] = []
    sources, queue, seen = [], [tensor], {tensor}
    while queue:
        name = queue.pop(0)
        if name in known:
            sources.append(name)
            continue
        node = makers.get(name)
        if node is None or node.op_type == "DequantizeLinear":
            continue
        chain.append(node)
        for other in node.input:
            if other and other not in constants and other not in seen:
                seen.add(other)
                queue.append(other)
    return chain, sources


def weights_of(
    node: onnx.NodeProto, makers: Mapping[str, onnx.NodeProto], constants: Constants
) -> Weights | None:
    """How the second (of binary layers the third) input of a layer is quantized; None if it is computed."""
    binary = node.domain == BINARY_DOMAIN
    name = node.input[2] if binary and len(node.input) > 2 else node.input[1]
    maker = makers.get(name)
    scale = None
    if maker is not None and maker.op_type == "DequantizeLinear":
        name = maker.input[0]
        scale = constants.get(maker.input[1])
    if name not in constants:
        return None
    stored = constants[name]
    array = numpy_helper.to_array(stored).astype(np.float32)
    if array.ndim < 2 or not array.size:
        return None
    scales = numpy_helper.to_array(scale) if scale is not None else np.ones(1, np.float32)
    return Weights(
        "binary" if binary else _format(stored.data_type, array),
        binary or scales.size > 1,
        _imbalance(_by_input_channel(node, array)),
    )


def _format(kind: int, array: Array) -> str:
    if kind in (TensorProto.FLOAT, TensorProto.FLOAT16):
        return "float"
    if kind != TensorProto.INT4:
        return "int8"
    levels = set(np.unique(array).astype(int).tolist())
    if levels <= {-1, 1}:
        return "binary"
    if levels <= {-1, 0, 1}:
        return "ternary"
    return "int2" if levels <= {-3, -1, 1, 3} else "int4"


def _by_input_channel(node: onnx.NodeProto, array: Array) -> Array:
    """Largest magnitude of each input channel's weights; one value where a channel has no others."""
    transposed = any(a.name == "transB" and a.i for a in node.attribute)
    by_rows = node.op_type in ("MatMul", "ConvTranspose") or (node.op_type == "Gemm" and not transposed)
    axis = 0 if by_rows else 1
    others = tuple(i for i in range(array.ndim) if i != axis)
    largest: Array = np.abs(array).max(axis=others)
    return largest


def _imbalance(largest: Array) -> float:
    middle = float(np.median(largest))
    return float(largest.max()) / middle if middle > 0 else 1.0


def with_float_inputs(model: onnx.ModelProto, pairs: list[Pair]) -> onnx.ModelProto:
    """A quantized model whose layers each read what they would in the float model.

    Every tensor of a pair becomes a graph input `forced_name(pair)`, read by all that read it before; what
    is computed for it shows the error that its own layer makes.
    """
    replaced = {name: forced_name(p) for p in pairs for name in p.reads}
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    for node in changed.graph.node:
        for index, name in enumerate(node.input):
            if name in replaced:
                node.input[index] = replaced[name]
    changed.graph.input.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
        for name in dict.fromkeys(map(forced_name, pairs))
    )
    return changed


def forced_name(pair: Pair) -> str:
    """Name of the graph input that stands for a tensor of the float model."""
    return f"edgewright:float:{pair.tensor}"
