"""Compute one node whose inputs are constants, with onnx's reference implementation."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
from onnx.reference import ReferenceEvaluator

from edgewright.converter.program import Array
from edgewright.errors import ModelError

_NAMES = """
    Abs Add And Cast Ceil Clip Concat ConstantOfShape Div Equal Exp Expand Flatten Floor Gather
    GatherElements GatherND Greater GreaterOrEqual Identity Less LessOrEqual Max Min Mod Mul Neg Not
    Or Pad Pow QuantizeLinear Range Reciprocal ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum
    Reshape Round Sign Slice Split Sqrt Squeeze Sub Tile Transpose Unsqueeze Where
"""
FOLDABLE = frozenset(_NAMES.split())
"""Deterministic operators whose work is bounded by their inputs and outputs.

DequantizeLinear is not among them: a quantized weight has to stay one.
"""


def evaluate(node: ir.Node, inputs: list[Array | None], opset: int) -> list[Array]:
    """Outputs of a `FOLDABLE` node.

    Args:
        node: The node; its attributes are used, its inputs are not.
        inputs: Its inputs, None for an absent optional one.
        opset: Version of the default operator set.

    Raises:
        ModelError: EW-ONNX-DAMAGED, it cannot be computed (an index out of range, a wrong shape).
    """
    proto = ir.serde.serialize_node(node)
    del proto.input[:], proto.output[:]
    proto.input.extend("" if x is None else f"i{k}" for k, x in enumerate(inputs))
    proto.output.extend(f"o{k}" for k in range(len(node.outputs)))
    graph = onnx.helper.make_graph(
        [proto],
        "fold",
        [onnx.ValueInfoProto(name=name) for name in proto.input if name],
        [onnx.ValueInfoProto(name=name) for name in proto.output],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)])
    feeds = {f"i{k}": x for k, x in enumerate(inputs) if x is not None}
    try:
        with np.errstate(all="ignore"):
            results = ReferenceEvaluator(model).run(None, feeds)
            return [np.asarray(r) for r in results]
    except Exception as error:  # the library documents none: whatever it meets in hostile constants
        raise ModelError(
            "EW-ONNX-DAMAGED",
            f"node {node.name!r} ({node.op_type}) cannot be computed from its constants: {error}",
            node=node.name,
            op=node.op_type,
        ) from error
