"""Winograd's minimal filtering with integers: the matrices, transformed weights and what is exact.

Winograd convolution F(m x m, 3 x 3) computes m x m outputs Y of one channel from n x n inputs X, n = m + 2,
with n x n products instead of 9 m x m:

    s Y s' = A (sum over channels of (B X B^T) * (G W G^T)) A^T

With integer matrices the outputs come times a factor for each of their rows and columns: 2 for m = 2; 24,
12, 6 and 6 for m = 4, where the points are 0, 1, -1, 2, -2 and infinity. All sums may wrap to 32 bits: the
nine is multiplied out by its inverse modulo 2^32, then the power of two shifted out, which leaves the output
itself as long as the output times the power of two fits 32 bits.

Transformed inputs and weights fit int16: B has rows with a sum of magnitudes of at most 10, G of at most 7,
so they stay within 128 * 100 and 128 * 49.

A. Lavin and S. Gray, "Fast Algorithms for Convolutional Neural Networks", 2016, arXiv:1509.09308.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Transform:
    """F(m x m, 3 x 3).

    Args:
        size: m.
        inputs: B, int [n, n].
        weights: G, int [n, 3].
        outputs: A, int [m, n].
        factors: What the rows of the outputs come times, [m].
        bias_factor: What a bias has to be multiplied with to be added at point (1, 1).
        power: The largest power of two in the product of two factors.
    """

    size: int
    inputs: Int64Array
    weights: Int64Array
    outputs: Int64Array
    factors: Int64Array
    bias_factor: int
    power: int

    @property
    def points(self) -> int:
        return int(len(self.inputs) ** 2)


TRANSFORMS = {
    2: Transform(
        2,
        np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, -1, 0, 1]]),
        np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]]),
        np.array([[1, 1, 1, 0], [0, 1, -1, 1]]),
        np.array([2, 2]),
        4,
        2,
    ),
    4: Transform(
        4,
        np.array(
            [
                [4, 0, -5, 0, 1, 0],
                [0, -4, -4, 1, 1, 0],
                [0, 4, -4, -1, 1, 0],
                [0, -2, -1, 2, 1, 0],
                [0, 2, -1, -2, 1, 0],
                [0, 4, 0, -5, 0, 1],
            ]
        ),
        np.array([[6, 0, 0], [1, 1, 1], [1, -1, 1], [1, 2, 4], [1, -2, 4], [0, 0, 6]]),
        np.array([[1, -4, -4, 1, 1, 0], [0, -2, 2, 1, -1, 0], [0, -1, -1, 1, 1, 0], [0, -1, 1, 2, -2, 1]]),
        np.array([24, 12, 6, 6]),
        36,
        6,
    ),
}


def transformed_weights(transform: Transform, weights: npt.NDArray[np.int8]) -> npt.NDArray[np.int16]:
    """G W G^T as the kernels read it: int8 [O, 3, 3, C] -> int16 [O / 2, C / 2, points, 2 of O, 2 of C]."""
    outputs, _, _, channels = weights.shape
    g = transform.weights
    wide = np.einsum("ip,opqc,jq->oijc", g, weights.astype(np.int64), g)
    points = wide.reshape(outputs // 2, 2, transform.points, channels // 4, 2, 2)
    # A word of four channels is taken apart into (0, 2) and (1, 3).
    return np.ascontiguousarray(
        points.transpose(0, 3, 5, 2, 1, 4).reshape(outputs // 2, channels // 2, transform.points, 2, 2)
    ).astype(np.int16)


def plain_weights(weights: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """int8 [O, 3, 3, C] -> [O, C / 4, 9, 4], which is transformed on the device."""
    outputs, _, _, channels = weights.shape
    quads = weights.reshape(outputs, 9, channels // 4, 4)
    return np.ascontiguousarray(quads.transpose(0, 2, 1, 3))


def is_exact(transform: Transform, largest: Int64Array) -> bool:
    """Whether no output of magnitude `largest` [O] (sum with bias) loses its upper bits."""
    return bool((largest < 1 << (31 - transform.power)).all())
