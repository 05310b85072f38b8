"""Raise a model to opset 21, so that everything behind the importer knows one form of each op.

Between opset 13 and 21 the operators of edge models changed in three ways only: axes of reductions
became an input (18), Split names its number of outputs (18), a few changed their meaning and are
refused. Everything else only gained types or attributes whose default is the old meaning.
https://github.com/onnx/onnx/blob/main/docs/Changelog.md
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgewright.errors import ModelError

OPSET = 21
IR_VERSION = 10

_REDUCTIONS = frozenset(
    f"Reduce{kind}" for kind in ("Mean", "Max", "Min", "Prod", "L1", "L2", "LogSum", "LogSumExp", "SumSquare")
)
# Operator -> first opset in which it means what it means today.
_CHANGED = {"GroupNormalization": 21, "DFT": 20, "GridSample": 20}


def raise_opset(model: ir.Model) -> None:
    """Rewrite the nodes that opset 21 writes differently, and the model's version, in place.

    Raises:
        ModelError: EW-ONNX-OP, an operator whose older meaning is not supported.
    """
    opset = model.opset_imports.pop("ai.onnx", None) or model.opset_imports[""]
    for node in list(model.graph):
        if node.domain == "ai.onnx":
            node.domain = ""
        if node.domain == "com.microsoft":
            _use_standard_quantization(node)
        if node.domain:
            continue
        since = _CHANGED.get(node.op_type, 0)
        if opset < since:
            raise ModelError(
                "EW-ONNX-OP",
                f"node {node.name!r}: {node.op_type} of opset {opset} is not supported",
                f"export the model with opset {since} or newer",
                node=node.name,
                op=node.op_type,
            )
        if opset < 18 and node.op_type in _REDUCTIONS:
            _axes_to_input(model.graph, node)
        if opset < 18 and node.op_type == "Split" and not any(node.inputs[1:]):
            node.attributes["num_outputs"] = ir.AttrInt64("num_outputs", len(node.outputs))
    model.opset_imports[""] = max(opset, OPSET)
    model.ir_version = max(model.ir_version, IR_VERSION)


def _axes_to_input(graph: ir.Graph, node: ir.Node) -> None:
    axes = node.attributes.pop("axes", None)
    if axes is None:
        return
    name = f"{node.outputs[0].name}/axes"
    while name in graph.initializers:
        name += "_"
    data = np.array(axes.as_ints(), dtype=np.int64)
    value = ir.Value(name=name, const_value=ir.tensor(data, name=name))
    value.shape, value.type = ir.Shape(data.shape), ir.TensorType(ir.DataType.INT64)
    graph.register_initializer(value)
    node.resize_inputs(2)
    node.replace_input_with(1, value)


def _use_standard_quantization(node: ir.Node) -> None:
    """onnxruntime's own QuantizeLinear and DequantizeLinear are the standard ones since opset 13."""
    if node.op_type not in ("QuantizeLinear", "DequantizeLinear"):
        return
    zero_point = node.inputs[2] if len(node.inputs) > 2 else None
    tensor = zero_point.const_value if zero_point is not None else None
    if tensor is not None and tensor.dtype in (ir.DataType.INT8, ir.DataType.UINT8):
        node.domain = ""
