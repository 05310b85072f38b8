"""Depthwise convolutions without DSP instructions: planes of one channel in scratch (`ew_planes_scalar.h`).

The kernel of a layer schedule takes the whole tensor, and spreads every channel once; lines run along the
longer side of the output. The kernel of a stream spreads the rows of one window at a time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.program import TensorType
from edgewright.targets.codegen.kernels.geometry import window_input
from edgewright.targets.codegen.kernels.requantization import epilogue
from edgewright.targets.codegen.kernels.scalar_pairs import finish_arguments, form_text
from edgewright.targets.codegen.kernels.scalar_steps import Steps, find_steps
from edgewright.targets.codegen.kernels.work import Work
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel

# Taps of the unrolled loop of `ew_planes_tile`, and the bytes of code of each.
UNROLLED, TAP_BYTES = 9, 22
# Words a tile may read behind a plane.
SLACK = 3


@dataclass(frozen=True)
class Side:
    """One of the two directions of a depthwise convolution.

    Args:
        inputs, outputs: Of the tensors, along it.
        window, stride, dilation, padding: Padding before the first.
        in_bytes, out_bytes: From one input or output to the next.
    """

    inputs: int
    outputs: int
    window: int
    stride: int
    dilation: int
    padding: int
    in_bytes: int
    out_bytes: int

    @property
    def extent(self) -> int:
        """Inputs that all outputs reach, padding included."""
        return (self.outputs - 1) * self.stride + (self.window - 1) * self.dilation + 1


@dataclass(frozen=True, eq=False)
class Planes:
    """A layer as its kernel computes it.

    Args:
        lines, columns: Directions across and along the lines.
        weights: int8 [O, taps], taps in the order (line, column).
        whole: Whether the kernel takes the tensor; else the rows of a window.
    """

    lines: Side
    columns: Side
    weights: npt.NDArray[np.int8]
    whole: bool

    @property
    def phase_words(self) -> int:
        return -(-self.columns.extent // self.columns.stride)

    @property
    def line_words(self) -> int:
        return self.phase_words * self.columns.stride

    @property
    def plane_lines(self) -> int:
        return self.lines.extent if self.whole else self.lines.window

    @property
    def lines_inside(self) -> int:
        """Lines of the tensor in the plane; all of a window's rows, padding included."""
        a = self.lines
        return max(0, min(a.inputs, a.extent - a.padding)) if self.whole else a.window

    @property
    def scratch_bytes(self) -> int:
        words = 2 * int(self.weights.shape[1]) + 4 * _tiles(self.columns.outputs)
        return 4 * (words + self.plane_lines * self.line_words + SLACK)

    def distances(self) -> npt.NDArray[np.int32]:
        """Bytes in a plane from an output's place to each of its inputs: int32 [taps]."""
        line = np.arange(self.lines.window) * (self.lines.dilation if self.whole else 1)
        column = np.arange(self.columns.window) * self.columns.dilation
        phase, word = column % self.columns.stride, column // self.columns.stride
        words = line[:, None] * self.line_words + phase * self.phase_words + word
        return (4 * words).reshape(-1).astype(np.int32)

    def geometry(self, channels: int, zero_point: int) -> npt.NDArray[np.int32]:
        """The constants of `ew_planes`."""
        a, b = self.lines, self.columns
        taps = self.weights.shape[1]
        return np.array(
            [
                *(self.lines_inside, a.in_bytes if self.whole else 0),
                *(a.padding * self.line_words if self.whole else 0, self.line_words),
                *(self.plane_lines * self.line_words, b.stride, b.stride * b.in_bytes, zero_point),
                *(a.outputs if self.whole else 1, b.outputs, a.out_bytes, b.out_bytes),
                *(a.stride * self.line_words, channels, len(self.weights) // channels, taps),
            ],
            np.int32,
        )

    def phases(self) -> npt.NDArray[np.int32]:
        """The constants of `ew_phase` of every phase: int32 [stride, 3]."""
        side, found = self.columns, []
        for phase in range(side.stride):
            places = phase - side.padding + side.stride * np.arange(self.phase_words)
            inside = places[(places >= 0) & (places < side.inputs)]
            first = int(inside[0]) * side.in_bytes if inside.size else 0
            found.append([first, phase * self.phase_words + int((places < 0).sum()), inside.size])
        return np.array(found, np.int32)


def planes_kernels(op: DepthwiseConv2D, x: TensorType) -> tuple[RowKernel, ...]:
    """The kernel of whole tensors, and that of rows."""
    return _kernel(op, x, _planes(op, x, whole=True)), planes_row_kernel(op, x)


def planes_row_kernel(op: DepthwiseConv2D, x: TensorType) -> RowKernel:
    """The kernel of rows."""
    return _kernel(op, x, _planes(op, x, whole=False))


def _planes(op: DepthwiseConv2D, x: TensorType, *, whole: bool) -> Planes:
    rows, columns, channels = x.shape
    out_rows, out_columns, outputs = op.output_type(x).shape
    (height, width), padding = op.window, op.padding
    down = Side(
        rows,
        out_rows,
        height,
        op.stride[0],
        op.dilation[0],
        padding.top,
        columns * channels,
        out_columns * outputs,
    )
    along = Side(columns, out_columns, width, op.stride[1], op.dilation[1], padding.left, channels, outputs)
    weights = op.weights.transpose(2, 0, 1)
    if whole and _tiles(down.outputs) * along.outputs < _tiles(along.outputs) * down.outputs:
        down, along, weights = along, down, weights.transpose(0, 2, 1)
    return Planes(down, along, np.ascontiguousarray(weights.reshape(outputs, -1)), whole)


def _tiles(outputs: int) -> int:
    return -(-outputs // 4)


def _kernel(op: DepthwiseConv2D, x: TensorType, planes: Planes) -> RowKernel:
    out = op.output_type(x)
    height, width = op.window
    call = epilogue(op.requantize, planes.weights, op.input_zero_point, ("general",))
    steps = find_steps(call, planes.weights, once=False)
    rows = window_input(op, x, op.input_zero_point)
    if planes.whole:
        rows = RowInput(1, x.size_bytes)
    enter = -planes.weights.shape[1] % UNROLLED * TAP_BYTES
    where = "planes of the tensor" if planes.whole else "planes of a window's rows"
    return RowKernel(
        family=f"dw{height}x{width}_{x.shape[1]}x{x.shape[2]}",
        variant=f"channel by channel, {where}",
        script="",
        call=f"ew_planes_{steps.form}",
        arguments=(
            *("rows", "out", "c[0]", "c[1]", "c[2]", "c[3]", "c[4]", "scratch"),
            *(str(enter), finish_arguments(steps)),
        ),
        inputs=(rows,),
        out_rows=1 if planes.whole else out.shape[0],
        out_row_bytes=out.size_bytes if planes.whole else out.row_bytes,
        constants=(
            planes.geometry(x.shape[2], op.input_zero_point),
            planes.phases(),
            planes.distances(),
            planes.weights,
            steps.constants,
        ),
        headers=("ew_planes_scalar.h",),
        scratch_bytes=planes.scratch_bytes,
        reason=f"channel by channel, {where} in scratch, {form_text(steps)}",
        work=_work(planes, steps, x.shape[2]),
    )


def _work(planes: Planes, steps: Steps, channels: int) -> Work:
    outputs, taps = planes.weights.shape
    lines = outputs * (planes.lines.outputs if planes.whole else 1)
    tiles = lines * _tiles(planes.columns.outputs)
    spread = channels * planes.lines_inside
    inside = int(planes.phases()[:, 2].sum())
    return {
        "scalar_planes": 1,
        "scalar_planes_channel": outputs,
        "scalar_planes_weight": outputs * taps,
        "scalar_planes_spread": spread * planes.columns.stride,
        "scalar_planes_word": spread * inside,
        "scalar_planes_border": planes.plane_lines * planes.line_words,
        "scalar_planes_line": lines,
        "scalar_planes_tile": tiles,
        "scalar_planes_tap": tiles * taps,
        # A third piece costs little beside what else an output does.
        f"scalar_planes_{steps.form.replace('steps3', 'steps2')}": lines * planes.columns.outputs,
    }
