"""Requantization in two to four instructions on DSP cores: rounding and zero point folded into one addend."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.requantize import Requantize
from edgewright.targets.codegen.kernels.dead_channels import Int32Array, settle_dead_channels

# The addend of a folded requantization stays below 2^30, so that it never overflows with the product.
MAX_FOLDED_SHIFT = 22
# Right shift of form "step", where the channels' own are not smaller. SSAT shifts by a constant of the
# instruction: layers of the same one share code. Larger ones keep more bits of the multipliers, but fewer
# layers have only channels with shifts that large.
STEP_SHIFT = 6
# Offsets of the doubled accumulator that are tried to put all steps in their places.
STEP_OFFSETS = 1 << 17
# Multipliers tried on each side of the nearest one.
STEP_SPAN = 24


@dataclass(frozen=True, eq=False)
class FoldedEpilogue:
    """Requantization of doubled accumulators a on DSP cores, rounding and zero point in one addend c.

        relu     ssat(smmlar(a, m, c) >> s)                rounds twice, zero point -128
        linear   ssat(smmlar(a, m, c + (a >> 31)) >> s)    rounds twice
        once     ssat(smmla(a, m, c) >> s)                 rounds once
        step     ssat(smmla(a, m, c) >> s)                 the same s for all channels (`stepped`)

    With |accumulator| < 2^30, smmlar(2 * accumulator, m, 0) is the doubling high multiplication. Its
    rounding division by 2^s, halves away from zero, is ((v - (v < 0)) + 2^(s-1)) >> s, and adding the zero
    point to the quotient is adding zero point * 2^s before. v < 0 and accumulator < 0 differ only where v is
    0, which gives 0 either way. With zero point -128 negative v clamp to -128, with and without their term.
    One rounding: smmla is floor(accumulator * m / 2^31) + c, and the floor of a floor is that of the whole.

    Args:
        bias: int32 [O], doubled; the input zero point is folded in.
        multiplier: int32 [O].
        addend: int32 [O], 2^(s-1) + zero point * 2^s.
        shift: int32 [O], s >= 1.
        form: "relu", "linear", "once" or "step".
        low, high: Of the output.
        dead: bool [O], channels whose weights are all zero.
    """

    bias: Int32Array
    multiplier: Int32Array
    addend: Int32Array
    shift: Int32Array
    form: str
    low: int
    high: int
    dead: npt.NDArray[np.bool_]

    @property
    def full(self) -> bool:
        """Whether the clamp is that of int8."""
        return (self.low, self.high) == (-128, 127)

    @property
    def common_shift(self) -> int:
        """The shift of form "step"; 0 of the others."""
        return int(self.shift[0]) if self.form == "step" else 0


def folded_epilogue(
    requantize: Requantize, weights: npt.NDArray[np.int8], input_zero_point: int, *, once: bool
) -> FoldedEpilogue | None:
    """The folded requantization of a layer; None where sums reach 2^30, or shifts go to the left.

    Args:
        requantize: The layer's parameters.
        weights: int8, output channel first (any further dimensions).
        input_zero_point: Folded into the bias: sum (x - z) w = sum x w - z sum w.
        once: Whether the layer rounds once.
    """
    flat = weights.reshape(weights.shape[0], -1).astype(np.int64)
    bias = requantize.bias.astype(np.int64) - input_zero_point * flat.sum(axis=1)
    bias, multiplier, shift = settle_dead_channels(requantize, weights, bias, once=once)
    bound = np.abs(bias) + 128 * np.abs(flat).sum(axis=1)
    if not ((shift <= -1) & (shift >= -MAX_FOLDED_SHIFT) & (bound < (1 << 30) - STEP_OFFSETS)).all():
        return None
    right = -shift.astype(np.int64)
    zero_point = requantize.output.zero_point
    addend = (np.int64(1) << (right - 1)) + (np.int64(zero_point) << right)
    form = "once" if once else "relu" if zero_point == -128 else "linear"
    return FoldedEpilogue(
        bias=_int32(2 * bias),
        multiplier=_int32(multiplier),
        addend=_int32(addend),
        shift=_int32(right),
        form=form,
        low=requantize.clamp[0],
        high=requantize.clamp[1],
        dead=np.abs(flat).sum(axis=1) == 0,
    )


def _int32(values: npt.ArrayLike) -> Int32Array:
    return np.asarray(values, np.int32)


def stepped(call: FoldedEpilogue) -> FoldedEpilogue:
    """The same function of form "step", where all its steps can be put in the same places; else as it is.

    Before the clamp, result v begins at accumulator t(v) = ceil((v * 2^(31+s) - 2^(30+s) - r) / m), for v
    of either sign where the layer rounds once (r = 0), for v > 0 with zero point -128 (r = 2^30 from the
    first rounding; what is not above 0 clamps). (2 t + o) * m' + c * 2^32, shifted by s', has its steps there
    if

        max (v * 2^(32+s') - 2 t(v) m')  <=  o * m' + c * 2^32  <  min (v * 2^(32+s') - 2 (t(v) - 1) m')

    which is searched for over o, and m' near m * 2^(s'-s).
    """
    if call.form not in ("relu", "once"):
        return call
    common = min(STEP_SHIFT, int(call.shift.min(initial=STEP_SHIFT, where=~call.dead)))
    zero_point = _zero_point(call)
    found = [
        # A dead channel's bias is 8 * (output - zero point), which becomes the addend.
        (0, -int(b), int(b) // 8 << common)
        if dead
        else _step_constants(int(m), int(s), common, zero_point, once=call.form == "once")
        for b, m, s, dead in zip(call.bias, call.multiplier, call.shift, call.dead, strict=True)
    ]
    if any(f is None for f in found):
        return call
    multiplier, offset, addend = (np.array(v, np.int64) for v in zip(*(f for f in found if f), strict=True))
    addend += zero_point << common
    bias = call.bias + offset
    if (np.abs(bias) >= 1 << 30).any():
        return call
    shift = np.full(len(bias), common)
    return replace(
        call,
        bias=_int32(bias),
        multiplier=_int32(multiplier),
        addend=_int32(addend),
        shift=_int32(shift),
        form="step",
    )


def any_zero_point(call: FoldedEpilogue) -> FoldedEpilogue:
    """The same function in form "linear", which has that of form "relu" as a case."""
    return replace(call, form="linear") if call.form == "relu" else call


def _zero_point(call: FoldedEpilogue) -> int:
    shift = int(call.shift[0])
    return (int(call.addend[0]) - (1 << (shift - 1))) >> shift


@lru_cache(maxsize=1 << 16)
def _step_constants(
    multiplier: int, shift: int, common: int, zero_point: int, *, once: bool
) -> tuple[int, int, int] | None:
    """(multiplier, offset, addend) of a channel; None where the search finds none."""
    scaled = (multiplier + (1 << (shift - common) >> 1)) >> (shift - common)
    lowest = -127 - zero_point if once else 1
    value = np.arange(lowest, 128 - zero_point, dtype=np.int64)
    if multiplier == 0 or not len(value):
        return None
    # Accumulators stay below 2^30: steps beyond do not exist, and products below fit in 64 bits.
    twice = 0 if once else 1 << 30
    first = -((-(value << (31 + shift)) + (1 << (30 + shift)) + twice) // multiplier)
    kept = np.abs(first) <= 1 << 30
    value, first = value[kept], first[kept]
    if not len(value):
        return None
    offsets = np.arange(STEP_OFFSETS, dtype=np.int64)
    for near in sorted(range(-STEP_SPAN, STEP_SPAN + 1), key=abs):
        m = scaled + near
        low = int(((value << (32 + common)) - 2 * first * m).max())
        high = int(((value << (32 + common)) - 2 * (first - 1) * m).min())
        if not (0 < m < 1 << 31) or low >= high:
            continue
        addends = (high - 1 - offsets * m) >> 32
        good = np.flatnonzero(offsets * m + (addends << 32) >= low)
        if good.size:
            return m, int(offsets[good[0]]), int(addends[good[0]])
    return None
