"""Weights of 3x3 depthwise layers on planes as they lie in flash with their eight bits, six words a channel.

Where every weight is scaled by 2^8, a halfword of a register is a byte of flash and a zero byte, so words
of two weights come out of words of three with a shift and PKHTB. What is added behind the multiplication
follows from that of the windows that begin with an even row:

    addend odd = addend even + ((start even - start odd) * multiplier >> 32) + carry

where the carry, 0 or 1, lies above the 31 bits of the multiplier.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edgewright.targets.codegen.kernels.depthwise_steps import MOST_SCALE, Steps
from edgewright.targets.codegen.kernels.planes_rows import Parity

# Bytes of a channel.
COMPACT_BYTES = 24


def compact_words(
    weights: npt.NDArray[np.int8], steps: Steps, odds: Sequence[bool]
) -> npt.NDArray[np.uint32] | None:
    """Words of each channel, or None where weights are scaled otherwise: uint32 [C, 6].

    For each kernel column k the bytes w[2, k], w[0, k], 0, w[1, k]; offsets of odd windows below those of
    even ones; the carry above the multiplier; the addend.

    Args:
        weights: int8 [3, 3, C].
        steps: Their requantization, for the lower weights of `odds`.
        odds: Which windows there are.
    """
    if (steps.scale != MOST_SCALE).any():
        return None
    w = weights.astype(np.int64)
    bytes_ = w & 0xFF
    words = [bytes_[2, k] | (bytes_[0, k] << 8) | (bytes_[1, k] << 24) for k in range(3)]
    carry = np.zeros_like(steps.multiplier)
    if len(odds) == 2:
        starts = (steps.offset << 16) + ((np.stack([w[2, 2], w[0, 2]]) << MOST_SCALE) & 0xFFFF)
        carry = steps.addend[1] - steps.addend[0] - (((starts[0] - starts[1]) * steps.multiplier) >> 32)
        assert ((carry == 0) | (carry == 1)).all(), "both addends are the least that reach the same interval"
        offsets = steps.offset[1] & 0xFFFF | (steps.offset[0] << 16)
    else:
        offsets = steps.offset[0] & 0xFFFF | (steps.offset[0] << 16)
    found = [*words, offsets, steps.multiplier | (carry << 31), steps.addend[0]]
    return np.ascontiguousarray((np.stack(found, axis=1) & 0xFFFFFFFF).astype(np.uint32))


def compact_load(parity: Parity, *, both: bool) -> list[str]:
    """Instructions that load the words of a channel, to which r2 points, and unpack them.

    Args:
        parity: Where they go.
        both: The layer has both kinds of windows.
    """
    columns, spare = parity.full, parity.words[1]
    # The registers of a load ascend.
    offset = parity.sums[1] if parity.odd and both else parity.single[1]
    loaded = ", ".join((*columns, offset, parity.multiplier, parity.addend))
    load = f"ldm r2, {{{loaded}}}"
    if parity.odd:
        return [load, *_odd(parity, offset, spare, both=both)]
    return [load, *_even(parity, spare), *([f"bic {parity.multiplier}, #0x80000000"] if both else [])]


def _even(parity: Parity, spare: str) -> list[str]:
    """Rows 0 and 1 in a word."""
    columns, (third, start) = parity.full, parity.single
    lines = [f"lsl {third}, {columns[1]}, #24", f"lsl {spare}, {columns[0]}, #24"]
    lines += [f"pkhtb {third}, {third}, {spare}, asr #16", f"lsl {spare}, {columns[2]}, #24"]
    return [*lines, f"pkhtb {start}, {start}, {spare}, asr #16", *(f"bic {c}, #0xff" for c in columns)]


def _odd(parity: Parity, offset: str, spare: str, *, both: bool) -> list[str]:
    """Rows 1 and 2 in a word."""
    columns, (third, start), multiplier = parity.full, parity.single, parity.multiplier
    lines = [f"pkhbt {third}, {columns[0]}, {columns[1]}, lsl #16", f"bic {third}, #0x00ff00ff"]
    lines += [f"bic {spare}, {columns[2]}, #0xff", f"pkhbt {start}, {spare}, {offset}, lsl #16"]
    for column in columns:
        lines += [f"lsl {spare}, {column}, #24", f"pkhtb {column}, {spare}, {column}, asr #16"]
    if not both:
        return lines
    # The start of even windows less that of odd ones.
    lines += [f"pkhtb {offset}, {offset}, {columns[2]}, asr #16", f"sub {offset}, {start}"]
    lines += [f"add {parity.addend}, {parity.addend}, {multiplier}, lsr #31"]
    lines += [f"bic {multiplier}, #0x80000000"]
    return [*lines, f"smmla {parity.addend}, {offset}, {multiplier}, {parity.addend}"]
