"""Depthwise convolutions 3x3 on planes with code that serves many shapes (`planes_shared.py`).

The planes hold some row pairs of four channels, zeros around the tensor included. Slower than the kernels
that are made for a shape, which need 1 to 3 KB of code for each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.program import Array, TensorType
from edgewright.targets.codegen.kernels.planes_layer import Planes, compact_layer, planes_layer
from edgewright.targets.codegen.kernels.planes_passes import output_rows
from edgewright.targets.codegen.kernels.planes_shared import SLOTS, STEP, SharedRows, turn_pixels
from edgewright.targets.codegen.kernels.planes_text import COLUMN
from edgewright.targets.codegen.kernels.work import Work
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel
from edgewright.targets.cpu import CpuClass

# Functions of the header, and the loops of a kernel, about.
HEADER_CODE = {"ew_planes_fill": 216, "ew_planes_outside": 136, "ew_planes_expand": 160}
LOOPS_CODE = 204


@dataclass(frozen=True, eq=False)
class SharedLayer:
    """A layer as the shared code sees it.

    Args:
        planes: The layer, with int8 weights in flash.
    """

    planes: Planes

    @property
    def stride(self) -> int:
        return self.planes.view.stride

    @property
    def outputs(self) -> int:
        """Output columns."""
        return self.planes.view.outputs

    @property
    def pad(self) -> tuple[int, int]:
        """Rows above, columns on the left."""
        return self.planes.op.padding.top, self.planes.op.padding.left

    @property
    def wide(self) -> int:
        """Columns of the planes that are read."""
        return (self.outputs - 1) * self.stride + 3 - self.pad[1] + self.left

    @property
    def left(self) -> int:
        """Columns of padding on the left in the planes: with stride 1 the code begins behind them."""
        return self.pad[1] if self.stride == 2 else 0

    @property
    def pixels(self) -> int:
        """Output pixels of a turn."""
        return turn_pixels(self.outputs) or 0

    @property
    def columns(self) -> int:
        """Columns of the tensor that are read."""
        return min(self.planes.view.columns, self.wide - self.left)

    @property
    def right(self) -> int:
        """Columns on the right that are outside."""
        return self.wide - self.left - self.columns

    @property
    def rows(self) -> int:
        """Output rows of a group: one of each kind."""
        return 2 if self.planes.both else 1

    @property
    def groups(self) -> int:
        return -(-len(self.planes.windows) // self.rows)

    @property
    def more(self) -> int:
        """Row pairs that a group reads besides one: with two rows the second may begin in the next pair."""
        return 2 if self.planes.both and self.pad[0] else 1

    @property
    def band(self) -> int:
        """Groups whose row pairs the planes hold."""
        return SLOTS - self.more

    @property
    def scratch_bytes(self) -> int:
        # One more column takes what is cleared in vain, and one what every row pair adds.
        return (self.wide + 1) * STEP + COLUMN * (self.groups + self.more)

    def shape(self) -> Array:
        """`ew_planes_shape`: int32 [23]."""
        rows, _, channels = self.planes.x.shape
        unread = self.wide
        border = 0 if self.left else unread, unread - 1 if self.right else unread
        words = STEP // 4
        turns = self.outputs // self.pixels
        out_bytes = self.planes.out_row_bytes
        line = [
            channels | (turns - 1) << 16,
            COLUMN - self.outputs * self.stride * STEP,
            self.rows * out_bytes - self.outputs * channels,
            COLUMN * (self.more - 1),
            out_bytes,
        ]
        expand = [
            *(int(self.planes.zero[:-1], 16), channels, self.columns - 2),
            *(2 * self.planes.row_bytes - self.columns * channels, COLUMN - self.columns * STEP),
        ]
        values = [
            *(channels // 4, self.groups, self.band, self.more, len(self.planes.windows) % self.rows),
            *(self.planes.windows[0].pairs, rows, self.planes.row_bytes, self.rows * out_bytes),
            *(self.wide, self.left * words, border[0] * words, border[1] * words, *expand, *line),
        ]
        return (np.array(values, np.int64) & 0xFFFFFFFF).astype(np.uint32).view(np.int32)

    @property
    def function(self) -> SharedRows:
        """What makes its output rows."""
        odd = self.planes.windows[0].odd
        odds = (odd, not odd)[: self.rows]
        return SharedRows(self.stride, self.pixels, self.pad[1] - self.left, odds, self.planes.view.shift)

    def source(self) -> str:
        """C: the function that makes rows, and the loops around it."""
        core = "dual" if self.planes.cpu.dual_issue else "single"
        make = self.function
        return f"""#ifndef {make.name.upper()}
#define {make.name.upper()}
{make.text()}#endif
static inline void f(const int8_t *x, int8_t *y, const uint32_t *k, const ew_planes_shape *g, uint32_t *v) {{
  ew_planes_layer(x, y, k, v, g, {make.name}, ew_planes_fill_{core});
}}
"""

    def work(self) -> Work:
        """What the layer takes."""
        fours, rows = self.planes.x.shape[2] // 4, len(self.planes.windows)
        bands = -(-self.groups // self.band)
        pairs = self.groups + self.more
        first = self.planes.windows[0].pairs
        whole = min(first + pairs, -(-self.planes.x.shape[0] // 2)) - max(first, 0)
        cleared = (pairs - whole) * self.wide * (1 if bands == 1 else fours)
        turns = self.outputs // self.pixels
        name = f"dw_shared{self.stride}"
        return {
            "dw_shared": 1,
            "dw_shared_pair": fours * pairs,
            "dw_shared_column": fours * whole * 2 * -(-self.columns // 2),
            "dw_shared_cleared": cleared,
            f"{name}_call": fours * bands,
            f"{name}_row": 4 * fours * rows,
            f"{name}_turn": 4 * fours * rows * turns,
            f"{name}_output": 4 * fours * rows * self.outputs,
        }


def shared_kernels(op: DepthwiseConv2D, cpu: CpuClass, x: TensorType) -> tuple[RowKernel, ...]:
    """Kernels of a whole layer with shared code; none where they do not apply."""
    windows = output_rows(x.shape[0], op.output_type(x).shape[0], op.stride[0], op.padding.top)
    planes = planes_layer(op, cpu, x, windows)
    made = None if planes is None else compact_layer(planes)
    if made is None or op.stride not in ((1, 1), (2, 2)) or made.both != (op.stride == (1, 1)):
        return ()
    layer = SharedLayer(made)
    if not layer.pixels or layer.pad[1] > 1 or layer.right > 1 or layer.columns < 2 or x.shape[2] >= 1 << 16:
        return ()
    make = layer.function
    kernel = RowKernel(
        family=f"planes3x3_shared{layer.stride}",
        script="",
        source=layer.source(),
        arguments=("rows[0]", "out", "c[0]", "c[1]", "scratch"),
        inputs=(RowInput(rows=1, row_bytes=x.size_bytes),),
        out_rows=1,
        out_row_bytes=op.output_type(x).size_bytes,
        constants=(made.words, layer.shape()),
        headers=("ew_planes_shared_dsp.h",),
        scratch_bytes=layer.scratch_bytes,
        code_bytes=LOOPS_CODE,
        shared_code={**HEADER_CODE, make.name: make.code_bytes},
        variant="planes, shared code",
        reason="int16 planes, two rows in a word, one function for all shapes",
        work=layer.work(),
    )
    return (kernel,)
