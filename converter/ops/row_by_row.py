"""Ops whose row kernel makes one output row a call, from the rows at its place or around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgewright.converter.ops.base import OpKind
from edgewright.converter.program import TensorType

if TYPE_CHECKING:
    from edgewright.targets.codegen.row_kernel import RowKernel
    from edgewright.targets.cpu import CpuClass


@dataclass(frozen=True, eq=False)
class RowByRow(OpKind):
    """An op that has one kernel for layers and streams; only the types it is called with differ."""

    def stream_kernels(self, cpu: CpuClass, *inputs: TensorType) -> tuple[RowKernel, ...] | None:
        return (self.row_kernel(cpu, *inputs),)


@dataclass(frozen=True, eq=False)
class Pixelwise(RowByRow):
    """An op whose output pixel needs the input pixels at its place; single rows and columns are repeated."""

    def input_rows(self, out_row: int, *inputs: TensorType) -> tuple[range, ...]:
        return tuple(range(1) if x.shape[0] == 1 else range(out_row, out_row + 1) for x in inputs)

    @property
    def pixelwise(self) -> bool:
        return True

    def strip(self, columns: range, *inputs: TensorType) -> tuple[OpKind, tuple[range, ...]] | None:
        return self, tuple(range(1) if x.shape[1] == 1 else columns for x in inputs)
