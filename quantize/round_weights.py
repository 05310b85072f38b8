"""Weights to the integers of a format: symmetric, one scale for each output channel."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgewright.converter.program import Array
from edgewright.quantize.formats import WeightsFormat

Doubles = npt.NDArray[np.float64]

# Scales that the search tries, as parts of the one that covers the largest weight.
CANDIDATES = np.linspace(0.2, 1.2, 81)
# Repetitions of: nearest levels for the scale, best scale for the levels.
REFINEMENTS = 3


def largest_scales(rows: Doubles, form: WeightsFormat) -> Doubles:
    """Scales [O] by which the largest level stands for the largest weight.

    A channel of zeros gets the largest of the other channels' scales (1 where all are zero), and a millionth
    of it where no level is zero.
    """
    return _without_zeros(np.abs(rows).max(axis=1) / form.largest, form)


def _without_zeros(scales: Doubles, form: WeightsFormat) -> Doubles:
    useful = scales > np.finfo(np.float32).tiny
    fallback = float(scales.max()) if useful.any() else 1.0
    fallback *= 1.0 if 0 in form.levels else 1e-6
    return np.asarray(np.where(useful, scales, fallback), np.float64)


def best_scales(rows: Doubles, form: WeightsFormat, importance: Doubles | None = None) -> Doubles:
    """Scales [O] of least squared error.

        argmin over s of sum over k of m_k (w_k - s nearest(w_k / s))^2

    Tries `CANDIDATES` and refines the best: for given levels q the best scale is
    s = sum(m w q) / sum(m q^2).

    Args:
        rows: Weights [O, K].
        form: Their levels.
        importance: m, [K] or [O, K], e.g. the mean square of the input each weight meets; ones if None.
    """
    weight = np.ones(rows.shape) if importance is None else np.broadcast_to(importance, rows.shape)
    weight = weight + 1e-6 * weight.mean() + 1e-30
    top = np.abs(rows).max(axis=1) / form.largest
    best, least = _without_zeros(top, form), np.full(len(rows), np.inf)
    starts = [top * c for c in CANDIDATES]
    if form.name in ("binary", "ternary", "int2"):
        starts += [np.abs(rows).mean(axis=1) * c for c in (0.5, 0.75, 1.0, 1.25, 1.5)]
    for start in starts:
        best, least = _better(rows, weight, form, _without_zeros(start, form), best, least)
    for _ in range(REFINEMENTS):
        levels = form.nearest(rows / best[:, None])
        fitted = np.sum(weight * rows * levels, axis=1) / np.maximum(
            np.sum(weight * levels**2, axis=1), 1e-300
        )
        best, least = _better(rows, weight, form, np.where(fitted > 0, fitted, best), best, least)
    return best


def _better(
    rows: Doubles, weight: Doubles, form: WeightsFormat, scales: Doubles, best: Doubles, least: Doubles
) -> tuple[Doubles, Doubles]:
    """Scales and errors of the channels' better choice: `scales` or `best`."""
    levels = form.nearest(rows / scales[:, None])
    error = np.sum(weight * (rows - scales[:, None] * levels) ** 2, axis=1)
    better = error < least
    return np.where(better, scales, best), np.where(better, error, least)


def nearest_levels(rows: Doubles, scales: Doubles, form: WeightsFormat) -> Array:
    """Levels int8 [O, K] nearest to the weights."""
    return form.nearest(rows / scales[:, None]).astype(np.int8)
