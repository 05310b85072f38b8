"""Raise a model to opset 21, so that everything behind the importer knows one form of each op.

Between opset 13 and 21 the operators of edge models changed in three ways only: axes of reductions
became an input (18), Split names its number of outputs (18), and a few changed their meaning
(`structure.py` refuses the older one). Everything else only gained types, or attributes whose
default is the old meaning.
https://github.com/onnx/onnx/blob/main/docs/Changelog.md
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

OPSET = 21
IR_VERSION = 10

_REDUCTIONS = frozenset(
    f"Reduce{kind}" for kind in ("Mean", "Max", "Min", "Prod", "L1", "L2", "LogSum", "LogSumExp", "SumSquare")
)


def raise_opset(model: ir.Model) -> None:
    """Rewrite the nodes that opset 21 writes differently, and the model's version, in place."""
    opset = model.opset_imports.pop("ai.onnx", None) or model.opset_imports[""]
    for node in list(model.graph):
        if node.domain == "ai.onnx":
            node.domain = ""
        # onnxruntime's own forms are the standard ones of opset 21.
        if node.domain == "com.microsoft" and node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            node.domain = ""
        if node.domain:
            continue
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
