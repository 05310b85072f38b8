"""Softmax over the channels, int8 to int8 with scale 1/256 and zero point -128 (SOFTMAX)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from edgewright.converter.ops.fixed_point import quantize_multiplier, rounding_divide_by_pot, srdhm
from edgewright.converter.ops.fixed_point_functions import exp_of_negative, reciprocal
from edgewright.converter.ops.row_by_row import Pixelwise
from edgewright.converter.program import Array, Quantization, TensorType
from edgewright.errors import ModelError

if TYPE_CHECKING:
    from edgewright.targets.codegen.row_kernel import RowKernel
    from edgewright.targets.cpu import CpuClass

SCALED_DIFFERENCE_BITS = 5
SUM_BITS = 12
OUTPUT = Quantization(1 / 256, -128)


@dataclass(frozen=True, eq=False)
class Softmax(Pixelwise):
    """y[c] = exp(d[c]) / sum over c of exp(d[c]), d = beta * input_scale * (x[c] - largest x).

    Args:
        input_multiplier: Factor from a difference to Q5 (five integer bits), with
        input_shift: its left shift, at least 0.
        difference_min: Smaller differences count as exp(d) = 0.
    """

    kind: ClassVar[str] = "softmax"

    input_multiplier: int
    input_shift: int
    difference_min: int

    @classmethod
    def from_scale(cls, input_scale: float, beta: float = 1.0) -> Softmax:
        """Parameters from the input's scale.

        Raises:
            ModelError: EW-OP-SOFTMAX where beta * scale is not above 2^-26.
        """
        unit = float(1 << (31 - SCALED_DIFFERENCE_BITS))
        real = min(float(np.float32(beta)) * float(np.float32(input_scale)) * unit, 2.0**31 - 1)
        if not real > 1:
            raise ModelError("EW-OP-SOFTMAX", f"softmax of scale {input_scale} and beta {beta} is constant")
        multiplier, shift = quantize_multiplier(real)
        largest = ((1 << SCALED_DIFFERENCE_BITS) - 1) * unit / (1 << shift)
        return cls(input_multiplier=multiplier, input_shift=shift, difference_min=-math.floor(largest))

    def output_type(self, *inputs: TensorType) -> TensorType:
        return TensorType(inputs[0].shape, "int8", OUTPUT)

    def row_kernel(self, cpu: CpuClass, *inputs: TensorType) -> RowKernel:
        from edgewright.targets.codegen.kernels.softmax import softmax_kernel

        (x,) = inputs
        return softmax_kernel(self, x)

    def golden(self, *inputs: Array) -> Array:
        x = inputs[0].astype(np.int64)
        difference = x - x.max(axis=2, keepdims=True)
        counted = difference >= self.difference_min
        kept = np.where(counted, difference, 0)
        exps = exp_of_negative(srdhm(kept << self.input_shift, self.input_multiplier), SCALED_DIFFERENCE_BITS)
        exps = np.where(counted, exps, 0)
        sums = rounding_divide_by_pot(exps, SUM_BITS).sum(axis=2, keepdims=True)
        scale, exponent = reciprocal(sums, SUM_BITS)
        unbounded = rounding_divide_by_pot(srdhm(scale, exps), exponent + 31 - 8)
        return np.clip(unbounded - 128, -128, 127).astype(np.int8)
