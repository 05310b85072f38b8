"""From ONNX to the typed integer program: `lower(imported) -> Program`, `check_model(imported)`.

Each operator has one function, registered under its ONNX name (`registry.py`); the files group them.
"""

from edgewright.converter.lower import (  # noqa: F401  (each registers its operators)
    binary_layer,
    concat,
    convolution,
    elementwise,
    fully_connected,
    pad,
    pooling,
    quantization,
    resize,
    slices,
    softmax,
    unary,
    views,
)
from edgewright.converter.lower.driver import check_model, lower
from edgewright.converter.lower.problem import Problem

__all__ = ["Problem", "check_model", "lower"]
