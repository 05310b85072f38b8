"""Element-wise addition, subtraction and multiplication with broadcasting, int8 (ADD, SUB, MUL)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from edgewright.converter.ops.channel_links import ChannelLinks, same_channels
from edgewright.converter.ops.fixed_point import multiply_by_quantized_multiplier, quantize_multiplier
from edgewright.converter.ops.requantize import NO_ACTIVATION, ActivationRange, quantized_clamp
from edgewright.converter.ops.row_by_row import Pixelwise
from edgewright.converter.program import Array, Quantization, Shape, TensorType
from edgewright.errors import ModelError

if TYPE_CHECKING:
    from edgewright.converter.intervals.reach import Reach
    from edgewright.targets.codegen.row_kernel import RowKernel
    from edgewright.targets.cpu import CpuClass

# Head room of the addends before they are brought to a common scale, bits.
LEFT_SHIFT = 20


def broadcast_shape(a: Shape, b: Shape) -> Shape:
    """Shape of an element-wise result; a dimension of 1 is repeated.

    Raises:
        ModelError: EW-OP-SHAPE where the dimensions differ and neither is 1.
    """
    if any(m != n and 1 not in (m, n) for m, n in zip(a, b, strict=True)):
        raise ModelError("EW-OP-SHAPE", f"shapes {a} and {b} do not broadcast")
    return max(a[0], b[0]), max(a[1], b[1]), max(a[2], b[2])


@dataclass(frozen=True, eq=False)
class _Binary(Pixelwise):
    """What the element-wise operations of two inputs share.

    Args:
        zero_points: Quantized 0 of the two inputs.
        output_multiplier: Factor to the output's scale, with
        output_shift: its shift, positive = left.
        output: Quantization of the result.
        clamp: (min, max) of the result.
    """

    in_place_input: ClassVar[int | None] = 0

    zero_points: tuple[int, int]
    output_multiplier: int
    output_shift: int
    output: Quantization
    clamp: tuple[int, int]

    def output_type(self, *inputs: TensorType) -> TensorType:
        a, b = inputs
        return TensorType(broadcast_shape(a.shape, b.shape), "int8", self.output)

    def channel_links(self, *inputs: TensorType) -> ChannelLinks | None:
        return same_channels(*inputs)

    def channel_parameters(self, *inputs: TensorType) -> tuple[Array, ...] | None:
        return ()

    def _finish(self, raw: Array) -> Array:
        scaled = multiply_by_quantized_multiplier(raw, self.output_multiplier, self.output_shift)
        return np.clip(scaled + self.output.zero_point, *self.clamp).astype(np.int8)


@dataclass(frozen=True, eq=False)
class Add(_Binary):
    """y = clamp(zero + output_factor * (factor_a * (a - za) * 2^20 + sign * factor_b * (b - zb) * 2^20)).

    The factors bring both inputs to twice the larger input scale. `Add(sign=-1)` is subtraction.

    Args:
        multipliers: Factors of the two inputs.
        shifts: Their shifts, at most 0.
        sign: 1 adds, -1 subtracts.
        left_shift: Bits the inputs are shifted left first.
    """

    multipliers: tuple[int, int] = (0, 0)
    shifts: tuple[int, int] = (0, 0)
    sign: Literal[1, -1] = 1
    left_shift: int = LEFT_SHIFT

    @property
    def kind(self) -> str:  # type: ignore[override]
        return "add" if self.sign > 0 else "sub"

    @classmethod
    def from_types(
        cls,
        a: Quantization,
        b: Quantization,
        output: Quantization,
        activation_range: ActivationRange = NO_ACTIVATION,
        sign: Literal[1, -1] = 1,
    ) -> Add:
        """Parameters from the quantization of inputs and output."""
        scale_a, scale_b, scale_out = (float(np.float32(q.scale)) for q in (a, b, output))
        common = 2.0 * max(scale_a, scale_b)
        first, second = quantize_multiplier(scale_a / common), quantize_multiplier(scale_b / common)
        last = quantize_multiplier(common / (2**LEFT_SHIFT * scale_out))
        return cls(
            zero_points=(a.zero_point, b.zero_point),
            multipliers=(first[0], second[0]),
            shifts=(first[1], second[1]),
            output_multiplier=last[0],
            output_shift=last[1],
            output=output,
            clamp=quantized_clamp(activation_range, output),
            sign=sign,
        )

    def row_kernel(self, cpu: CpuClass, *inputs: TensorType) -> RowKernel:
        from edgewright.targets.codegen.kernels.elementwise import binary_kernel

        a, b = inputs
        return binary_kernel(self, cpu, a, b)

    def layer_kernels(self, cpu: CpuClass, *inputs: TensorType) -> tuple[RowKernel, ...]:
        from edgewright.targets.codegen.kernels.compact_others import compact_add_kernels

        a, b = inputs
        return (self.row_kernel(cpu, a, b), *compact_add_kernels(self, cpu, a, b))

    def reach(self, *inputs: Reach) -> Reach | None:
        from edgewright.converter.intervals.elementwise import add_reach

        a, b = inputs
        return add_reach(self, a, b)

    def golden(self, *inputs: Array) -> Array:
        a, b = (
            multiply_by_quantized_multiplier(
                (x.astype(np.int64) - zero) << self.left_shift, multiplier, shift
            )
            for x, zero, multiplier, shift in zip(
                inputs, self.zero_points, self.multipliers, self.shifts, strict=True
            )
        )
        return self._finish(a + self.sign * b)


@dataclass(frozen=True, eq=False)
class Mul(_Binary):
    """y = clamp(zero + output_factor * (a - za) * (b - zb))."""

    kind: ClassVar[str] = "mul"

    @classmethod
    def from_types(
        cls,
        a: Quantization,
        b: Quantization,
        output: Quantization,
        activation_range: ActivationRange = NO_ACTIVATION,
    ) -> Mul:
        """Parameters from the quantization of inputs and output; the factor is a float32 expression."""
        real = float(np.float32(a.scale) * np.float32(b.scale) / np.float32(output.scale))
        multiplier, shift = quantize_multiplier(real)
        return cls(
            zero_points=(a.zero_point, b.zero_point),
            output_multiplier=multiplier,
            output_shift=shift,
            output=output,
            clamp=quantized_clamp(activation_range, output),
        )

    def row_kernel(self, cpu: CpuClass, *inputs: TensorType) -> RowKernel:
        from edgewright.targets.codegen.kernels.elementwise import binary_kernel

        a, b = inputs
        return binary_kernel(self, cpu, a, b)

    def reach(self, *inputs: Reach) -> Reach | None:
        from edgewright.converter.intervals.elementwise import mul_reach

        a, b = inputs
        return mul_reach(self, a, b)

    def golden(self, *inputs: Array) -> Array:
        a, b = (x.astype(np.int64) - zero for x, zero in zip(inputs, self.zero_points, strict=True))
        return self._finish(a * b)
