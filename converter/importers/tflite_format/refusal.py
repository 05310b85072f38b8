"""The error for an operator, or a form of it, that the importer does not support."""

from __future__ import annotations

from edgewright.converter.importers.tflite_format.schema import Operator, Tensor
from edgewright.errors import ModelError

_INTEGER_HINT = "convert with int8 activations (full integer quantization)"
_HINT = "change the model, or convert it to .onnx"


def refused(op: Operator, reason: str, tensor: Tensor | None = None, hint: str = "") -> ModelError:
    """EW-TFLITE-OP naming the operator, the tensor and the reason."""
    if not hint:
        hint = _INTEGER_HINT if tensor is not None and tensor.dtype in ("int16", "int64") else _HINT
    named = {} if tensor is None else {"tensor": tensor.name}
    return ModelError("EW-TFLITE-OP", f"{op.label}: {reason}", hint, operator=op.index, op=op.kind, **named)
