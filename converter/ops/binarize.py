"""Signs of an int8 tensor, packed: the input of a binary layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from edgewright.converter.ops.bits import bits_type, pack_bits
from edgewright.converter.ops.row_by_row import Pixelwise
from edgewright.converter.program import Array, TensorType
from edgewright.errors import ModelError

if TYPE_CHECKING:
    from edgewright.targets.codegen.row_kernel import RowKernel
    from edgewright.targets.cpu import CpuClass


@dataclass(frozen=True, eq=False)
class Binarize(Pixelwise):
    """bit[r, c, k] = x[r, c, k] >= thresholds[k]; int8 [H, W, C] -> uint32 [H, W, ceil(C / 32)].

    Args:
        thresholds: int16 [C], -128 (always +1) .. 128 (never).
    """

    kind: ClassVar[str] = "binarize"

    thresholds: Array

    def __post_init__(self) -> None:
        t = self.thresholds
        if t.dtype != np.int16 or t.ndim != 1 or not t.size or t.min() < -128 or t.max() > 128:
            raise ModelError("EW-OP-WEIGHTS", f"thresholds {t.dtype} {t.shape}, not int16 of -128 .. 128")

    @property
    def weights_bytes(self) -> int:
        return 2 * int(self.thresholds.size)

    def output_type(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        if x.dtype != "int8" or x.shape[2] != self.thresholds.size:
            raise ModelError(
                "EW-OP-SHAPE", f"{self.thresholds.size} thresholds do not fit {x.dtype} {x.shape}"
            )
        return bits_type(x.shape)

    def row_kernel(self, cpu: CpuClass, *inputs: TensorType) -> RowKernel:
        from edgewright.targets.codegen.kernels.binary_input import binarize_kernel

        (x,) = inputs
        return binarize_kernel(self, cpu, x)

    def golden(self, *inputs: Array) -> Array:
        return pack_bits(inputs[0] >= self.thresholds)
