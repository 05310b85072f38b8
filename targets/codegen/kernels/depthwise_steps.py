"""Requantization of a depthwise layer in two instructions, exact by construction.

Behind an activation that cuts off everything negative, the result of TFLite's two roundings is a step
function of the sum with at most 255 steps, all of them on one line of slope multiplier / 2^(31 + s).
So one multiplication, one rounding at the end and a saturation can give the same bytes:

    A = (sum of (x - zero point) * w << scale) + offset
    y = ssat8(((A * multiplier + addend * 2^32) >> 32) >> shift)

with one `shift` for all channels of the layer, so that it stands in the SSAT instruction. For every
channel, multiplier, offset and addend are chosen such that every step stays at its place; where no
choice does, the layer does not take this form.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.depthwise import DepthwiseConv2D

Int64Array = npt.NDArray[np.int64]

# The most a weight is scaled by, as a power of two: int8 times this fits a halfword.
MOST_SCALE = 8
# All products of the search fit 64 bits while the shift is not larger than this.
MOST_SHIFT = 20
# What suits nearly all layers, so that they have the same instructions.
COMMON_SHIFT = 8
# Offsets are small; they lie in the upper half of a word whose lower half is a weight.
OFFSETS = np.array(sorted(range(-8192, 8192), key=abs), np.int64)
# Multipliers beside the nearest one, which may have more room.
NEAR = (0, *(sign * n for n in range(1, 17) for sign in (1, -1)))
# Of a biased sum: the two roundings of larger ones wrap.
MOST_SUM = 1 << 30


@dataclass(frozen=True, eq=False)
class Steps:
    """Constants of the two-instruction requantization of a layer.

    Args:
        shift: Of the layer, 1 .. 20.
        scale: int64 [C], powers of two the weights are scaled by.
        multiplier: int64 [C], 0 .. 2^31 - 1.
        offset: int64 [kinds, C], upper halves of the words that are added to the sums.
        addend: int64 [kinds, C].
    """

    shift: int
    scale: Int64Array
    multiplier: Int64Array
    offset: Int64Array
    addend: Int64Array


def find_steps(op: DepthwiseConv2D, lower: Int64Array) -> Steps | None:
    """Constants of a layer, or None where the form is not exact.

    Args:
        op: The layer; multiplier 1.
        lower: int64 [kinds, C], weights that fill the lower halves of the words whose upper halves are the
            offsets: the whole word is added to the sum.
    """
    call = op.requantize
    weights = op.weights.reshape(-1, op.weights.shape[2]).astype(np.int64)
    dead = np.abs(weights).sum(axis=0) == 0
    right = np.where(dead, MOST_SHIFT, -call.shift.astype(np.int64))
    if call.clamp != (-128, 127) or call.output.zero_point != -128 or (right < 1).any() or (right > 24).any():
        return None
    shift = int(min(MOST_SHIFT, (right + MOST_SCALE - 1).min()))
    # All weights scaled alike need fewer bytes (`planes_compact.py`); single scales keep more of the slopes.
    alike, single = np.full_like(right, MOST_SCALE), np.clip(shift + 1 - right, 0, MOST_SCALE)
    ways = ((alike, min(COMMON_SHIFT, shift)), (alike, shift), (single, shift))
    found = (_find(op, lower, scale, downwards) for scale, downwards in ways)
    return next((steps for steps in found if steps is not None), None)


def _find(op: DepthwiseConv2D, lower: Int64Array, scale: Int64Array, shift: int) -> Steps | None:
    """Constants for given powers of two the weights are scaled by."""
    call = op.requantize
    weights = op.weights.reshape(-1, op.weights.shape[2]).astype(np.int64)
    dead = np.abs(weights).sum(axis=0) == 0
    right = np.where(dead, MOST_SHIFT, -call.shift.astype(np.int64))
    # The slope, m / 2^(31 + s), in units of 2^-(32 + shift) of a result and 2^-scale of a sum.
    down = right + scale - shift - 1
    multiplier = (call.multiplier.astype(np.int64) + ((np.int64(1) << down) >> 1)) >> down
    multiplier[dead] = 0
    offset, addend = np.zeros(lower.shape, np.int64), np.zeros(lower.shape, np.int64)
    for c in range(weights.shape[1]):
        words = [(OFFSETS << 16) + (int(v[c] << scale[c]) & 0xFFFF) for v in lower]
        for near in (0,) if dead[c] else NEAR:
            factor = min(max(int(multiplier[c]) + near, 0), (1 << 31) - 1)
            slope = factor << int(scale[c])
            interval = _constant(op, c, shift) if dead[c] else _interval(op, weights[:, c], c, slope, shift)
            places = [_place(interval, word, factor) for word in words] if interval else [None]
            found = [place for place in places if place is not None]
            if len(found) == len(lower):
                multiplier[c] = factor
                offset[:, c], addend[:, c] = zip(*found, strict=True)
                break
        else:
            return None
    return Steps(shift, scale, multiplier, offset >> 16, addend)


def _constant(op: DepthwiseConv2D, channel: int, shift: int) -> tuple[int, int, int]:
    """`_interval` of a channel whose weights are all zero."""
    result = int(op.requantize.apply_twice(np.zeros((1, op.weights.shape[2]), np.int64))[0, channel])
    return result << (32 + shift), (result + 1) << (32 + shift), 0


def _interval(
    op: DepthwiseConv2D, weights: Int64Array, channel: int, slope: int, shift: int
) -> tuple[int, int, int] | None:
    """(lowest constant, the first too large, largest product) of a line that has all steps in place.

    The line is sum * slope + constant, in units of 2^-(32 + shift) of a result. Result i - 128 and above
    belong to sums with sum * m + rounding >= i * 2^(31 + s), i = 1 .. 255: two roundings of what is not
    negative are one.
    """
    call = op.requantize
    m, right, bias = (int(v[channel]) for v in (call.multiplier, -call.shift, call.bias))
    ends = [weights * (x - op.input_zero_point) for x in (-128, 127)]
    # Zero is what a tap outside the tensor adds.
    low = int(np.minimum(np.minimum(*ends), 0).sum())
    high = int(np.maximum(np.maximum(*ends), 0).sum())
    if m == 0 or abs(bias) + max(-low, high) >= MOST_SUM:
        return None
    rounding = bias * m + (1 << 30) + (1 << (30 + right))
    unit = 1 << (32 + shift)
    begin, end = -(1 << 61), 1 << 61
    for i in range(1, 256):
        first = -((rounding - (i << (31 + right))) // m)
        if first <= high:
            begin = max(begin, (i - 128) * unit - max(low, first) * slope)
        if first > low:
            end = min(end, (i - 128) * unit - min(high, first - 1) * slope)
    return (begin, end, max(-low, high) * slope) if begin < end else None


def _place(interval: tuple[int, int, int], words: Int64Array, multiplier: int) -> tuple[int, int] | None:
    """(what is added to the sum, addend) whose constant lies in the interval, or None."""
    begin, end, most = interval
    addends = -((words * multiplier - begin) >> 32)
    constants = words * multiplier + (addends << 32)
    fits = (constants < end) & (np.abs(addends) < 1 << 31) & (np.abs(constants) < (1 << 62) - most)
    found = int(fits.argmax())
    return (int(words[found]), int(addends[found])) if fits[found] else None
