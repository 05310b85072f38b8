"""Depthwise row kernels for Helium that spread the input over strips, one a channel: see `strip_mve`.

A kernel takes one output row, whose lines are spread anew each time, or the whole tensor. Then every line
is spread once, and the run may go along the columns or the rows of the tensor, whichever is longer: rows
of a few pixels leave most of a vector empty.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.ops.weight_format import weight_format
from edgewright.converter.program import TensorType
from edgewright.targets.codegen.kernels.geometry import window_input
from edgewright.targets.codegen.kernels.requantization import Epilogue, epilogue
from edgewright.targets.codegen.kernels.run_mve import finish_form
from edgewright.targets.codegen.kernels.strip_mve import Strip, strip_source
from edgewright.targets.codegen.kernels.work import Work
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel

# Channels a scatter takes at a time, bytes of a vector.
LANES, VECTOR = 8, 16
# Instructions that spread 32, 16 and 8 channels of a pixel.
SPREAD = (11, 7, 8)


@dataclass(frozen=True)
class Axis:
    """One of the two spatial axes: taps, stride, padding before the input, sizes, bytes to the next pixel."""

    taps: int
    stride: int
    pad: int
    size: int
    outputs: int
    step: int
    out_step: int

    @property
    def reach(self) -> int:
        """Pixels from the first to the last that outputs read, padding included."""
        return (self.outputs - 1) * self.stride + self.taps

    @property
    def before(self) -> int:
        """Pixels of padding among them before the input."""
        return min(self.pad, self.reach)

    @property
    def read(self) -> int:
        """Pixels of the input among them: a wide stride may leave out the last ones."""
        return min(self.size, self.reach - self.before)

    @property
    def after(self) -> int:
        """Padding behind the input that the last output reaches."""
        return self.reach - self.before - self.read


def _axes(op: DepthwiseConv2D, x: TensorType) -> tuple[Axis, Axis]:
    """(rows, columns)."""
    out = op.output_type(x).shape
    channels = x.shape[2]
    sizes = ((x.shape[1] * channels, out[1] * channels), (channels, channels))
    pads = (op.padding.top, op.padding.left)
    rows, columns = (
        Axis(op.window[i], op.stride[i], pads[i], x.shape[i], out[i], *sizes[i]) for i in range(2)
    )
    return rows, columns


def _epilogue(op: DepthwiseConv2D) -> tuple[Epilogue, str] | None:
    """Constants and form; None where the kernels do not apply."""
    if op.multiplier != 1 or weight_format(op.weight_format).packed:
        return None
    by_channel = np.ascontiguousarray(op.weights.transpose(2, 0, 1))
    call = epilogue(op.requantize, by_channel, op.input_zero_point, ("general",))
    form = finish_form(call)
    return None if form in (None, "general") else (call, str(form))


def _strip(run: Axis, lines: Axis, at_once: int, form: str, call: Epilogue, *, whole: bool) -> Strip:
    """The strip of a kernel.

    Args:
        run: The axis of the run.
        lines: The other one.
        at_once: Output lines computed at a time.
        form: Requantization.
        call: Its constants.
        whole: For all lines of a tensor.
    """
    passed = _passed(lines, at_once) if whole else 0
    held = lines.taps + (at_once - 1) * lines.stride
    return Strip(
        along=run.taps,
        across=lines.taps,
        stride=(run.stride, lines.stride),
        outputs=(run.outputs, at_once),
        pitch=-(-(held * run.reach + passed) // 4) * 4,
        out_step=(run.out_step, lines.out_step),
        form=form,
        clamp=(call.low, call.high) if form == "bounded" else (-128, 127),
    )


def _passed(lines: Axis, at_once: int) -> int:
    """Bytes by which the taps of the last lines lie behind those of the first ones."""
    return (lines.outputs - at_once) * lines.stride


def _best(strips: list[Strip], lines: int) -> Strip | None:
    """The one that needs the fewest instructions for so many output lines."""
    possible = [s for s in strips if s.possible and s.outputs[1] <= lines]
    return min(possible, key=lambda s: -(-lines // s.outputs[1]) * s.instructions, default=None)


def _stream(weights: npt.NDArray[np.int8], call: Epilogue, strip: Strip) -> npt.NDArray[np.int32]:
    """{bias, multiplier, shift, weights} of every channel, as words.

    Args:
        weights: int8 [along, across, C].
        call: Requantization.
        strip: What the weights are for.
    """
    along, across, channels = weights.shape
    room = np.zeros((channels, strip.weight_bytes), np.int8)
    for j in range(along):
        first = strip.shifts[-1] + j * strip.lines
        room[:, first : first + across] = weights[j].T
    constants = np.stack([call.bias, call.multiplier, call.shift], axis=1).astype(np.int32)
    return np.ascontiguousarray(np.concatenate([constants, room.view(np.int32)], axis=1))


def _geometry(strip: Strip, call: Epilogue, channels: int) -> npt.NDArray[np.int32]:
    """The constants of `ew_strip`."""
    offsets = np.array([strip.place(n)[1] for n in range(8)], np.uint16).view(np.int32)
    zero_points = np.full(8, call.zero_point, np.int16).view(np.int32)
    return np.concatenate([offsets, zero_points, np.array([channels], np.int32)]).astype(np.int32)


def _source(strip: Strip, run: Axis, channels: int, zero_point: int, body: str) -> str:
    spread = (channels, strip.pitch, strip.lines, run.before, run.read, run.after, run.step, zero_point)
    return f"""{strip_source(strip)}static void f(const void *const *rows, const int8_t *k, \
const ew_strip *g, int8_t *t, int8_t *out) {{
  static const ew_spread spread = {{{", ".join(map(str, spread))}}};
{body}}}
"""


def _call(strip: Strip, lines: Axis, *, whole: bool) -> str:
    """C of the lines of a tensor, or of one."""
    if not whole:
        return f"  ew_strip_row_mve({strip.name}, &spread, g, rows, k, t, out);\n"
    sizes = (lines.size, lines.step, lines.pad, lines.outputs, lines.stride, lines.out_step)
    numbers = ", ".join(map(str, (*sizes, strip.outputs[1])))
    return f"  ew_strip_lines_mve({strip.name}, &spread, g, rows[0], k, t, out, {numbers});\n"


def _kernel(
    op: DepthwiseConv2D, x: TensorType, run: Axis, lines: Axis, along: str, *, whole: bool
) -> RowKernel | None:
    """The kernel of one output row, or of the whole tensor."""
    found = _epilogue(op)
    if found is None or (run.taps > 1 and op.dilation[0 if along == "rows" else 1] != 1):
        return None
    if whole and lines.taps > 1 and op.dilation[1 if along == "rows" else 0] != 1:
        return None
    call, form = found
    strips = [_strip(run, lines, n, form, call, whole=whole) for n in ((1, 2, 3) if whole else (1,))]
    strip = _best(strips, lines.outputs if whole else 1)
    if strip is None:
        return None
    channels = x.shape[2]
    rows, columns, _ = op.output_type(x).shape
    source_rows = RowInput(1, x.size_bytes) if whole else window_input(op, x, op.input_zero_point)
    weights = op.weights.transpose(1, 0, 2) if along == "columns" else op.weights
    what = f"whole tensor, runs along {along}" if whole else "rows"
    # The vector of the last taps ends behind its strip.
    last = strip.place(strip.count - 1)[0] + (_passed(lines, strip.outputs[1]) if whole else 0) + VECTOR
    return RowKernel(
        family=f"dw{op.window[0]}x{op.window[1]}_{x.shape[1]}x{channels}",
        script="",
        source=_source(strip, run, channels, op.input_zero_point, _call(strip, lines, whole=whole)),
        arguments=("rows", "(const int8_t *)c[0]", "c[1]", "scratch", "out"),
        # The output may overtake the input, which is read from strips.
        may_alias=True,
        inputs=(source_rows,),
        out_rows=1 if whole else rows,
        out_row_bytes=columns * channels * (rows if whole else 1),
        constants=(_stream(np.ascontiguousarray(weights), call, strip), _geometry(strip, call, channels)),
        headers=("ew_strip_mve.h",),
        scratch_bytes=(channels - 1) * strip.pitch + max(strip.pitch, last),
        code_bytes=strip.code_bytes,
        variant=f"Helium strips, {what}",
        reason=f"Helium, a strip a channel, {what}, {form} requantization",
        lead_bytes=_lead_bytes(strip, run, lines) if whole and along == "columns" else None,
        work=strip_work(strip, run, lines, channels, whole=whole),
    )


def _lead_bytes(strip: Strip, run: Axis, lines: Axis) -> int:
    """How far below the input the output has to begin: rows are spread before an output needs them."""
    lead = 0
    for first in range(0, lines.outputs, strip.outputs[1]):
        written = min(first + strip.outputs[1], lines.outputs)
        read = (written - strip.outputs[1]) * lines.stride + strip.lines - lines.pad
        lead = max(lead, written * lines.out_step - min(read, lines.size) * lines.step)
    return lead


def strip_work(strip: Strip, run: Axis, lines: Axis, channels: int, *, whole: bool) -> Work:
    """Work of one call."""
    passes = -(-lines.outputs // strip.outputs[1]) if whole else 1
    read = (
        min((lines.outputs - 1) * lines.stride + lines.taps - lines.pad, lines.size) if whole else lines.taps
    )
    padded = run.before + run.after
    outside = (lines.pad + lines.after) * run.reach if whole else 0
    blocks = (channels // 32, channels % 32 // 16, -(-(channels % 16) // LANES))
    return {
        "strip": 1,
        "strip_instruction": passes * channels * strip.instructions,
        "spread_line": read + (lines.pad + lines.after if whole else 0),
        "spread_instruction": read * run.read * sum(n * i for n, i in zip(blocks, SPREAD, strict=True)),
        "spread_pad": (read * padded + outside) * -(-channels // LANES),
    }


def depthwise_strip_kernel(op: DepthwiseConv2D, x: TensorType) -> RowKernel | None:
    """Kernel of one output row, for layers and streams; None where it does not apply or is slower."""
    rows, columns = _axes(op, x)
    # Of a few pixels, four channels at a time are faster.
    if columns.outputs < 4:
        return None
    return _kernel(op, x, columns, rows, "columns", whole=False)


def depthwise_mve_kernels(op: DepthwiseConv2D, x: TensorType) -> tuple[RowKernel, ...]:
    """Kernels of the whole tensor."""
    rows, columns = _axes(op, x)
    found = [
        _kernel(op, x, columns, rows, "columns", whole=True),
        _kernel(op, x, rows, columns, "rows", whole=True),
    ]
    return tuple(k for k in found if k is not None)
