"""Read a .tflite file and convert it to ONNX with quantize and dequantize nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx_ir as ir

from edgewright.converter.importers.normalize.finish import finish, name_everything
from edgewright.converter.importers.onnx_format.input_shapes import check_names, mismatch
from edgewright.converter.importers.tflite_format.conversion import Conversion
from edgewright.converter.importers.tflite_format.onnx_builder import OnnxBuilder
from edgewright.converter.importers.tflite_format.ops import CONVERTERS, DATA_INPUTS
from edgewright.converter.importers.tflite_format.refusal import refused
from edgewright.converter.importers.tflite_format.schema import Operator, Subgraph, read_subgraph
from edgewright.converter.importers.tflite_format.tensors import TensorValues
from edgewright.errors import ModelError

# Weights may be shared by several operators, each of which gets its own copy.
_CONSTANT_FACTOR = 4
_CONSTANT_BYTES = 1 << 20

_REASONS = {
    "IF": "control flow is not supported",
    "WHILE": "control flow is not supported",
    "CALL": "control flow is not supported",
    "CALL_ONCE": "control flow is not supported",
    "MIRROR_PAD": "only padding with a constant is supported",
}
_RECURRENT = ("LSTM", "RNN", "SVDF")


def read_tflite(
    data: bytes, folder: Path, shapes: Mapping[str, Sequence[int]]
) -> tuple[ir.Model, list[bytes]]:
    """Import a .tflite file; arguments and result as `load_model.Importer` says.

    Raises:
        ModelError: EW-TFLITE-…, EW-MODEL-SIZE.
        UsageError: EW-SHAPE-….
    """
    graph = read_subgraph(data)
    builder = OnnxBuilder()
    values = TensorValues(graph, builder, _CONSTANT_FACTOR * len(data) + _CONSTANT_BYTES)
    _check_shapes(values.inputs, shapes)
    conversion = Conversion(builder, values)
    for op in _needed(graph):
        convert = CONVERTERS.get(op.kind)
        if convert is None:
            raise _unsupported(op, graph)
        convert(op, conversion)
    outputs = [values.graph_output(i) for i in graph.outputs]
    model = builder.model(graph.name, values.inputs, outputs)
    name_everything(model)
    try:
        finish(model, "EW-TFLITE-DAMAGED")
    except ModelError as error:
        if not error.code.startswith("EW-ONNX-"):
            raise
        raise ModelError(
            "EW-TFLITE-DAMAGED", f"damaged TensorFlow Lite file: {error.message}", error.hint, **error.details
        ) from error
    values.check_shapes()
    return model, []


def _needed(graph: Subgraph) -> list[Operator]:
    """Operators the outputs depend on, in the order of the file."""
    wanted = set(graph.outputs)
    kept: list[Operator] = []
    for op in reversed(graph.operators):
        if wanted.intersection(op.outputs):
            kept.append(op)
            wanted.update(op.inputs[: DATA_INPUTS.get(op.kind)])
    return kept[::-1]


def _check_shapes(inputs: Sequence[ir.Value], shapes: Mapping[str, Sequence[int]]) -> None:
    """Shapes of a .tflite file are fixed: a given one can only repeat it."""
    check_names([v.name or "" for v in inputs], shapes)
    for value in inputs:
        assert value.shape is not None
        declared = [int(d) for d in value.shape.numpy()]
        given = [int(d) for d in shapes.get(value.name or "", declared)]
        if given != declared:
            raise mismatch(value.name or "", given, declared)


def _unsupported(op: Operator, graph: Subgraph) -> ModelError:
    tensor = graph.tensors[op.outputs[0]] if op.outputs else None
    reason = _REASONS.get(op.kind, "this operator is not supported")
    if op.kind.startswith("CUSTOM "):
        reason = "custom operators are not supported"
    if any(word in op.kind for word in _RECURRENT):
        reason = "recurrent operators are not supported"
    where = f" (it computes {tensor.label})" if tensor else ""
    return refused(op, f"{reason}{where}", tensor)
