"""The content of a .tflite file as plain frozen dataclasses, checked once while reading."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import tflite

from edgewright.converter.importers.limits import checked_elements
from edgewright.converter.importers.tflite_format.flatbuffer import Budget, Table, damaged
from edgewright.converter.program import Array
from edgewright.errors import ModelError

SCHEMA_VERSION = 3
MAX_OPERATORS = 5_000

# Builtin element types that can be read -> numpy's.
_DTYPES: dict[int, str] = {
    tflite.TensorType.FLOAT32: "float32",
    tflite.TensorType.FLOAT16: "float16",
    tflite.TensorType.INT8: "int8",
    tflite.TensorType.UINT8: "uint8",
    tflite.TensorType.INT16: "int16",
    tflite.TensorType.INT32: "int32",
    tflite.TensorType.INT64: "int64",
    tflite.TensorType.BOOL: "bool",
}


def _names(enum: type) -> dict[int, str]:
    return {value: name for name, value in vars(enum).items() if isinstance(value, int)}


_TYPE_NAMES = _names(tflite.TensorType)
_OPERATOR_NAMES = _names(tflite.BuiltinOperator)


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor of the file.

    Args:
        index: Position in the subgraph.
        name: As in the file; may be empty or not unique.
        dtype: numpy's name of the element type, or the schema's in capitals where there is none.
        shape: Static shape.
        data: Constant data as bytes, a view of the file; None for a computed tensor.
        scales: float32, one or one per channel; empty where the tensor is not quantized.
        zero_points: int64, as many as scales.
        axis: Dimension of the channels.
        oddity: What makes the tensor one that cannot be used (sparse, variable …), or empty.
    """

    index: int
    name: str
    dtype: str
    shape: tuple[int, ...]
    data: memoryview | None = field(repr=False)
    scales: Array
    zero_points: Array
    axis: int
    oddity: str

    @property
    def label(self) -> str:
        return f"tensor {self.index} {self.name!r}"

    def array(self) -> Array:
        """Constant data in `shape`, a read-only view."""
        assert self.data is not None
        return np.frombuffer(self.data, dtype=self.dtype).reshape(self.shape)


@dataclass(frozen=True, eq=False)
class Operator:
    """An operator of the file; `kind` is its builtin name, `inputs` and `outputs` index tensors."""

    index: int
    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    table: Table = field(repr=False)

    @property
    def label(self) -> str:
        return f"operator {self.index} ({self.kind})"

    def options(self, cls: type) -> Table | None:
        """The operator's options, None where the file has none (their defaults hold)."""
        declared = self.table.number("BuiltinOptionsType")
        if declared == 0:
            return None
        if declared != getattr(tflite.BuiltinOptions, cls.__name__):
            raise damaged(self.label, f"its options are not {cls.__name__}")
        return self.table.union("BuiltinOptions", cls)

    def option(self, cls: type, name: str, default: int = 0) -> int:
        """One whole-number option."""
        options = self.options(cls)
        return default if options is None else options.number(name)


@dataclass(frozen=True, eq=False)
class Subgraph:
    """The one graph of the file."""

    name: str
    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read_subgraph(data: bytes) -> Subgraph:
    """Parse a .tflite file.

    Raises:
        ModelError: EW-TFLITE-DAMAGED naming the place, EW-TFLITE-OP for what is not supported,
            EW-MODEL-SIZE.
    """
    if len(data) < 8 or data[4:8] != b"TFL3":
        raise damaged("byte 4", f"the identifier TFL3 is missing, there is {data[4:8]!r}")
    budget = Budget()
    model = _root(data, budget)
    version = model.number("Version")
    if version != SCHEMA_VERSION:
        raise damaged("model", f"schema version {version}, {SCHEMA_VERSION} is the only one there is")
    graphs = model.tables("Subgraphs", "subgraph")
    if len(graphs) != 1:
        raise ModelError(
            "EW-TFLITE-OP",
            f"the file has {len(graphs)} subgraphs (control flow or several entry points); one is supported",
            "convert the single inference function of the model",
        )
    graph = graphs[0]
    codes = [_operator_name(code) for code in model.tables("OperatorCodes", "operator code")]
    buffers = model.tables("Buffers", "buffer")
    contents = functools.cache(lambda i: _buffer(data, buffers[i]))
    tensors = tuple(
        _tensor(i, t, len(buffers), contents) for i, t in enumerate(graph.tables("Tensors", "tensor"))
    )
    tables = graph.tables("Operators", "operator")
    if len(tables) > MAX_OPERATORS:
        raise ModelError(
            "EW-MODEL-SIZE", f"the model has {len(tables):,} operators, more than {MAX_OPERATORS:,}"
        )
    operators = tuple(_operator(i, t, codes, len(tensors)) for i, t in enumerate(tables))
    ends = {name: graph.ints(name) for name in ("Inputs", "Outputs")}
    for name, indices in ends.items():
        _check_indices(f"subgraph, {name}", indices, 0, len(tensors))
        if not indices or len(set(indices)) != len(indices):
            raise damaged("subgraph", f"{name} are {list(indices)[:20]}")
    return Subgraph(graph.text("Name"), tensors, operators, ends["Inputs"], ends["Outputs"])


def _root(data: bytes, budget: Budget) -> Table:
    position = int.from_bytes(data[:4], "little")
    if not 8 <= position <= len(data) - 4:
        raise damaged("byte 0", f"the root table is at byte {position:,} of {len(data):,}")
    root = tflite.Model()
    root.Init(data, position)
    return Table(root, "model", budget)


def _operator_name(code: Table) -> str:
    # Codes above 127 did not fit the first field; readers take the larger of the two.
    builtin = max(code.number("BuiltinCode"), code.number("DeprecatedBuiltinCode"))
    if builtin == tflite.BuiltinOperator.CUSTOM:
        return f"CUSTOM {code.text('CustomCode')}"
    return _OPERATOR_NAMES.get(builtin, f"BUILTIN {builtin}")


def _buffer(data: bytes, buffer: Table) -> memoryview | None:
    """A buffer's bytes: inside the flatbuffer, or behind it for models near 2 GB."""
    offset, size = buffer.number("Offset"), buffer.number("Size")
    if offset > 1:
        if offset + size > len(data):
            raise damaged(buffer.place, f"bytes {offset:,} to {offset + size:,} of {len(data):,}")
        return memoryview(data)[offset : offset + size]
    content = buffer.vector("Data")
    return content.data if content.size else None


def _tensor(index: int, table: Table, buffers: int, contents: Callable[[int], memoryview | None]) -> Tensor:
    name = table.text("Name")
    place = f"tensor {index} {name!r}"
    table.place = place
    kind = table.number("Type")
    dtype = _DTYPES.get(kind) or _TYPE_NAMES.get(kind, f"TYPE {kind}")
    shape = table.ints("Shape")
    elements = checked_elements(shape, place)
    number = table.number("Buffer")
    if number >= buffers:
        raise damaged(place, f"it is in buffer {number} of {buffers}")
    # Buffer 0 is always empty, by convention.
    content = contents(number) if number else None
    if content is not None and kind in _DTYPES and len(content) != elements * np.dtype(dtype).itemsize:
        raise damaged(place, f"shape {list(shape)} of {dtype}, but its buffer has {len(content):,} bytes")
    scales, zero_points, axis = _quantization(table, place, dtype, shape)
    return Tensor(index, name, dtype, shape, content, scales, zero_points, axis, _oddity(table, shape, dtype))


def _oddity(table: Table, shape: tuple[int, ...], dtype: str) -> str:
    if table.read("Sparsity") is not None:
        return "is sparse"
    if table.read("IsVariable"):
        return "is a variable that keeps its value between inferences"
    signature = table.ints("ShapeSignature")
    if any(d < 0 for d in signature[1:]) and len(signature) == len(shape):
        return f"has the dynamic shape {[d if d >= 0 else '?' for d in signature]}"
    return "" if dtype in _DTYPES.values() else f"has elements of type {dtype}"


def _quantization(table: Table, place: str, dtype: str, shape: tuple[int, ...]) -> tuple[Array, Array, int]:
    quantization = table.table("Quantization")
    none = np.zeros(0, np.float32), np.zeros(0, np.int64), 0
    if quantization is None:
        return none
    scales = quantization.vector("Scale", copied=True).astype(np.float32)
    if not scales.size:
        return none
    zero_points = quantization.vector("ZeroPoint", copied=True).astype(np.int64)
    axis = quantization.number("QuantizedDimension") if scales.size > 1 else 0
    if not zero_points.size:
        zero_points = np.zeros(scales.size, np.int64)
    if zero_points.size != scales.size:
        raise damaged(place, f"{scales.size} scales but {zero_points.size} zero points")
    if scales.size > 1 and not (0 <= axis < len(shape) and shape[axis] == scales.size):
        raise damaged(place, f"{scales.size} scales along dimension {axis} of shape {list(shape)}")
    if not (np.isfinite(scales).all() and (scales >= 0).all()):
        raise damaged(place, "a scale is negative or not finite")
    if dtype in ("int8", "uint8"):
        limits = np.iinfo(dtype)
        if (zero_points < limits.min).any() or (zero_points > limits.max).any():
            raise damaged(place, f"a zero point is not in the range of {dtype}")
    return scales, zero_points, axis


def _operator(index: int, table: Table, codes: list[str], tensors: int) -> Operator:
    code = table.number("OpcodeIndex")
    if code >= len(codes):
        raise damaged(table.place, f"it has operator code {code} of {len(codes)}")
    table.place = f"operator {index} ({codes[code]})"
    inputs, outputs = table.ints("Inputs"), table.ints("Outputs")
    _check_indices(f"{table.place}, inputs", inputs, -1, tensors)
    _check_indices(f"{table.place}, outputs", outputs, 0, tensors)
    return Operator(index, codes[code], inputs, outputs, table)


def _check_indices(place: str, indices: tuple[int, ...], lowest: int, tensors: int) -> None:
    for i in indices:
        if not lowest <= i < tensors:
            raise damaged(place, f"tensor {i} of {tensors}")
