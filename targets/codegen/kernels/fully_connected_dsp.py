"""Kernels of fully connected layers (and 1x1 convolutions) of a single pixel on DSP cores.

Every weight is used once, so their unpacking counts most: `ew_fc_dsp.h` takes four products with three
instructions and one load. Two channels lie interleaved in the bytes of a word:

    t = sum over k of (256 a[k] + b[k]) x[k],  s = sum over k of b[k] x[k],  t - s = 256 sum of a[k] x[k]

Where an instruction that loads several words counts as one, weights of 16 bits are offered as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.fixed_point import Int32Array, Int64Array
from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.ops.weight_format import weight_format
from edgewright.converter.program import TensorType
from edgewright.targets.codegen.kernels.function_bytes import CALL_BYTES, functions
from edgewright.targets.codegen.kernels.one_product import OneProduct, one_product, reachable_sums
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel
from edgewright.targets.cpu import CpuClass

# Larger layers may take eight channels at a time, twice the code for a few cycles, but not where an
# instruction that loads several words counts as one.
EIGHT_CHANNELS_WEIGHTS = 4096
# What the micro-kernels read: (bytes of a quad of x, bytes of a weight, words for people).
READS = {
    "long": (8, 2, "int16 weights in flash, input widened once"),
    "wide": (8, 1, "input widened once"),
    "s8": (4, 1, "input read in place"),
}


@dataclass(frozen=True)
class _Shape:
    """How the channels are cut: groups of `channels`, then pairs, over a depth of so many quads."""

    channels: int
    groups: int
    pairs: int
    odd: bool
    quads: int

    @staticmethod
    def of(outputs: int, depth: int, channels: int) -> _Shape:
        groups, rest = divmod(outputs, channels)
        return _Shape(channels, groups, -(-rest // 2), rest % 2 == 1, -(-depth // 4))

    @property
    def main_quads(self) -> int:
        """Quads of the depth that a turn of the main loop takes."""
        return self.channels

    @property
    def filled(self) -> int:
        """Channels, with the one that fills the last pair."""
        return self.groups * self.channels + 2 * self.pairs


def fc_kernels(op: FullyConnected | Conv2D, cpu: CpuClass, x: TensorType) -> tuple[RowKernel, ...]:
    """Kernels of a layer whose weights meet one pixel; none where they do not fit.

    Most channels at a time first, of these the fastest first.

    Args:
        op: int8 weights; convolutions of a 1x1 window over one pixel as well.
        cpu: CPU class.
        x: Type of the input; every pixel is a row of its own, or the only one.
    """
    if cpu.name != "dsp" or weight_format(op.weight_format).packed or not _is_single(op, x):
        return ()
    weights = op.weights.reshape(op.weights.shape[0], -1)
    sums = reachable_sums(weights, op.input_zero_point, op.requantize)
    product = one_product(op.requantize, sums, once=isinstance(op, FullyConnected))
    if product is None:
        return ()
    outputs, depth = weights.shape
    found: list[RowKernel] = []
    for channels in (4,) if cpu.dual_issue or outputs * depth < EIGHT_CHANNELS_WEIGHTS else (8, 4):
        shape = _Shape.of(outputs, depth, channels)
        filled = np.zeros((shape.filled, 4 * shape.quads), np.int64)
        filled[:outputs, :depth] = weights
        reads = ["long"] if cpu.dual_issue else []
        if (256 * filled[0::2] + filled[1::2]).min() >= -(1 << 15):
            reads += ["wide", "s8"] if depth % 4 == 0 else ["wide"]  # in place, whole quads are read
        found += [_kernel(op, cpu, x, shape, filled, product, read) for read in reads]
    return tuple(found)


def _is_single(op: FullyConnected | Conv2D, x: TensorType) -> bool:
    """Whether an output row is one pixel that depends on just one pixel."""
    if isinstance(op, FullyConnected):
        return x.shape[1] == 1
    plain = op.weights.shape[1:3] == (1, 1) and op.groups == 1 and op.stride == (1, 1)
    return plain and x.shape[1] == 1 and op.output_type(x).shape[:2] == x.shape[:2]


def _stream(
    op: FullyConnected | Conv2D, shape: _Shape, filled: Int64Array, product: OneProduct, read: str
) -> Int32Array:
    """The constants in the order of `ew_fc_dsp.h`: int32.

    Args:
        op: Holds the bias.
        shape: How the channels are cut.
        filled: Weights [channels, depth], filled with zeros.
        product: Requantization.
        read: Key of READS.
    """
    bias = np.zeros(shape.filled, np.int64)
    bias[: op.requantize.bias.size] = op.requantize.bias
    starts = bias - op.input_zero_point * filled.sum(axis=1)
    # Rows of weights, one for each channel or pair of channels.
    a_row, rows = 1, filled
    if read != "long":
        a_row, rows = 2, 256 * filled[0::2] + filled[1::2]
        starts[0::2] = 256 * starts[0::2] + starts[1::2]
    # Elements 0 and 2 of a quad in one word, 1 and 3 in the next: [row, quad, 2].
    quads = rows.reshape(len(rows), shape.quads, 4) & 0xFFFF
    words = quads[..., :2] | quads[..., 2:] << 16

    extra = shape.filled - product.factor.size
    own = np.stack([product.factor, product.constant], axis=1).astype(np.int64)
    own = np.pad(own, ((0, extra), (0, 0)), mode="edge")
    parts: list[npt.NDArray[np.int64]] = []
    first = 0
    for channels in [shape.channels] * shape.groups + [2] * shape.pairs:
        last = first + channels
        block = words[first // a_row : last // a_row]
        parts += [starts[first:last], block.transpose(1, 2, 0).reshape(-1)]
        parts += [] if product.shared else [own[first:last].reshape(-1)]
        first = last
    stream = np.concatenate(parts)
    whole = np.concatenate([_header(shape, product, 4 * len(stream), read), stream])
    return whole.astype(np.uint64).astype(np.uint32).astype(np.int32)


def _header(shape: _Shape, product: OneProduct, stream_bytes: int, read: str) -> Int64Array:
    """The words in front: int64 [8]."""
    quad_bytes, weight_bytes, _ = READS[read]
    channel_bytes = 4 + 4 * weight_bytes * shape.quads + (0 if product.shared else 8)
    groups_bytes = shape.groups * shape.channels * channel_bytes
    words = (
        quad_bytes * (shape.quads % shape.main_quads),
        quad_bytes * shape.quads,
        groups_bytes,
        stream_bytes - groups_bytes,
        product.shift,
        product.factor[0],
        product.constant[0],
        stream_bytes if shape.odd else -1,
    )
    return np.array(words, np.int64)


def _kernel(
    op: FullyConnected | Conv2D,
    cpu: CpuClass,
    x: TensorType,
    shape: _Shape,
    filled: Int64Array,
    product: OneProduct,
    read: str,
) -> RowKernel:
    outputs, depth = op.weights.shape[0], x.shape[2]
    kind, widened, words = "shared" if product.shared else "own", read != "s8", READS[read][2]
    call = f"ew_fc_{shape.channels}_{read}_{kind}"
    source = f"""static void f(const int8_t *x, int8_t *y, const int32_t *stream, int16_t *wide) {{
  ew_fc_widen(x, wide, {depth});
  {call}(wide, y, stream);
}}
"""
    return RowKernel(
        family=f"fc_{depth}_{outputs}",
        script="",
        call="" if widened else call,
        source=source if widened else "",
        arguments=("rows[0]", "out", "c[0]") + (("scratch",) if widened else ()),
        # A widened input is read to its end before the first output is written.
        may_alias=widened,
        lead_bytes=0 if widened and x.shape[0] == 1 else None,
        inputs=(RowInput(x.shape[0], x.row_bytes),),
        out_rows=x.shape[0],
        out_row_bytes=outputs,
        constants=(_stream(op, shape, filled, product, read),),
        headers=("ew_fc_dsp.h",),
        scratch_bytes=8 * shape.quads if widened else 0,
        code_bytes=(4 if widened else 1) * CALL_BYTES,
        shared_code=functions(cpu, [call, "ew_fc_widen_quads"] if widened else [call]),
        variant=f"one pixel, {shape.channels} channels, {words}",
        reason=f"one pixel, {shape.channels} channels at a time, {words}",
        work=_work(shape, kind, read),
    )


def _work(shape: _Shape, kind: str, read: str) -> dict[str, float]:
    main, rest = divmod(shape.quads, shape.main_quads)
    group, pair = f"one_pixel_{shape.channels}", "one_pixel_2"
    work: dict[str, float] = {
        f"one_pixel_{read}": 1,
        f"{group}_{kind}": shape.groups,
        f"{group}_main_{read}": shape.groups * main,
        f"{group}_rest_{read}": shape.groups * rest,
        f"{pair}_{kind}": shape.pairs,
        # The main loop over a pair takes four quads a turn.
        f"{pair}_main_{read}": shape.pairs * main * shape.main_quads / 4,
        f"{pair}_rest_{read}": shape.pairs * rest,
    }
    if read != "s8":
        work["one_pixel_widen"] = shape.quads
    return work
