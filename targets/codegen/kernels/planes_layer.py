"""A 3x3 depthwise layer with a step requantization, as its kernels on planes see it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.program import TensorType
from edgewright.targets.codegen.kernels.depthwise import depthwise_kernel
from edgewright.targets.codegen.kernels.depthwise_steps import Steps, find_steps
from edgewright.targets.codegen.kernels.planes_compact import compact_words
from edgewright.targets.codegen.kernels.planes_passes import OutputRow, pass_words
from edgewright.targets.codegen.kernels.planes_rows import Columns
from edgewright.targets.codegen.kernels.planes_text import Expansion
from edgewright.targets.cpu import CpuClass


@dataclass(frozen=True, eq=False)
class Planes:
    """A layer on planes.

    Args:
        op, cpu, x: The layer.
        view: Its horizontal part.
        windows: Its output rows.
        steps: Its requantization.
        words: Weights and factors by channel.
        compact: The words are those of `compact_words`.
    """

    op: DepthwiseConv2D
    cpu: CpuClass
    x: TensorType
    view: Columns
    windows: list[OutputRow]
    steps: Steps
    words: npt.NDArray[np.uint32]
    compact: bool = False

    @property
    def both(self) -> bool:
        """Windows begin with even rows as well as with odd ones."""
        return len({w.odd for w in self.windows}) == 2

    @property
    def row_bytes(self) -> int:
        return self.x.row_bytes

    @property
    def out_row_bytes(self) -> int:
        return self.op.output_type(self.x).row_bytes

    @property
    def zero(self) -> str:
        """C of the negated zero point of the input, in both halves of a word."""
        return f"{(-self.op.input_zero_point & 0xFFFF) * 0x10001:#x}u"

    @property
    def expansion(self) -> Expansion:
        """How its row pairs are widened."""
        columns, channels = self.x.shape[1:]
        return Expansion(columns, channels, 2 * self.row_bytes, dual=self.cpu.dual_issue)


def _applies(op: DepthwiseConv2D, cpu: CpuClass, x: TensorType) -> bool:
    return (
        cpu.name == "dsp"
        and op.window == (3, 3)
        and op.dilation == (1, 1)
        and op.multiplier == 1
        and op.weight_format == "int8"
        and x.shape[2] % 4 == 0
        and set(op.stride) <= {1, 2}
    )


def planes_layer(
    op: DepthwiseConv2D, cpu: CpuClass, x: TensorType, windows: list[OutputRow] | None
) -> Planes | None:
    """The layer with these output rows; None where there are none, or where the kernels do not apply."""
    if windows is None or not _applies(op, cpu, x):
        return None
    odds = sorted({w.odd for w in windows})
    lower = np.stack([op.weights[0 if odd else 2, 2] for odd in odds]).astype(np.int64)
    steps = find_steps(op, lower)
    if steps is None:
        return None
    _, columns, channels = x.shape
    outputs = op.output_type(x).shape[1]
    view = Columns(columns, outputs, op.stride[1], op.padding.left, channels, steps.shift)
    if any(view.ends(o)[1] < 0 for o in range(outputs)):
        return None
    return Planes(op, cpu, x, view, windows, steps, pass_words(op.weights, steps, odds))


def compact_layer(layer: Planes) -> Planes | None:
    """The layer with fewer bytes of constants, or None: never more than the usual row kernel has."""
    words = compact_words(layer.op.weights, layer.steps, sorted({w.odd for w in layer.windows}))
    usual = depthwise_kernel(layer.op, layer.cpu, layer.x).constants
    if words is None or words.nbytes > sum(int(c.nbytes) for c in usual):
        return None
    return replace(layer, words=words, compact=True)
