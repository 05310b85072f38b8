"""ImportedModel: what every importer returns, an ONNX model and where it came from."""

from __future__ import annotations

import re
from dataclasses import dataclass

import onnx_ir as ir

# C11 keywords and the C++ ones that a header included from C++ must not use as a prefix.
_KEYWORDS_TEXT = """
    auto break case char const continue default do double else enum extern float for goto if
    inline int long register restrict return short signed sizeof static struct switch typedef union
    unsigned void volatile while asm bool catch class delete explicit export false friend mutable
    namespace new operator private protected public template this throw true try typename using
    virtual main
"""
_KEYWORDS = frozenset(_KEYWORDS_TEXT.split())
_MAX_NAME = 48


@dataclass(frozen=True)
class ImportedModel:
    """A model as ONNX, ready for quantization or lowering.

    Every value of `model.graph` has a static shape and a type, constants are initializers, node
    and value names are unique, nodes are in execution order, the default opset is at least 21.

    Args:
        name: C identifier made of the file's stem.
        sha256: Hash of the model file, hexadecimal. Where weights lie in external files, their
            bytes are hashed after the model file's, in the order of the model's tensors.
        source_format: Kind of the file, "onnx" or "tflite".
        model: The ONNX model.
    """

    name: str
    sha256: str
    source_format: str
    model: ir.Model


def c_identifier(stem: str) -> str:
    """A C identifier for a file's stem: `kws-ref.v2` -> `kws_ref_v2`, `1d` -> `m_1d`, `int` -> `int_`."""
    name = re.sub(r"[^0-9A-Za-z]+", "_", stem).strip("_")[:_MAX_NAME].rstrip("_")
    if not name:
        return "model"
    if name[0].isdigit():
        name = f"m_{name}"
    return f"{name}_" if name in _KEYWORDS else name
