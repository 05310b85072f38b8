"""Any function of one int8 or uint8 element, as a table of 256 entries.

The tables are built in `converter/ops/tables.py`, in the arithmetic of the operator they replace.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from edgewright.converter.ops.channel_links import ChannelLinks, same_channels
from edgewright.converter.ops.requantize import DTYPE_RANGE
from edgewright.converter.ops.row_by_row import Pixelwise
from edgewright.converter.program import Array, Quantization, TensorType
from edgewright.errors import ModelError

if TYPE_CHECKING:
    from edgewright.converter.intervals.reach import Reach
    from edgewright.targets.codegen.row_kernel import RowKernel
    from edgewright.targets.cpu import CpuClass


@dataclass(frozen=True, eq=False)
class Lookup(Pixelwise):
    """y = table[x - smallest value of input_dtype].

    Args:
        table: [256] of `output_dtype`.
        input_dtype: "int8" or "uint8".
        output_dtype: "int8" or "uint8".
        output: Quantization of the result.
        source: Name of the function, e.g. "sigmoid"; it is the op's `kind`.
    """

    in_place_input: ClassVar[int | None] = 0

    table: Array
    input_dtype: str
    output_dtype: str
    output: Quantization
    source: str

    @property
    def kind(self) -> str:  # type: ignore[override]
        return self.source

    @property
    def weights_bytes(self) -> int:
        return int(self.table.nbytes)

    def __post_init__(self) -> None:
        if self.table.shape != (256,) or self.table.dtype != np.dtype(self.output_dtype):
            raise ModelError(
                "EW-OP-SHAPE",
                f"table of {self.source} is {self.table.dtype} {self.table.shape}, not {self.output_dtype}",
            )

    def output_type(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        if x.dtype != self.input_dtype:
            raise ModelError("EW-OP-SHAPE", f"{self.source} of {self.input_dtype} applied to {x.dtype}")
        return TensorType(x.shape, self.output_dtype, self.output)

    def row_kernel(self, cpu: CpuClass, *inputs: TensorType) -> RowKernel:
        from edgewright.targets.codegen.kernels.elementwise import lookup_kernel

        (x,) = inputs
        return lookup_kernel(self, x)

    def reach(self, *inputs: Reach) -> Reach | None:
        from edgewright.converter.intervals.elementwise import lookup_reach

        (x,) = inputs
        return lookup_reach(self, x)

    def channel_links(self, *inputs: TensorType) -> ChannelLinks | None:
        return same_channels(*inputs)

    def channel_parameters(self, *inputs: TensorType) -> tuple[Array, ...] | None:
        return ()

    def golden(self, *inputs: Array) -> Array:
        lowest = DTYPE_RANGE[self.input_dtype][0]
        return self.table[inputs[0].astype(np.int64) - lowest]
