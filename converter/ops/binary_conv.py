"""Two-dimensional convolution of signs with signs: XNOR and popcount."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.base import OpKind, Padding
from edgewright.converter.ops.bits import BITS_DTYPE, bits_type, pack_bits, unpack_signs, words_of
from edgewright.converter.ops.requantize import Requantize
from edgewright.converter.ops.row_by_row import RowByRow
from edgewright.converter.ops.window import (
    NO_PADDING,
    Pair,
    output_size,
    pad_border,
    window_rows,
    window_strip,
    window_views,
)
from edgewright.converter.program import Array, TensorType
from edgewright.errors import ModelError

if TYPE_CHECKING:
    from edgewright.targets.codegen.row_kernel import RowKernel
    from edgewright.targets.cpu import CpuClass

MAX_FACTOR = 1 << 15
"""Factors are at most so large, either sign, that a sum times a factor stays in int32."""


@dataclass(frozen=True, eq=False)
class BinaryConv2D(RowByRow):
    """sum[r, c, o] = sum over the window of x * weights[o], all -1 or +1 (`bits.py`), then either

        bits:  y[r, c, o] = sum >= thresholds[o]                                       packed
        int8:  y[r, c, o] = requantize(sum << fraction_bits), or
               y[r, c, o] = requantize(sum * factor[r, c]) with a second input

    The second input is int32 [1, 1, 1], the same factor everywhere (XNOR-Net's scale of an image), or
    int32 [H', W', 1] (XNOR-Net++'s scale of a place); its magnitude is at most `MAX_FACTOR`.

    Args:
        weights: uint32 [O, kh, kw, ceil(channels / 32)].
        channels: Input channels.
        thresholds: int32 [O] for packed output, else None.
        requantize: Bias, factors and output quantization of an int8 output, else None; rounds twice.
        fraction_bits: Left shift of the sums before the bias is added, which gives the bias so many
            bits behind the point; 0 with a second input.
        stride: (vertical, horizontal).
        dilation: (vertical, horizontal).
        padding: Rows and columns around the input.
        pad_sign: What they hold: +1, -1, or 0, which adds nothing to the sum.
    """

    kind: ClassVar[str] = "binary_conv"

    weights: Array
    channels: int
    thresholds: Array | None = None
    requantize: Requantize | None = None
    fraction_bits: int = 0
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    padding: Padding = NO_PADDING
    pad_sign: int = 0

    def __post_init__(self) -> None:
        w = self.weights
        if w.dtype != np.uint32 or w.ndim != 4 or self.channels < 1 or w.shape[3] != words_of(self.channels):
            raise ModelError("EW-OP-WEIGHTS", f"binary weights {w.dtype} {w.shape}, {self.channels} channels")
        if self.channels % 32 and (w[..., -1] >> np.uint32(self.channels % 32)).any():
            raise ModelError("EW-OP-WEIGHTS", "binary weights have bits past the last channel")
        outputs, limit = w.shape[0], self.depth
        if (self.thresholds is None) == (self.requantize is None):
            raise ModelError("EW-OP-WEIGHTS", "a binary convolution has thresholds or a requantization")
        per_channel = self.thresholds if self.requantize is None else self.requantize.bias
        if per_channel is None or per_channel.shape != (outputs,) or per_channel.dtype != np.int32:
            raise ModelError("EW-OP-WEIGHTS", f"thresholds or biases of {outputs} channels do not fit")
        if self.pad_sign not in (-1, 0, 1) or not 0 <= self.fraction_bits <= 15 or limit > MAX_FACTOR:
            raise ModelError(
                "EW-OP-WEIGHTS",
                f"pad sign {self.pad_sign}, {self.fraction_bits} fraction bits, {limit} terms a sum",
            )

    @property
    def window(self) -> Pair:
        return self.weights.shape[1], self.weights.shape[2]

    @property
    def depth(self) -> int:
        """Terms of one sum."""
        return int(self.weights.shape[1] * self.weights.shape[2]) * self.channels

    @property
    def weights_bytes(self) -> int:
        return 4 * int(self.weights.size) + 4 * int(self.weights.shape[0])

    def output_type(self, *inputs: TensorType) -> TensorType:
        x = inputs[0]
        if x.dtype != BITS_DTYPE or x.shape[2] != self.weights.shape[3]:
            raise ModelError("EW-OP-SHAPE", f"binary weights {self.weights.shape} do not fit {x}")
        size = output_size(x.shape, self.window, self.stride, self.dilation, self.padding)
        if len(inputs) == 2:
            factor = inputs[1]
            fits = factor.shape in ((1, 1, 1), (*size, 1)) and factor.dtype == "int32"
            if not fits or self.requantize is None or self.fraction_bits:
                raise ModelError("EW-OP-SHAPE", f"factors {factor} do not fit an output of {size}")
        if self.requantize is None:
            return bits_type((*size, self.weights.shape[0]))
        return TensorType((*size, self.weights.shape[0]), "int8", self.requantize.output)

    def input_rows(self, out_row: int, *inputs: TensorType) -> tuple[range, ...]:
        first = window_rows(out_row, self.window[0], self.stride[0], self.dilation[0], self.padding)
        factors = (range(1) if x.shape[0] == 1 else range(out_row, out_row + 1) for x in inputs[1:])
        return (first, *factors)

    def macs(self, *inputs: TensorType) -> int:
        size = output_size(inputs[0].shape, self.window, self.stride, self.dilation, self.padding)
        return int(size[0] * size[1] * self.weights.shape[0] * self.depth)

    @property
    def pixelwise(self) -> bool:
        return False  # Border handling and factors go by rows.

    def row_kernel(self, cpu: CpuClass, *inputs: TensorType) -> RowKernel:
        from edgewright.targets.codegen.kernels.binary_convolution import binary_convolution_kernel

        return binary_convolution_kernel(self, cpu, *inputs)

    def strip(self, columns: range, *inputs: TensorType) -> tuple[OpKind, tuple[range, ...]] | None:
        found = window_strip(
            columns, inputs[0].shape[1], self.window[1], self.stride[1], self.dilation[1], self.padding
        )
        if found is None:
            return None
        factors = (range(1) if x.shape[1] == 1 else columns for x in inputs[1:])
        return replace(self, padding=found[1]), (found[0], *factors)

    def sums(self, x: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
        """Sums of all windows: uint32 [H, W, words] -> int64 [H', W', O]."""
        signs = pad_border(unpack_signs(x, self.channels), self.padding, self.pad_sign)
        views = window_views(signs, self.window, self.stride, self.dilation)
        rows, columns = views.shape[:2]
        # Sums are at most `depth`: exact in single precision BLAS, which is much faster than integers.
        matrix = views.reshape(rows * columns, -1).astype(np.float32)
        weights = unpack_signs(self.weights, self.channels).reshape(len(self.weights), -1).astype(np.float32)
        return (matrix @ weights.T).astype(np.int64).reshape(rows, columns, -1)

    def golden(self, *inputs: Array) -> Array:
        sums = self.sums(inputs[0])
        if self.thresholds is not None:
            return pack_bits(sums >= self.thresholds)
        assert self.requantize is not None
        scaled = sums * inputs[1].astype(np.int64) if len(inputs) == 2 else sums << self.fraction_bits
        return self.requantize.apply_twice(scaled)
