"""Mean distance of a whole int8 tensor from its zero point: XNOR-Net's scale of one image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from edgewright.converter.ops.base import OpKind
from edgewright.converter.program import Array, TensorType
from edgewright.errors import ModelError

if TYPE_CHECKING:
    from edgewright.targets.codegen.row_kernel import RowKernel
    from edgewright.targets.cpu import CpuClass

FRACTION_BITS = 7
"""Of the result: a mean of at most 255 stays below 2^15."""


@dataclass(frozen=True, eq=False)
class MeanMagnitude(OpKind):
    """y = floor((2^7 * sum |x - input_zero_point| + N / 2) / N) over all N elements; int32 [1, 1, 1].

    Rastegari et al., "XNOR-Net", ECCV 2016, in the form with one scale an image.

    Args:
        input_zero_point: Quantized 0 of the input.
    """

    kind: ClassVar[str] = "mean_magnitude"

    input_zero_point: int = 0

    def output_type(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        if x.dtype != "int8" or 255 * x.elements >= 2**31:
            raise ModelError("EW-OP-SHAPE", f"mean magnitude of {x.dtype} {x.shape}")
        return TensorType((1, 1, 1), "int32")

    def row_kernel(self, cpu: CpuClass, *inputs: TensorType) -> RowKernel:
        from edgewright.targets.codegen.kernels.binary_input import mean_magnitude_kernel

        (x,) = inputs
        return mean_magnitude_kernel(self, x)

    def stream_kernels(self, cpu: CpuClass, *inputs: TensorType) -> tuple[RowKernel, ...] | None:
        from edgewright.targets.codegen.kernels.binary_input import mean_magnitude_stream_kernels

        (x,) = inputs
        return mean_magnitude_stream_kernels(self, x)

    def golden(self, *inputs: Array) -> Array:
        x = inputs[0].astype(np.int64)
        total = int(np.abs(x - self.input_zero_point).sum())
        return np.array([[[((total << FRACTION_BITS) + x.size // 2) // x.size]]], np.int32)
