"""A convolution or fully connected layer as the wide kernels see it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.program import Array, TensorType
from edgewright.targets.codegen.kernels.folded_requantization import (
    STEP_SHIFT,
    FoldedEpilogue,
    any_zero_point,
    folded_epilogue,
    stepped,
)
from edgewright.targets.codegen.kernels.geometry import (
    Geometry,
    pixel_geometry,
    window_geometry,
    window_input,
)
from edgewright.targets.codegen.row_kernel import RowInput
from edgewright.targets.cpu import CpuClass

# Where weights are int16: what is said of it, by the names that the kernels use.
PLACES = {
    "flash": "int16 weights in flash",
    "ram": "int8 weights, int16 in RAM",
    "loop": "int8 weights",
}


@dataclass(frozen=True, eq=False)
class WideLayer:
    """A layer that wide tiles can compute.

    Args:
        family: Start of the symbols of kernels that are like no other's.
        weights: int8 [O, kh, kw, C / groups], at least two output channels in a group.
        geometry: What one output row reads.
        call: Requantization.
        shared: Requantizations of code that layers share, the fastest first.
        view: Rows the driver passes to a kernel that takes rows.
        out_rows: Output rows.
        dual_issue: Of the core.
    """

    family: str
    weights: npt.NDArray[np.int8]
    geometry: Geometry
    call: FoldedEpilogue
    shared: tuple[FoldedEpilogue, ...]
    view: RowInput
    out_rows: int
    dual_issue: bool

    @property
    def total(self) -> int:
        """Output channels of all groups."""
        return int(self.weights.shape[0])

    @property
    def out_row_bytes(self) -> int:
        return self.geometry.out_columns * self.total

    @property
    def tensor(self) -> RowInput:
        """The whole input at once."""
        return RowInput(1, self.view.rows * self.view.row_bytes)

    @property
    def in_order(self) -> bool:
        """Whether pixels are read in the order in which they are written, each once."""
        g, v = self.geometry, self.view
        single = g.height == g.width == g.stride == v.stride == g.groups == 1 and g.pad_left == v.pad_top == 0
        return single and g.out_columns == g.columns

    @property
    def row_lead(self) -> int | None:
        """`RowKernel.lead_bytes` of a kernel that takes rows: set where there is only one."""
        if not self.in_order or self.out_rows > 1:
            return None
        return max(0, self.out_row_bytes - self.view.row_bytes)

    @property
    def whole_lead(self) -> int:
        """That of a kernel that takes the whole tensor.

        Tiles go through the output in order, and a tile is gathered before it is written; its pixels in the
        next row read no row before those of the row it began in.
        """
        row, v = self.out_row_bytes, self.view
        if self.in_order:
            return max(0, self.out_rows * (row - v.row_bytes))
        if self.geometry.groups > 1:  # the input is gone through for every group
            return self.out_rows * row
        return max(
            (r + 1) * row - max(0, r * v.stride - v.pad_top) * v.row_bytes for r in range(self.out_rows)
        )

    @property
    def padding(self) -> Array:
        """The row that stands for those outside the tensor; one byte where there are none."""
        v = self.view
        last = (self.out_rows - 1) * v.stride - v.pad_top + (v.window - 1) * v.dilation
        outside = v.pad_top > 0 or last >= v.rows
        return np.full(v.row_bytes if outside else 1, self.geometry.zero_point, np.int8)


def wide_layer(op: Conv2D | FullyConnected, cpu: CpuClass, x: TensorType) -> WideLayer | None:
    """The layer; None where wide tiles cannot compute it.

    Args:
        op: The layer.
        cpu: CPU class.
        x: Type of its input.
    """
    if cpu.name != "dsp" or op.weight_format != "int8":
        return None
    once = isinstance(op, FullyConnected)
    call = folded_epilogue(op.requantize, op.weights, op.input_zero_point, once=once)
    groups = op.groups if isinstance(op, Conv2D) else 1
    if call is None or len(op.weights) // groups < 2:
        return None
    call, shared = stepped(call), shared_forms(call)
    rows, columns, channels = x.shape
    outputs = len(op.weights)
    if isinstance(op, FullyConnected):
        weights = op.weights.reshape(outputs, 1, 1, channels)
        geometry = pixel_geometry(op, x)
        family = f"fc_{columns}x{channels}_{outputs}"
        view = RowInput(rows, x.row_bytes)
        return WideLayer(family, weights, geometry, call, shared, view, rows, cpu.dual_issue)
    height, width = op.window
    out_rows, _out_columns, _ = op.output_type(x).shape
    geometry = window_geometry(op, x)
    view = window_input(op, x, op.input_zero_point)
    family = f"conv{height}x{width}_{columns}x{channels}_{outputs}"
    return WideLayer(family, op.weights, geometry, call, shared, view, out_rows, cpu.dual_issue)


def shared_forms(call: FoldedEpilogue) -> tuple[FoldedEpilogue, ...]:
    """The requantizations of few forms that give the same results.

    Two forms do for most networks: "step" of one shift, for what is cut off at a zero point of -128 or rounds
    once, and "linear", which is slower, for other zero points, and for all layers of a network that has some.
    """
    found, general = stepped(call), any_zero_point(call)
    if found.form != "step" or found.common_shift != STEP_SHIFT:
        return (general,)
    return (found, general) if general.form == "linear" else (found,)
