"""Rounding of weights with error feedback, so that the layer's output changes least.

    minimize  || X W^T - X Q^T ||^2  =  sum over rows of (w - q)^T H (w - q),   H = X^T X

Columns are rounded one after the other; the error of each is passed on to the columns not rounded yet, in
proportion to the Cholesky factor of the inverse of H. Frantar et al., GPTQ, ICLR 2023, after LeCun et al.,
Optimal Brain Damage, and Hassibi and Stork, Optimal Brain Surgeon.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgewright.converter.program import Array
from edgewright.quantize.formats import WeightsFormat
from edgewright.quantize.round_weights import best_scales

Doubles = npt.NDArray[np.float64]

# Added to the diagonal of H, relative to its mean: more where few samples were seen.
DAMPING = 0.01
# Columns whose errors reach the rest of the matrix at once.
BLOCK = 64
# Repetitions of: round, fit the scales to the levels.
ROUNDS = 3


@dataclass(frozen=True, eq=False)
class Factored:
    """Second moments ready for rounding; the same for all formats of a layer.

    Args:
        damped: H with something added to its diagonal, [G, K, K].
        order: Columns by importance, the largest first, [G, K].
        factor: Upper triangular U with U^T U = inverse of the damped H in that order.
    """

    damped: Doubles
    order: Array
    factor: Doubles


def round_with_feedback(
    rows: Doubles, form: WeightsFormat, moments: Doubles | Factored, rounds: int = ROUNDS
) -> tuple[Array, Doubles]:
    """Levels and scales of a layer.

    Args:
        rows: Weights [O, K]; with groups, output channels of a group follow each other.
        form: Their levels.
        moments: Second moments of the inputs a group of weights meets, [G, K, K], factored or not.
        rounds: How often the weights are rounded, each time with scales fitted to the levels before.

    Returns:
        Levels int8 [O, K]; scales [O].
    """
    prepared = factored(moments)
    damped, order, factor = prepared.damped, prepared.order, prepared.factor
    groups, depth = order.shape
    grouped = rows.reshape(groups, -1, depth)
    importance = np.repeat(np.diagonal(damped, axis1=1, axis2=2), grouped.shape[1], axis=0)
    scales = best_scales(rows, form, importance).reshape(groups, -1)
    best, best_scale = np.zeros(grouped.shape), scales
    least = np.full(scales.shape, np.inf)
    for _ in range(rounds):
        levels = _round(grouped, scales, form, order, factor)
        error = _error(grouped - scales[:, :, None] * levels, damped)
        better = error < least
        best = np.where(better[:, :, None], levels, best)
        best_scale, least = np.where(better, scales, best_scale), np.where(better, error, least)
        product = levels @ damped
        fitted = np.sum(grouped * product, axis=2) / np.maximum(np.sum(levels * product, axis=2), 1e-300)
        scales = np.where(fitted > 0, fitted, scales)
    return best.reshape(rows.shape).astype(np.int8), best_scale.reshape(-1)


def factored(moments: Doubles | Factored) -> Factored:
    """Second moments [G, K, K] ready for rounding.

    More damping where the moments are too close to singular for double precision.
    """
    if isinstance(moments, Factored):
        return moments
    for strength in (1.0, 10.0, 100.0):
        damped = _damped(moments, DAMPING * strength)
        order = np.argsort(-np.diagonal(damped, axis1=1, axis2=2), axis=1)
        with contextlib.suppress(np.linalg.LinAlgError):
            return Factored(damped, order, _inverse_factor(_permuted(damped, order)))
    diagonal = np.eye(moments.shape[1]) * damped
    return Factored(diagonal, order, _inverse_factor(_permuted(diagonal, order)))


def _damped(moments: Doubles, damping: float) -> Doubles:
    depth = moments.shape[1]
    mean = np.trace(moments, axis1=1, axis2=2) / depth
    added = np.maximum(damping * mean, 1e-6 * max(float(mean.max()), 1e-30))
    return np.asarray(moments + added[:, None, None] * np.eye(depth), np.float64)


def _permuted(matrix: Doubles, order: Array) -> Doubles:
    rows = np.take_along_axis(matrix, order[:, :, None], axis=1)
    return np.take_along_axis(rows, order[:, None, :], axis=2)


def _inverse_factor(matrix: Doubles) -> Doubles:
    """Upper triangular U with U^T U = inverse of the matrix."""
    inverse = np.linalg.inv(matrix)
    inverse = (inverse + inverse.transpose(0, 2, 1)) / 2
    return np.asarray(np.linalg.cholesky(inverse).transpose(0, 2, 1), np.float64)


def _error(difference: Doubles, moments: Doubles) -> Doubles:
    """Squared change of the output, [G, O / G]."""
    return np.asarray(np.sum((difference @ moments) * difference, axis=2), np.float64)


def _round(rows: Doubles, scales: Doubles, form: WeightsFormat, order: Array, factor: Doubles) -> Doubles:
    """Levels [G, O / G, K], columns taken in `order`, the most important ones first."""
    depth = rows.shape[2]
    left = np.take_along_axis(rows, np.broadcast_to(order[:, None, :], rows.shape), axis=2)
    levels = np.empty_like(left)
    for begin in range(0, depth, BLOCK):
        end = min(begin + BLOCK, depth)
        errors = np.empty((*left.shape[:2], end - begin))
        for column in range(begin, end):
            current = left[:, :, column]
            levels[:, :, column] = form.nearest(current / scales)
            error = (current - scales * levels[:, :, column]) / factor[:, column, column][:, None]
            left[:, :, column:end] -= error[:, :, None] * factor[:, None, column, column:end]
            errors[:, :, column - begin] = error
        left[:, :, end:] -= errors @ factor[:, begin:end, end:]
    back = np.argsort(order, axis=1)
    return np.take_along_axis(levels, np.broadcast_to(back[:, None, :], rows.shape), axis=2)
