"""What the planner knows of an operation: which rows its kernel reads and writes, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgewright.targets.codegen.row_kernel import RowInput


@dataclass(frozen=True)
class ColumnAccess:
    """Which columns of an input a range of output columns needs.

    Args:
        columns: Columns of the input.
        stride: Input columns an output column.
        pad_left: Columns of padding at the left.
        extent: Columns under one output column.
        every: Each output column needs all of them (an input that is repeated).
    """

    columns: int
    stride: int = 1
    pad_left: int = 0
    extent: int = 1
    every: bool = False

    def needed(self, output: range) -> range:
        """Columns inside the tensor."""
        if self.every:
            return range(self.columns)
        first = output.start * self.stride - self.pad_left
        last = (output.stop - 1) * self.stride - self.pad_left + self.extent
        first = min(max(0, first), self.columns - 1)
        return range(first, max(first + 1, min(self.columns, last)))


@dataclass(frozen=True, eq=False)
class RowOp:
    """One kernel of a node, called once for every row it writes.

    Args:
        node: Name of the node; empty for the rows of an input that the application pushes.
        part: 1 for the kernel that finishes accumulated sums, else 0.
        inputs: Names of the values read; None for constants in flash.
        views: How the kernel walks over the rows of each.
        output: Name of the value written; sums that are accumulated are `<node>:sums`.
        out_rows: Number of calls.
        out_row_bytes: Bytes one call writes.
        out_columns: Columns of an output row.
        scratch_bytes: Scratch memory of the kernel.
        constant_bytes: Constants of the kernel.
        functions: Functions it needs and their bytes, own ones and ones that other kernels use too.
        cycles: Estimated cycles of a call.
        fixed_cycles: The part of them that does not depend on the number of columns.
        macs: Multiply-accumulates of a call.
        accumulates: All calls add to the same output row.
        leads: For each input, how far below it the output may begin; only for whole-tensor forms.
        columns: For each input, which columns are needed; None where the op cannot run in strips.
        variant: Of a whole-tensor form its index among those of the node; of a streamed one 0 for the fastest
            kernel, else 1 + the index of a lean one.
        lean: Slower kernels with less scratch memory, fastest first.
    """

    node: str
    part: int
    inputs: tuple[str | None, ...]
    views: tuple[RowInput, ...]
    output: str
    out_rows: int
    out_row_bytes: int
    out_columns: int
    scratch_bytes: int = 0
    constant_bytes: int = 0
    functions: Mapping[str, int] = field(default_factory=dict)
    cycles: float = 0.0
    fixed_cycles: float = 0.0
    macs: float = 0.0
    accumulates: bool = False
    leads: tuple[int | None, ...] = ()
    columns: tuple[ColumnAccess, ...] | None = None
    variant: int = 0
    lean: tuple[RowOp, ...] = ()

    @cached_property
    def windows(self) -> tuple[tuple[list[int], list[int]], ...]:
        """For each input, first row and end of the rows each output row reads."""
        found = []
        for view in self.views:
            # Windows that lie in the padding need no rows.
            rows = [view.window_rows(r) or range(0) for r in range(self.out_rows)]
            found.append(([r.start for r in rows], [r.stop for r in rows]))
        return tuple(found)
