"""Builds .tflite models of any builtin operators in memory, and runs them through LiteRT's reference.

model = TfliteBuilder()
x = model.tensor((1, 4, 4, 2), "int8", scale=0.1, zero_point=3)
y = model.tensor((1, 2, 2, 2), "int8", scale=0.1, zero_point=3)
model.operator("MAX_POOL_2D", [x], [y], "Pool2DOptions", Padding=1, StrideW=2, StrideH=2,
               FilterWidth=2, FilterHeight=2)
(result,) = run_reference(model.build([x], [y]), [data])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
import tflite

TENSOR_TYPES = {
    "float32": tflite.TensorType.FLOAT32,
    "float16": tflite.TensorType.FLOAT16,
    "int8": tflite.TensorType.INT8,
    "uint8": tflite.TensorType.UINT8,
    "int16": tflite.TensorType.INT16,
    "int32": tflite.TensorType.INT32,
    "int64": tflite.TensorType.INT64,
    "bool": tflite.TensorType.BOOL,
}
SAME, VALID = tflite.Padding.SAME, tflite.Padding.VALID
# Fused activations by name, e.g. ACTIVATION["RELU6"].
ACTIVATION = {n: v for n, v in vars(tflite.ActivationFunctionType).items() if n.isupper()}


@dataclass
class _Tensor:
    name: str
    shape: tuple[int, ...]
    dtype: str
    buffer: int
    scales: Sequence[float] | None
    zero_points: Sequence[int]
    axis: int


@dataclass
class _Operator:
    code: str
    inputs: Sequence[int]
    outputs: Sequence[int]
    options: str | None
    fields: dict[str, Any]
    version: int


@dataclass
class TfliteBuilder:
    """A model with one subgraph; tensors are known by their index."""

    tensors: list[_Tensor] = field(default_factory=list)
    operators: list[_Operator] = field(default_factory=list)
    buffers: list[bytes] = field(default_factory=lambda: [b""])

    def tensor(
        self,
        shape: Sequence[int],
        dtype: str = "int8",
        *,
        scale: float | Sequence[float] | None = None,
        zero_point: int | Sequence[int] = 0,
        axis: int = 0,
        data: Any = None,
        name: str | None = None,
    ) -> int:
        """Add a tensor; returns its index.

        Args:
            shape: Dimensions, the batch included.
            dtype: A key of `TENSOR_TYPES`.
            scale: One scale, several (per channel along `axis`), or None for no quantization.
            zero_point: One for all scales, or one for each.
            data: Constant contents; None makes an activation.
            name: Default: "t" and the index.
        """
        scales = None if scale is None else [float(s) for s in np.atleast_1d(scale)]
        zeros = [int(z) for z in np.broadcast_to(zero_point, len(scales) if scales else 1)]
        buffer = 0
        if data is not None:
            array = np.asarray(data).astype(dtype)
            if array.shape != tuple(shape):
                raise ValueError(f"data {array.shape} for a tensor of shape {tuple(shape)}")
            self.buffers.append(array.tobytes())
            buffer = len(self.buffers) - 1
        index = len(self.tensors)
        self.tensors.append(
            _Tensor(name or f"t{index}", tuple(map(int, shape)), dtype, buffer, scales, zeros, axis)
        )
        return index

    def constant(self, values: Any, dtype: str = "int32", **quantization: Any) -> int:
        """Add a constant tensor of the values' own shape."""
        array = np.asarray(values, dtype)
        return self.tensor(array.shape, dtype, data=array, **quantization)

    def operator(
        self,
        code: str,
        inputs: Sequence[int],
        outputs: Sequence[int],
        options: str | None = None,
        version: int = 1,
        **fields: Any,
    ) -> None:
        """Add an operator.

        Args:
            code: Name in `tflite.BuiltinOperator`, e.g. "CONV_2D".
            inputs: Tensor indices; -1 for an absent optional input.
            outputs: Tensor indices.
            options: Name of the options table, e.g. "Conv2DOptions".
            fields: Its fields as the schema's accessors call them, e.g. StrideW=2; lists are vectors.
        """
        self.operators.append(_Operator(code, inputs, outputs, options, fields, version))

    def build(self, inputs: Sequence[int], outputs: Sequence[int]) -> bytes:
        """Serialize the model with the given graph inputs and outputs."""
        b = flatbuffers.Builder(1024)
        buffers = _offsets(b, [_buffer(b, data) for data in self.buffers])
        codes = list(dict.fromkeys((op.code, op.version) for op in self.operators))
        code_table = _offsets(b, [_operator_code(b, *code) for code in codes])
        tensors = _offsets(b, [_tensor(b, t) for t in self.tensors])
        operators = _offsets(
            b, [_operator(b, op, codes.index((op.code, op.version))) for op in self.operators]
        )
        input_vector, output_vector = _ints(b, inputs), _ints(b, outputs)
        name = b.CreateString("main")
        tflite.SubGraphStart(b)
        tflite.SubGraphAddTensors(b, tensors)
        tflite.SubGraphAddInputs(b, input_vector)
        tflite.SubGraphAddOutputs(b, output_vector)
        tflite.SubGraphAddOperators(b, operators)
        tflite.SubGraphAddName(b, name)
        subgraphs = _offsets(b, [tflite.SubGraphEnd(b)])
        description = b.CreateString("edgewright test model")
        tflite.ModelStart(b)
        tflite.ModelAddVersion(b, 3)
        tflite.ModelAddOperatorCodes(b, code_table)
        tflite.ModelAddSubgraphs(b, subgraphs)
        tflite.ModelAddDescription(b, description)
        tflite.ModelAddBuffers(b, buffers)
        b.Finish(tflite.ModelEnd(b), b"TFL3")
        return bytes(b.Output())


def _numbers(b: flatbuffers.Builder, values: Sequence[Any], dtype: str) -> int:
    return b.CreateNumpyVector(np.ascontiguousarray(values, np.dtype(dtype)))


def _ints(b: flatbuffers.Builder, values: Sequence[int]) -> int:
    return _numbers(b, values, "int32")


def _offsets(b: flatbuffers.Builder, offsets: Sequence[int]) -> int:
    b.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        b.PrependUOffsetTRelative(offset)
    return b.EndVector()


def _buffer(b: flatbuffers.Builder, data: bytes) -> int:
    vector = 0
    if data:
        # LiteRT wants constants aligned to 16 bytes.
        b.StartVector(1, len(data), 16)
        b.head -= len(data)
        b.Bytes[b.head : b.head + len(data)] = data
        vector = b.EndVector()
    tflite.BufferStart(b)
    if data:
        tflite.BufferAddData(b, vector)
    return tflite.BufferEnd(b)


def _operator_code(b: flatbuffers.Builder, code: str, version: int) -> int:
    value = getattr(tflite.BuiltinOperator, code)
    tflite.OperatorCodeStart(b)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(b, min(value, 127))
    tflite.OperatorCodeAddBuiltinCode(b, value)
    tflite.OperatorCodeAddVersion(b, version)
    return tflite.OperatorCodeEnd(b)


def _tensor(b: flatbuffers.Builder, t: _Tensor) -> int:
    quantization = 0
    if t.scales is not None:
        scales = _numbers(b, t.scales, "float32")
        zeros = _numbers(b, t.zero_points, "int64")
        tflite.QuantizationParametersStart(b)
        tflite.QuantizationParametersAddScale(b, scales)
        tflite.QuantizationParametersAddZeroPoint(b, zeros)
        tflite.QuantizationParametersAddQuantizedDimension(b, t.axis)
        quantization = tflite.QuantizationParametersEnd(b)
    shape, name = _ints(b, t.shape), b.CreateString(t.name)
    tflite.TensorStart(b)
    tflite.TensorAddShape(b, shape)
    tflite.TensorAddType(b, TENSOR_TYPES[t.dtype])
    tflite.TensorAddBuffer(b, t.buffer)
    tflite.TensorAddName(b, name)
    if quantization:
        tflite.TensorAddQuantization(b, quantization)
    tflite.TensorAddHasRank(b, True)
    return tflite.TensorEnd(b)


def _operator(b: flatbuffers.Builder, op: _Operator, code_index: int) -> int:
    options = 0
    if op.options:
        vectors = {k: _ints(b, v) for k, v in op.fields.items() if isinstance(v, list | tuple | np.ndarray)}
        getattr(tflite, f"{op.options}Start")(b)
        for key, value in op.fields.items():
            getattr(tflite, f"{op.options}Add{key}")(b, vectors.get(key, value))
        options = getattr(tflite, f"{op.options}End")(b)
    inputs, outputs = _ints(b, op.inputs), _ints(b, op.outputs)
    tflite.OperatorStart(b)
    tflite.OperatorAddOpcodeIndex(b, code_index)
    tflite.OperatorAddInputs(b, inputs)
    tflite.OperatorAddOutputs(b, outputs)
    if op.options:
        tflite.OperatorAddBuiltinOptionsType(b, getattr(tflite.BuiltinOptions, op.options))
        tflite.OperatorAddBuiltinOptions(b, options)
    return tflite.OperatorEnd(b)


def run_reference(model: bytes, inputs: Sequence[Any]) -> list[np.ndarray]:
    """Outputs of one inference with LiteRT's reference kernels (BUILTIN_REF)."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF, num_threads=1
    )
    interpreter.allocate_tensors()
    for detail, value in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], np.asarray(value, detail["dtype"]))
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]
