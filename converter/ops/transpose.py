"""Transposition of any rank, seen through a reshape (TRANSPOSE)."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from edgewright.converter.ops.base import OpKind
from edgewright.converter.program import Array, Shape, TensorType
from edgewright.errors import ModelError

if TYPE_CHECKING:
    from edgewright.converter.intervals.reach import Reach
    from edgewright.targets.codegen.row_kernel import RowKernel
    from edgewright.targets.cpu import CpuClass


@dataclass(frozen=True, eq=False)
class Transpose(OpKind):
    """y = reshape(transpose(reshape(x, view), axes), output_shape).

    Args:
        view: Shape the input's elements are seen as.
        axes: Permutation of the view's axes.
        output_shape: Shape of the result (HWC).
    """

    kind: ClassVar[str] = "transpose"

    view: tuple[int, ...]
    axes: tuple[int, ...]
    output_shape: Shape

    def output_type(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        fits = prod(self.view) == prod(self.output_shape) == x.elements
        if not fits or sorted(self.axes) != list(range(len(self.view))):
            raise ModelError(
                "EW-OP-SHAPE",
                f"transpose view {self.view}, axes {self.axes}, output {self.output_shape} of {x.shape}",
            )
        return TensorType(self.output_shape, x.dtype, x.quantization)

    def row_kernel(self, cpu: CpuClass, *inputs: TensorType) -> RowKernel:
        from edgewright.targets.codegen.kernels.movement import transpose_kernel

        (x,) = inputs
        return transpose_kernel(self, x)

    def reach(self, *inputs: Reach) -> Reach | None:
        from edgewright.converter.intervals.reach import monotone_reach

        return monotone_reach(self, *inputs)

    def golden(self, *inputs: Array) -> Array:
        permuted = inputs[0].reshape(self.view).transpose(self.axes)
        return np.ascontiguousarray(permuted).reshape(self.output_shape)
