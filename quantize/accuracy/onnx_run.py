"""Running ONNX models on float samples with onnxruntime, tensors inside included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgewright.converter.program import Array, Quantization
from edgewright.errors import ModelError
from edgewright.quantize.data import InputType

# What only moves values.
VIEWS = frozenset(("Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Identity"))
INTEGERS = {TensorProto.INT8: "int8", TensorProto.UINT8: "uint8"}


@dataclass(frozen=True)
class Tensor:
    """A graph input or output.

    Args:
        name: Of the tensor.
        shape: Static; a symbolic batch is 1.
        integers: How integers stand for real numbers; None for float tensors.
    """

    name: str
    shape: tuple[int, ...]
    integers: InputType | None = None

    def stored(self, real: Array) -> Array:
        """What the model takes: float32, or round(x / scale) + zero point, clipped to the type."""
        if self.integers is None:
            return real.astype(np.float32)
        return quantized(real, self.integers)

    def real(self, stored: Array) -> Array:
        """The real numbers an output stands for."""
        return stored if self.integers is None else dequantized(stored, self.integers)


def quantized(real: Array, kind: InputType) -> Array:
    """round(x / scale) + zero point, halves to even, clipped to the type."""
    q, limits = kind.quantization, np.iinfo(kind.dtype)
    steps = np.rint(real.astype(np.float32) / np.float32(q.scale)) + q.zero_point
    clipped: Array = np.clip(steps, limits.min, limits.max).astype(kind.dtype)
    return clipped


def dequantized(stored: Array, kind: InputType) -> Array:
    """(q - zero point) * scale as float32."""
    q = kind.quantization
    real: Array = ((stored.astype(np.float32) - q.zero_point) * np.float32(q.scale)).astype(np.float32)
    return real


def read_model(model: onnx.ModelProto | Path) -> onnx.ModelProto:
    """A model, loaded where it is a path (.onnx or .tflite).

    Raises:
        EdgewrightError: whatever `load_model` raises.
    """
    if isinstance(model, onnx.ModelProto):
        return model
    import onnx_ir as ir

    from edgewright.converter.importers import load_model

    return ir.to_proto(load_model(model).model)


def model_inputs(model: onnx.ModelProto) -> list[Tensor]:
    """Graph inputs without initializers.

    Raises:
        ModelError: EW-EVAL-INPUT for a type or shape that data cannot be made for.
    """
    constants = {i.name for i in model.graph.initializer}
    return [
        _tensor(model, v, _node_at(model, v.name, "DequantizeLinear"))
        for v in model.graph.input
        if v.name not in constants
    ]


def model_outputs(model: onnx.ModelProto) -> list[Tensor]:
    """Graph outputs.

    Raises:
        ModelError: EW-EVAL-INPUT.
    """
    return [_tensor(model, v, _node_at(model, v.name, "QuantizeLinear")) for v in model.graph.output]


def _node_at(model: onnx.ModelProto, name: str, op: str) -> onnx.NodeProto | None:
    """The DequantizeLinear behind a graph input, or the QuantizeLinear before a graph output."""
    ahead = op == "DequantizeLinear"
    at = {n.input[0] if ahead else n.output[0]: n for n in reversed(model.graph.node) if n.input}
    while (node := at.get(name)) is not None and node.op_type in VIEWS:
        name = node.output[0] if ahead else node.input[0]
    return node if node is not None and node.op_type == op else None


def _tensor(model: onnx.ModelProto, value: onnx.ValueInfoProto, node: onnx.NodeProto | None) -> Tensor:
    kind = value.type.tensor_type
    shape = tuple(d.dim_value or (1 if i == 0 else 0) for i, d in enumerate(kind.shape.dim))
    if 0 in shape:
        hint = "fix the shape with edgewright convert --shape"
        raise ModelError("EW-EVAL-INPUT", f"{value.name} has a symbolic shape {list(shape)}", hint)
    if kind.elem_type == TensorProto.FLOAT:
        return Tensor(value.name, shape)
    found = quantization_of(model, node) if node is not None else None
    if kind.elem_type not in INTEGERS or found is None:
        name = TensorProto.DataType.Name(kind.elem_type).lower()
        text = f"{value.name} is {name}, and the model does not say which real numbers that stands for"
        raise ModelError("EW-EVAL-INPUT", text, "inputs and outputs are float32, or int8 with a scale")
    return Tensor(value.name, shape, found)


def quantization_of(model: onnx.ModelProto, node: onnx.NodeProto) -> InputType | None:
    """Type, scale and zero point of a QuantizeLinear or DequantizeLinear per tensor; None of others."""
    constants = {i.name: i for i in model.graph.initializer}
    names = list(node.input[1:3])
    if any(n not in constants for n in names):
        return None
    arrays = [numpy_helper.to_array(constants[n]) for n in names]
    if arrays[0].size != 1 or (len(arrays) > 1 and constants[names[1]].data_type not in INTEGERS):
        return None
    zero = int(arrays[1].reshape(-1)[0]) if len(arrays) > 1 else 0
    dtype = INTEGERS[constants[names[1]].data_type] if len(arrays) > 1 else "uint8"
    return InputType(dtype, Quantization(float(arrays[0].reshape(-1)[0]), zero))


class OnnxRun:
    """A model in onnxruntime, operator by operator as it is written (no graph optimization).

    Args:
        model: The model; it is not changed.
        tensors: Names of float tensors inside it to return besides its outputs.

    Raises:
        ModelError: EW-EVAL-ONNX where onnxruntime refuses it.
    """

    def __init__(self, model: onnx.ModelProto, tensors: Sequence[str] = ()) -> None:
        import onnxruntime

        self.inputs = model_inputs(model)
        self._outputs = {t.name: t for t in model_outputs(model)}  # tensors inside are float
        wanted = [t for t in dict.fromkeys(tensors) if t not in self._outputs]
        if wanted:
            model = _copy(model)
            model.graph.output.extend(
                helper.make_tensor_value_info(t, TensorProto.FLOAT, None) for t in wanted
            )
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 4
        try:
            self._session: Any = onnxruntime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime has an exception class for each of its status codes
            raise ModelError("EW-EVAL-ONNX", f"onnxruntime refuses the model: {error}") from error
        self._names = [o.name for o in self._session.get_outputs()]

    def __call__(self, sample: Mapping[str, Array]) -> dict[str, Array]:
        """Real-valued outputs and tensors by name.

        Args:
            sample: float32 arrays by input name.

        Raises:
            ModelError: EW-EVAL-ONNX.
        """
        feed = {t.name: t.stored(sample[t.name]) for t in self.inputs if t.name in sample}
        try:
            arrays = self._session.run(self._names, feed)
        except Exception as error:
            raise ModelError("EW-EVAL-ONNX", f"onnxruntime fails on the model: {error}") from error
        return {
            name: self._outputs[name].real(array) if name in self._outputs else array
            for name, array in zip(self._names, arrays, strict=True)
        }


def _copy(model: onnx.ModelProto) -> onnx.ModelProto:
    copied = onnx.ModelProto()
    copied.CopyFrom(model)
    return copied
