"""Requantization in 32 bits for cores without long or DSP multiplications (`ew_steps_scalar.h`).

The result of a layer is a function of its sum with at most 255 steps, whatever way it is rounded. With

    y = limit((((a * multiplier) >> bits) + offset) >> shift)

and a multiplier in two or three pieces, it is the same function if all steps are in the same places, as in
`single_rounding`: linear inequalities for the offset, once a multiplier is chosen. Halves are rounded away
from zero, so where zero is no limit of the output, sums below `sign` (those that are negative with their
bias) take another offset.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.fixed_point import Int64Array, multiply_by_quantized_multiplier, multiply_once
from edgewright.targets.codegen.kernels.requantization import Epilogue

Int32Array = npt.NDArray[np.int32]

# Bits of a piece, and the largest shift, which is that of the smallest layers.
PIECES = range(12, 6, -1)
LARGEST_SHIFT = 22
# Multipliers tried on each side of the nearest one.
SPAN = 8
LIMIT = 1 << 31
# (pieces, signed), cheapest first.
FORMS = ((2, False), (3, False), (2, True), (3, True))


@dataclass(frozen=True, eq=False)
class Steps:
    """How sums without bias become int8.

    Args:
        form: Name of the C form: "steps2", "steps3", these with "_signed", "twice" or "once".
        constants: int32 [O, words] of the form.
        piece, shift: Of the forms in 32 bits.
        zero_point, low, high: Of the output.
    """

    form: str
    constants: Int32Array
    piece: int
    shift: int
    zero_point: int
    low: int
    high: int


def find_steps(call: Epilogue, weights: npt.NDArray[np.int8], *, once: bool) -> Steps:
    """The cheapest exact form of a layer.

    Args:
        call: Bias (the input's zero point folded in), multiplier and TFLite shift of every channel.
        weights: int8, output channel first.
        once: Whether the layer rounds once.
    """
    flat = weights.reshape(len(weights), -1).astype(np.int64)
    ends = np.stack([-128 * flat, 127 * flat])
    reach = ends.min(axis=0).sum(axis=1), ends.max(axis=0).sum(axis=1)
    bound = np.maximum(-reach[0], reach[1])
    left = np.maximum(call.shift.astype(np.int64), 0)
    total = (bound + np.abs(call.bias.astype(np.int64))) << np.minimum(left, 32)
    if (total < 1 << 30).all() and int(call.shift.min()) > -31:
        points = _Points.of(call, reach, once)
        for parts, signed in FORMS[: 2 if once else 4]:
            found = _found(points, call, bound, parts, signed)
            if found is not None:
                return found
    general = np.stack([call.bias, call.multiplier, call.shift], axis=1).astype(np.int32)
    return Steps("once" if once else "twice", general, 0, 0, call.zero_point, call.low, call.high)


@dataclass(frozen=True, eq=False)
class _Points:
    """Sums around every step of every channel, and the results there: int64 [O, points]."""

    sums: Int64Array
    results: Int64Array
    negative: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, call: Epilogue, reach: tuple[Int64Array, Int64Array], once: bool) -> _Points:
        bias, multiplier, shift = (
            v.astype(np.int64)[:, None] for v in (call.bias, call.multiplier, call.shift)
        )

        def result(sums: Int64Array) -> Int64Array:
            scaled = (multiply_once if once else multiply_by_quantized_multiplier)(
                sums + bias, multiplier, shift
            )
            return np.clip(scaled + call.zero_point, call.low, call.high)

        lowest, highest = reach[0][:, None], reach[1][:, None]
        values = np.arange(call.low + 1, call.high + 1, dtype=np.int64)[None, :]
        # The smallest sum of each result, by bisection: below is too small, above is large enough.
        below, above = np.broadcast_arrays(lowest - 1, np.broadcast_to(highest + 1, (len(bias), values.size)))
        while (above - below > 1).any():
            middle = (below + above) >> 1
            enough = result(middle) >= values
            below, above = np.where(enough, below, middle), np.where(enough, middle, above)
        sums = np.concatenate([above, above - 1, lowest, highest, -bias, -bias - 1], axis=1)
        sums = np.clip(sums, lowest, highest)
        return cls(sums, result(sums), sums + bias < 0)


def _found(points: _Points, call: Epilogue, bound: Int64Array, parts: int, signed: bool) -> Steps | None:
    """The form with the largest multipliers whose products fit in 32 bits."""
    factor = call.multiplier.astype(np.float64) * 2.0 ** (call.shift.astype(np.float64) - 31)
    results = int(np.ceil((factor * (bound + np.abs(call.bias.astype(np.int64)))).max())) + 512
    shift = min(LARGEST_SHIFT, 31 - results.bit_length())
    pieces = [p for p in PIECES if int(bound.max()) << p < LIMIT]
    if shift < 8 or not pieces:
        return None
    constants = _constants(points, call, factor, parts, pieces[0], shift, signed)
    if constants is None:
        return None
    form = f"steps{parts}{'_signed' if signed else ''}"
    return Steps(form, constants, pieces[0], shift, call.zero_point, call.low, call.high)


def _constants(
    points: _Points,
    call: Epilogue,
    factor: npt.NDArray[np.float64],
    parts: int,
    piece: int,
    shift: int,
    signed: bool,
) -> Int32Array | None:
    """Constants of every channel for a scale; None where a channel has none."""
    bits = piece * (parts - 1)
    nearest = np.rint(factor * 2.0 ** (bits + shift))
    tried = nearest.astype(np.int64) + np.array(sorted(range(-SPAN, SPAN + 1), key=abs))[:, None]
    groups = (~points.negative, points.negative) if signed else (np.ones_like(points.negative),)
    chosen = np.full((len(groups), factor.size), LIMIT, np.int64)
    multiplier = np.zeros(factor.size, np.int64)
    open_channels = np.ones(factor.size, bool)
    for candidate in np.maximum(tried, 0):
        product = (points.sums * candidate[:, None]) >> bits
        spans = [_offsets(points, product, group, call, shift) for group in groups]
        fits = np.all([low <= high for low, high in spans], axis=0)
        fits &= np.all([_in_range(product, (low + high) >> 1) for low, high in spans], axis=0)
        now = open_channels & fits
        multiplier[now] = candidate[now]
        for n, (low, high) in enumerate(spans):
            chosen[n, now] = ((low + high) >> 1)[now]
        open_channels &= ~now
        if not open_channels.any():
            mask = (1 << piece) - 1
            lower = [(multiplier >> (piece * n)) & mask for n in range(parts - 2, -1, -1)]
            words = [multiplier >> bits, *lower, chosen[0]]
            if signed:
                words += [-call.bias.astype(np.int64), chosen[1] - chosen[0]]
            return np.stack(words, axis=1).astype(np.int32)
    return None


def _offsets(
    points: _Points, product: Int64Array, group: npt.NDArray[np.bool_], call: Epilogue, shift: int
) -> tuple[Int64Array, Int64Array]:
    """Smallest and largest offset of each channel that are right at the points of a group."""
    least = np.where(group & (points.results > call.low), (points.results << shift) - product, -LIMIT // 2)
    most = np.where(
        group & (points.results < call.high), ((points.results + 1) << shift) - product, LIMIT // 2
    )
    return least.max(axis=1), most.min(axis=1) - 1


def _in_range(product: Int64Array, offset: Int64Array) -> npt.NDArray[np.bool_]:
    ends = product + offset[:, None]
    return np.asarray((ends.min(axis=1) >= -LIMIT) & (ends.max(axis=1) < LIMIT))
