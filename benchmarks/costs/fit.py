"""Least squares with coefficients that are not negative: costs of single things from costs of layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
TOLERANCE = 1e-10


def fit_costs(
    works: Sequence[Mapping[str, float]], costs: Sequence[float], known: Mapping[str, float] | None = None
) -> dict[str, float]:
    """Coefficients c >= 0 that minimize the relative errors: sum over layers of (work . c / cost - 1)^2.

    Args:
        works: Counts by name, one mapping for each layer.
        costs: Measured cost of each layer, all above 0.
        known: Coefficients that are kept.

    Returns:
        All coefficients, the known ones included.
    """
    fixed = dict(known or {})
    names = sorted({name for work in works for name in work} - set(fixed))
    scale = 1 / np.array(costs)
    rest = 1 - scale * [sum(n * fixed.get(name, 0.0) for name, n in work.items()) for work in works]
    a = np.array([[work.get(name, 0.0) for name in names] for work in works]) * scale[:, None]
    norms = np.linalg.norm(a, axis=0)
    norms[norms == 0] = 1.0
    solution = non_negative_least_squares(a / norms, rest) / norms
    return fixed | dict(zip(names, solution.tolist(), strict=True))


def non_negative_least_squares(a: FloatArray, b: FloatArray) -> FloatArray:
    """x >= 0 that minimizes |a x - b| (Lawson and Hanson, Solving Least Squares Problems, 1974, ch. 23).

    Args:
        a: [rows, columns].
        b: [rows].
    """
    columns = a.shape[1]
    x, free = np.zeros(columns), np.zeros(columns, bool)
    for _ in range(10 * columns):
        gradient = a.T @ (b - a @ x)
        gradient[free] = -np.inf
        if gradient.max(initial=-np.inf) <= TOLERANCE:
            break
        free[int(gradient.argmax())] = True
        while True:
            trial = np.zeros(columns)
            trial[free] = np.linalg.lstsq(a[:, free], b, rcond=None)[0]
            if (trial[free] > 0).all():
                break
            bad = free & (trial <= 0)
            step = (x[bad] / (x[bad] - trial[bad])).min()
            x += step * (trial - x)
            free &= x > TOLERANCE
        x = trial
    return x
