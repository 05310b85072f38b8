"""Bring a freshly imported model to the form the rest of edgewright relies on."""

from __future__ import annotations

import onnx
import onnx_ir as ir
from onnx_ir.passes import common

from edgewright.converter.importers.normalize.static_graph import make_static
from edgewright.errors import ModelError


class _Names:
    """A node without a name is called like its first output."""

    def generate_node_name(self, node: ir.Node) -> str:
        return node.name or node.outputs[0].name or node.op_type

    def generate_value_name(self, value: ir.Value) -> str:
        return value.name or "value"


def name_everything(model: ir.Model) -> None:
    """Give unnamed and equally named nodes and values unique names, in place; others keep theirs."""
    common.NameFixPass(_Names())(model)


def finish(model: ir.Model, damaged_code: str) -> None:
    """Infer all shapes, fold constants, drop what nothing reads, and have onnx check the result.

    Args:
        model: Changed in place. Inputs and initializers have static shapes.
        damaged_code: Error code of a model that onnx refuses.

    Raises:
        ModelError: see `make_static`; `damaged_code`.
    """
    make_static(model)
    common.RemoveUnusedNodesPass()(model)
    try:
        common.CheckerPass(full_check=True)(model)
    except Exception as error:
        # The checker's exceptions are its C++ ones: its own, protobuf's and the standard library's.
        cause = error.__cause__ or error
        raise ModelError(damaged_code, f"not a valid model: {first_line(cause)}") from error


def first_line(error: BaseException) -> str:
    """The first line of an error's text, without onnx's trailing context."""
    text = str(error).strip().splitlines()
    return text[0][:300] if text else type(error).__name__


def check_proto(model: onnx.ModelProto) -> None:
    """Have onnx check a model as it was read.

    Raises:
        ModelError: EW-ONNX-DAMAGED.
    """
    try:
        onnx.checker.check_model(model)
    except Exception as error:
        raise ModelError("EW-ONNX-DAMAGED", f"not a valid ONNX model: {first_line(error)}") from error
