"""Boundary between float32 and integers (QUANTIZE of a float, DEQUANTIZE)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from edgewright.converter.ops.requantize import DTYPE_RANGE
from edgewright.converter.ops.row_by_row import Pixelwise
from edgewright.converter.program import Array, Quantization, TensorType

if TYPE_CHECKING:
    from edgewright.targets.codegen.row_kernel import RowKernel
    from edgewright.targets.cpu import CpuClass


@dataclass(frozen=True, eq=False)
class Quantize(Pixelwise):
    """q = clamp(zero_point + round(x / scale)), float32 division, halves away from zero.

    NaN becomes the zero point, infinities the ends of the range.

    Args:
        output: Quantization of the result.
        dtype: "int8" or "uint8".
    """

    kind: ClassVar[str] = "quantize"

    output: Quantization
    dtype: str = "int8"

    def output_type(self, *inputs: TensorType) -> TensorType:
        return TensorType(inputs[0].shape, self.dtype, self.output)

    def row_kernel(self, cpu: CpuClass, *inputs: TensorType) -> RowKernel:
        from edgewright.targets.codegen.kernels.elementwise import quantize_kernel

        (x,) = inputs
        return quantize_kernel(self, x)

    def golden(self, *inputs: Array) -> Array:
        low, high = DTYPE_RANGE[self.dtype]
        with np.errstate(over="ignore"):
            ratio = inputs[0].astype(np.float32) / np.float32(self.output.scale)
        # In double precision, as |ratio| + 0.5 is not exact in float32.
        ratio = np.nan_to_num(ratio.astype(np.float64))
        rounded = np.trunc(ratio + np.copysign(0.5, ratio))
        return np.asarray(np.clip(rounded + self.output.zero_point, low, high), self.dtype)


@dataclass(frozen=True, eq=False)
class Dequantize(Pixelwise):
    """x = scale * (q - zero_point), float32.

    Args:
        input: Quantization of the input, int8 or uint8.
    """

    kind: ClassVar[str] = "dequantize"

    input: Quantization

    def output_type(self, *inputs: TensorType) -> TensorType:
        return TensorType(inputs[0].shape, "float32", None)

    def row_kernel(self, cpu: CpuClass, *inputs: TensorType) -> RowKernel:
        from edgewright.targets.codegen.kernels.elementwise import dequantize_kernel

        (x,) = inputs
        return dequantize_kernel(self, x)

    def golden(self, *inputs: Array) -> Array:
        steps = inputs[0].astype(np.float32) - np.float32(self.input.zero_point)
        return (np.float32(self.input.scale) * steps).astype(np.float32)
