"""Read an .onnx file: check it, load its weights, make every shape static."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx
import onnx_ir as ir
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx_ir.passes import common

from edgewright.converter.importers.normalize.finish import check_proto, finish, first_line, name_everything
from edgewright.converter.importers.onnx_format.external_data import load_external_data
from edgewright.converter.importers.onnx_format.functions import bound_functions, inline_functions
from edgewright.converter.importers.onnx_format.input_shapes import complete_types, fix_input_shapes
from edgewright.converter.importers.onnx_format.opset import raise_opset
from edgewright.converter.importers.onnx_format.structure import check_kind_of_model, sort_nodes
from edgewright.converter.importers.onnx_format.tensors import check_data, model_tensors
from edgewright.converter.importers.onnx_format.wire_scan import scan
from edgewright.errors import ModelError


def read_onnx(data: bytes, folder: Path, shapes: Mapping[str, Sequence[int]]) -> tuple[ir.Model, list[bytes]]:
    """Import an .onnx file; arguments and result as `load_model.Importer` says.

    Raises:
        ModelError: EW-ONNX-…, EW-MODEL-SIZE.
        UsageError: EW-SHAPE-….
    """
    proto = _parse(data)
    check_kind_of_model(proto)
    external = load_external_data(proto, folder)
    for place, tensor in model_tensors(proto):
        check_data(place, tensor)
    sort_nodes(proto)
    bound_functions(proto)
    _drop_notes(proto)
    complete_types(proto, shapes)
    check_proto(proto)
    proto = inline_functions(proto)
    # Again: a call may have passed fewer values than the body uses.
    sort_nodes(proto)
    model = _to_ir(proto)
    common.RemoveInitializersFromInputsPass()(model)
    common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    name_everything(model)
    raise_opset(model)
    fix_input_shapes(model.graph.inputs, shapes)
    declared = _forget_shapes(model)
    finish(model, "EW-ONNX-DAMAGED")
    _check_output_types(model, declared)
    return model, external


def _parse(data: bytes) -> onnx.ModelProto:
    scan(data, onnx.ModelProto.DESCRIPTOR)
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError as error:
        raise ModelError("EW-ONNX-DAMAGED", f"damaged ONNX file: {first_line(error)}") from error
    return model


def _drop_notes(proto: onnx.ModelProto) -> None:
    """Drop what only repeats or annotates: shapes of computed values (inferred again), training."""
    del proto.graph.value_info[:], proto.graph.quantization_annotation[:], proto.training_info[:]
    for function in proto.functions:
        del function.value_info[:]


def _to_ir(proto: onnx.ModelProto) -> ir.Model:
    try:
        return ir.from_proto(proto)
    except Exception as error:
        # onnx_ir wraps what it meets in a malformed model in an exception of its own kind, not always.
        cause = error.__cause__ or error
        raise ModelError("EW-ONNX-DAMAGED", f"not a valid ONNX model: {first_line(cause)}") from error


def _forget_shapes(model: ir.Model) -> dict[str, ir.DataType | None]:
    """Drop the shapes the file gives for computed values; they are inferred again with fixed inputs.

    Constants have the shape of their data, whatever the file declares.

    Returns:
        Declared element types of the graph outputs.
    """
    declared = {v.name or "": v.dtype for v in model.graph.outputs}
    for node in model.graph:
        for value in node.outputs:
            value.shape = None
            value.type = None
    for value in model.graph.initializers.values():
        tensor = value.const_value
        if tensor is None:
            raise ModelError("EW-ONNX-DAMAGED", f"damaged ONNX file: initializer {value.name!r} has no data")
        value.shape, value.type = ir.Shape(tensor.shape.numpy()), ir.TensorType(tensor.dtype)
    return declared


def _check_output_types(model: ir.Model, declared: dict[str, ir.DataType | None]) -> None:
    for value in model.graph.outputs:
        want = declared.get(value.name or "")
        if want is not None and want != value.dtype:
            raise ModelError(
                "EW-ONNX-DAMAGED",
                f"output {value.name!r} is declared {want}, but its node gives {value.dtype}",
            )
