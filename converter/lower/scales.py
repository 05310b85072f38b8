"""Scale and zero point of QuantizeLinear and DequantizeLinear nodes."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgewright.converter.lower import attributes
from edgewright.converter.lower.context import Context
from edgewright.converter.lower.problem import Refused
from edgewright.converter.program import Array, Quantization

INT8_HINT = "quantize to int8 (or uint8) with per-tensor activations"

# Of activations (weights may be finer): beyond these float32 products and reciprocals of scales overflow.
SMALLEST_SCALE, LARGEST_SCALE = 1e-15, 1e15
# Of a requantization: multipliers are below 2^31 with a left shift of less than 31.
LARGEST_FACTOR = 2.0**30


def parameters(context: Context, node: ir.Node) -> tuple[Array, Array]:
    """(scale float32, zero point) of a Q or DQ node, one-element arrays as 0-D."""
    scale = context.constant(node, 1, "scale").data
    if scale.dtype not in (np.float32, np.float16, np.float64) or scale.ndim > 1 or scale.size == 0:
        raise Refused(f"its scale is {scale.dtype} {list(scale.shape)}", INT8_HINT)
    scale = scale.astype(np.float32)
    if not np.all((scale > 0) & (scale <= LARGEST_SCALE)):
        raise Refused(f"its scales reach from {scale.min()} to {scale.max()}", code="EW-MODEL-INVALID")
    if context.has(node, 2):
        zero = context.constant(node, 2, "zero point").data
    else:
        zero = np.zeros(scale.shape, _default_dtype(node))
    if zero.size != scale.size:
        raise Refused(f"{zero.size} zero points for {scale.size} scales", code="EW-MODEL-INVALID")
    if scale.size == 1:
        return scale.reshape(()), zero.reshape(())
    return scale, zero.reshape(-1)


def _default_dtype(node: ir.Node) -> type[np.generic]:
    """Integer type of a node without zero point."""
    if node.op_type == "DequantizeLinear":
        return np.int32
    wanted = ir.DataType(attributes.integer(node, "output_dtype", 0))
    known = {ir.DataType.UNDEFINED: np.uint8, ir.DataType.UINT8: np.uint8, ir.DataType.INT8: np.int8}
    return known.get(wanted, np.int16)


def check_factor(scale: float, output: Quantization) -> None:
    """Refuse scales of input and output so far apart that the integer arithmetic has no factor for them."""
    if scale / output.scale >= LARGEST_FACTOR:
        raise Refused(
            f"its output scale {output.scale:.3g} is {scale / output.scale:.3g} times finer than its input",
            "check the calibration of its output",
        )


def stored_quantization(scale: Array, zero: Array, unsigned: bool) -> Quantization:
    """Quantization of the int8 value that holds an int8 or uint8 tensor."""
    if scale.size != 1:
        raise Refused(f"it quantizes an activation with {scale.size} scales", INT8_HINT)
    zero_point = int(zero) - (128 if unsigned else 0)
    if not -128 <= zero_point <= 127:
        raise Refused(f"its zero point {int(zero)} is out of range", code="EW-MODEL-INVALID")
    if not SMALLEST_SCALE <= float(scale.reshape(())) <= LARGEST_SCALE:
        raise Refused(f"its scale {float(scale.reshape(())):.3g} is out of range", code="EW-MODEL-INVALID")
    return Quantization(float(scale.reshape(())), zero_point)
