"""What keeps a model from being quantized, named before the work and after it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import onnx_ir as ir

from edgewright.converter.importers import ImportedModel
from edgewright.converter.importers.onnx_format.read_onnx import read_onnx
from edgewright.converter.lower import lower
from edgewright.converter.lower.attributes import node_name
from edgewright.converter.lower.float_island import FLOAT_OPS
from edgewright.converter.ops.float_op import FloatOp
from edgewright.errors import ModelError

FLOAT_HINT = "--allow-float computes it in float on the device; or replace it"


def check_operators(float_nodes: Sequence[ir.Node], allow_float: bool) -> None:
    """Refuse nodes without integer arithmetic, before any sample is run.

    Raises:
        ModelError: EW-QUANT-OP naming the node and its operator.
    """
    refused = [n for n in float_nodes if not (allow_float and n.op_type in FLOAT_OPS)]
    if not refused:
        return
    first = refused[0]
    known = first.op_type in FLOAT_OPS
    more = f" (and {len(refused) - 1} more such nodes)" if len(refused) > 1 else ""
    raise ModelError(
        "EW-QUANT-OP",
        f"node {node_name(first)} ({first.op_type}) has no integer arithmetic{more}",
        FLOAT_HINT if known else "replace it, or run this part outside the device",
        node=node_name(first),
        op=first.op_type,
        nodes=[{"node": node_name(n), "op": n.op_type} for n in refused],
    )


def check_deployable(model: ir.Model, allow_float: bool) -> None:
    """Have the compiler accept the quantized model.

    Raises:
        ModelError: EW-QUANT-OP with the compiler's reason.
    """
    imported, _ = read_onnx(ir.to_proto(model).SerializeToString(), Path(), {})
    try:
        program = lower(ImportedModel("model", "", "onnx", imported))
    except ModelError as error:
        raise ModelError(
            "EW-QUANT-OP",
            f"the quantized model cannot be deployed: {error.message}",
            error.hint,
            **error.details,
        ) from error
    floats = [n for n in program.nodes if isinstance(n.op, FloatOp)]
    if floats and not allow_float:
        raise ModelError(
            "EW-QUANT-OP",
            f"node {floats[0].name} has no integer arithmetic in this form",
            FLOAT_HINT,
            node=floats[0].name,
            nodes=[{"node": n.name} for n in floats],
        )
