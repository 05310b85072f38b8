"""Every tensor of a model holds exactly the data its shape and type claim."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto

from edgewright.converter.importers.limits import checked_elements
from edgewright.errors import ModelError

# Typed field of a TensorProto -> element types it may hold (onnx.proto).
_TYPED_FIELDS: dict[str, tuple[str, ...]] = {
    "float_data": ("FLOAT", "COMPLEX64"),
    "double_data": ("DOUBLE", "COMPLEX128"),
    "int64_data": ("INT64",),
    "uint64_data": ("UINT32", "UINT64"),
    "string_data": ("STRING",),
}
_INTEGER_RANGE: dict[int, np.iinfo[Any]] = {
    TensorProto.INT8: np.iinfo(np.int8),
    TensorProto.UINT8: np.iinfo(np.uint8),
    TensorProto.INT16: np.iinfo(np.int16),
    TensorProto.UINT16: np.iinfo(np.uint16),
    TensorProto.FLOAT16: np.iinfo(np.uint16),
    TensorProto.BFLOAT16: np.iinfo(np.uint16),
}
# Bits of an element where it is not a whole number of bytes of its numpy type.
_SUB_BYTE_BITS = {"INT4": 4, "UINT4": 4, "FLOAT4E2M1": 4, "INT2": 2, "UINT2": 2}


def model_tensors(model: onnx.ModelProto) -> Iterator[tuple[str, TensorProto]]:
    """Every tensor of the model with words that say where it is."""
    for tensor in model.graph.initializer:
        yield f"initializer {tensor.name!r}", tensor
    yield from _attribute_tensors(model.graph.node, "node")
    for function in model.functions:
        yield from _attribute_tensors(function.node, f"function {function.name!r}, node")


def _attribute_tensors(nodes: Iterable[onnx.NodeProto], what: str) -> Iterator[tuple[str, TensorProto]]:
    for index, node in enumerate(nodes):
        for attribute in node.attribute:
            place = f"{what} {node.name or index!r} ({node.op_type}), attribute {attribute.name!r}"
            if attribute.HasField("t"):
                yield place, attribute.t
            for tensor in attribute.tensors:
                yield place, tensor


def data_bytes(place: str, tensor: TensorProto) -> int:
    """Bytes of a tensor's data as raw data, checked against the limits.

    Raises:
        ModelError: EW-ONNX-DAMAGED, unknown element type; EW-MODEL-SIZE.
    """
    elements = checked_elements(tensor.dims, place)
    return (elements * _bits(place, tensor.data_type) + 7) // 8


def check_data(place: str, tensor: TensorProto) -> None:
    """Check that a tensor (not external) holds what its dimensions claim.

    Raises:
        ModelError: EW-ONNX-DAMAGED with the claimed and the present amount.
    """
    want_bytes = data_bytes(place, tensor)
    if tensor.HasField("raw_data"):
        have, want, unit = len(tensor.raw_data), want_bytes, "bytes"
    else:
        field = _typed_field(tensor.data_type)
        values = getattr(tensor, field)
        have, want, unit = len(values), checked_elements(tensor.dims, place), "values"
        name = _type_name(place, tensor.data_type)
        if name in _SUB_BYTE_BITS:
            want = want_bytes
        elif name.startswith("COMPLEX"):
            want *= 2
        _check_range(place, tensor, field)
    if have != want:
        shape = "x".join(str(d) for d in tensor.dims) or "scalar"
        raise ModelError(
            "EW-ONNX-DAMAGED", f"damaged ONNX file: {place} is {shape}, {want:,} {unit}, but holds {have:,}"
        )


def _check_range(place: str, tensor: TensorProto, field: str) -> None:
    """int32_data also carries the narrower types: its values have to fit them."""
    limits = _INTEGER_RANGE.get(tensor.data_type)
    if limits is None or field != "int32_data" or not tensor.int32_data:
        return
    values = np.array(tensor.int32_data, dtype=np.int32)
    worst = int(values.min()) if values.min() < limits.min else int(values.max())
    if not limits.min <= worst <= limits.max:
        name = _type_name(place, tensor.data_type).lower()
        raise ModelError("EW-ONNX-DAMAGED", f"damaged ONNX file: {place} holds {worst}, which is no {name}")


def _typed_field(data_type: int) -> str:
    for field, names in _TYPED_FIELDS.items():
        if data_type in [TensorProto.DataType.Value(n) for n in names]:
            return field
    return "int32_data"


def _type_name(place: str, data_type: int) -> str:
    if data_type == TensorProto.UNDEFINED or data_type not in TensorProto.DataType.values():
        raise ModelError("EW-ONNX-DAMAGED", f"damaged ONNX file: {place} has unknown type {data_type}")
    return str(TensorProto.DataType.Name(data_type))


def _bits(place: str, data_type: int) -> int:
    name = _type_name(place, data_type)
    if name in _SUB_BYTE_BITS:
        return _SUB_BYTE_BITS[name]
    if name == "STRING":
        return 8
    return int(onnx.helper.tensor_dtype_to_np_dtype(data_type).itemsize) * 8
