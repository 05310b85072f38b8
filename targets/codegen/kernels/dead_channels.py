"""Channels whose weights are all zero, in a form that suits cheap requantization."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.requantize import Requantize

Int32Array = npt.NDArray[np.int32]


def settle_dead_channels(
    requantize: Requantize, weights: npt.NDArray[np.int8], bias: npt.NDArray[np.int64], *, once: bool = False
) -> tuple[npt.NDArray[np.int64], Int32Array, Int32Array]:
    """Re-encode channels whose weights are all zero: their output is a constant.

    Exported models hold such channels with biases up to 2^30 and extreme shifts, which would force
    the general form on the whole layer. With multiplier 2^30 and a right shift of 1, a bias of
    4 (q - zero_point) yields q in every rounding mode.
    """
    multiplier, shift = requantize.multiplier.copy(), requantize.shift.copy()
    dead = ~weights.reshape(weights.shape[0], -1).any(axis=1)
    if dead.any():
        apply = requantize.apply_once if once else requantize.apply_twice
        constant = apply(np.zeros((1, weights.shape[0]), np.int64))[0].astype(np.int64)
        bias = np.where(dead, 4 * (constant - requantize.output.zero_point), bias)
        multiplier[dead], shift[dead] = 1 << 30, -1
    return bias, multiplier, shift
