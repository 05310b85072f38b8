"""What a model must be before it can be quantized: float, with layers, of finite weights."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgewright.converter.importers import ImportedModel
from edgewright.errors import ModelError
from edgewright.quantize.graph_edit import constant_of
from edgewright.quantize.layers import find_layers

_QUANTIZED_OPS = frozenset(
    (
        "QLinearConv",
        "QLinearMatMul",
        "ConvInteger",
        "MatMulInteger",
        "DynamicQuantizeLinear",
        "QuantizeLinear",
    )
)


def check_float(imported: ImportedModel) -> None:
    """Refuse models that are quantized already, and inputs that are not float32.

    Raises:
        ModelError: EW-QUANT-ALREADY, EW-QUANT-TYPE.
    """
    graph = imported.model.graph
    for node in graph:
        if node.op_type in _QUANTIZED_OPS or _dequantizes_activation(node):
            raise ModelError(
                "EW-QUANT-ALREADY",
                f"{imported.name}: the model is quantized already, node {node.name} is {node.op_type}",
                "deploy it as it is, or give the float model it was made from",
                node=node.name,
                op=node.op_type,
            )
    read = {v for node in graph for v in node.inputs}
    for value in graph.inputs:
        if value in read and value.dtype != ir.DataType.FLOAT:
            raise ModelError(
                "EW-QUANT-TYPE",
                f"input {value.name} is {value.dtype}, not float32",
                "export the model with float32 inputs",
                tensor=value.name,
            )
    for node in graph:
        for value in node.outputs:
            if value.dtype in (ir.DataType.FLOAT16, ir.DataType.BFLOAT16, ir.DataType.DOUBLE):
                raise ModelError(
                    "EW-QUANT-TYPE",
                    f"node {node.name} ({node.op_type}) computes in {value.dtype}",
                    "export the model in float32",
                    node=node.name,
                )


def _dequantizes_activation(node: ir.Node) -> bool:
    return node.op_type == "DequantizeLinear" and constant_of(node.inputs[0]) is None


def check_prepared(model: ir.Model, name: str) -> None:
    """Refuse a prepared model without layers, or with weights that are not finite.

    Raises:
        ModelError: EW-QUANT-NO-WEIGHTS, EW-QUANT-NAN.
    """
    if not find_layers(model.graph):
        raise ModelError(
            "EW-QUANT-NO-WEIGHTS",
            f"{name}: no Conv, Gemm or MatMul with constant weights: there is nothing to quantize",
        )
    for node in model.graph:
        for value in node.inputs:
            data = constant_of(value)
            if value is None or data is None or data.dtype != np.float32 or node.op_type in _MAY_BE_INFINITE:
                continue
            if not np.all(np.isfinite(data)):
                bad = data.reshape(-1)[~np.isfinite(data.reshape(-1))]
                raise ModelError(
                    "EW-QUANT-NAN",
                    f"node {node.name} ({node.op_type}): {bad.size} of {data.size} elements of its constant "
                    f"{value.name} are {bad[0]}",
                    "train or export the model again: its weights have to be finite",
                    node=node.name,
                    tensor=value.name,
                )


# Bounds of infinity are no bounds.
_MAY_BE_INFINITE = frozenset(("Clip", "Max", "Min", "Pad"))
