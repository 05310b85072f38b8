"""From what was seen of a tensor to the range that int8 covers: four methods.

Each gets extremes and histogram and returns (low, high) with low <= 0 <= high. A narrower range has finer
steps and clips more.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from edgewright.converter.program import Quantization
from edgewright.errors import ModelError
from edgewright.quantize.calibrate.statistics import Seen

Range = tuple[float, float]
Doubles = npt.NDArray[np.float64]

LEVELS = 256
# Part of the values that percentile cuts off on each side.
TAIL = 1e-4
# Candidates that mse and entropy try on each side.
CANDIDATES = 128
# Below the smallest normal scale the compiler takes, a range is as good as empty.
SMALLEST_SCALE, LARGEST_SCALE = 1e-12, 1e12


def minmax(seen: Seen) -> Range:
    """All of it: [min x, max x]."""
    return seen.low, seen.high


def percentile(seen: Seen) -> Range:
    """Between the quantiles p and 1 - p of the values, p = `TAIL`.

    McKinstry et al., Discovering Low-Precision Networks Close to Full-Precision Networks for Efficient
    Embedded Inference, 2018.
    """
    counts = _counts(seen)
    total = counts.sum()
    if total == 0:
        return minmax(seen)
    edges = np.linspace(seen.low, seen.high, counts.size + 1)
    below, above = np.cumsum(counts), np.cumsum(counts[::-1])
    cut = TAIL * total * (1 + 1e-9)
    low = edges[int(np.searchsorted(below, cut, side="right"))]
    high = edges[counts.size - int(np.searchsorted(above, cut, side="right"))]
    return min(0.0, float(low)), max(0.0, float(high))


def mse(seen: Seen) -> Range:
    """The range of least expected squared error.

        E(l, h) = n(l <= x <= h) s^2 / 12  +  sum over x < l of (l - x)^2  +  sum over x > h of (x - h)^2

    with the step s = (h - l) / 255: rounding errors are uniform within a step, clipping errors are exact.
    Banner et al., Post Training 4-bit Quantization of Convolutional Networks for Rapid-Deployment, 2019,
    equation 5, on the histogram instead of a fitted distribution.
    """
    counts = _counts(seen)
    total = counts.sum()
    if total == 0:
        return minmax(seen)
    edges = np.linspace(seen.low, seen.high, counts.size + 1)
    centers = (edges[:-1] + edges[1:]) / 2
    parts = np.arange(1, CANDIDATES + 1) / CANDIDATES
    lows = seen.low * parts if seen.low < 0 else np.zeros(1)
    highs = seen.high * parts if seen.high > 0 else np.zeros(1)
    under = np.array([np.sum(counts * np.maximum(low - centers, 0) ** 2) for low in lows])
    over = np.array([np.sum(counts * np.maximum(centers - high, 0) ** 2) for high in highs])
    outside = np.array([counts[centers < low].sum() for low in lows])[:, None]
    outside = outside + np.array([counts[centers > high].sum() for high in highs])[None, :]
    step = (highs[None, :] - lows[:, None]) / (LEVELS - 1)
    error = (total - outside) * step**2 / 12 + under[:, None] + over[None, :]
    best = np.unravel_index(int(np.argmin(error)), error.shape)
    return float(lows[best[0]]), float(highs[best[1]])


def entropy(seen: Seen) -> Range:
    """The range whose quantized distribution Q loses least information about the values P.

        KL(P || Q) = sum of P log(P / Q)

    for thresholds T: values beyond -T .. T count at the ends of P, Q has 256 levels spread evenly over
    the non-empty bins. Migacz, 8-bit Inference with TensorRT, GTC 2017.
    """
    counts = _counts(seen)
    if counts.sum() == 0:
        return minmax(seen)
    edges = np.linspace(seen.low, seen.high, counts.size + 1)
    largest = max(-seen.low, seen.high)
    # Below an eighth of the range a level would be a single bin, and nothing could be lost.
    thresholds = np.linspace(largest / 8, largest, CANDIDATES)
    losses = []
    for threshold in thresholds:
        first = int(np.searchsorted(edges, -threshold, side="right")) - 1 if seen.low < -threshold else 0
        last = int(np.searchsorted(edges, threshold)) if seen.high > threshold else counts.size
        losses.append(_lost_information(counts, first, last))
    best = float(thresholds[int(np.argmin(losses))])
    return max(seen.low, -best), min(seen.high, best)


def _lost_information(counts: Doubles, first: int, last: int) -> float:
    """KL(P || Q) for the bins first .. last - 1."""
    inside = counts[first:last]
    clipped = inside.copy()
    clipped[0] += counts[:first].sum()
    clipped[-1] += counts[last:].sum()
    level = np.arange(inside.size) * LEVELS // inside.size
    filled = inside > 0
    sums = np.bincount(level, weights=inside, minlength=LEVELS)
    bins = np.bincount(level, weights=filled, minlength=LEVELS)
    spread = np.where(filled, (sums / np.maximum(bins, 1))[level], 0.0)
    p, q = clipped / clipped.sum(), spread / max(spread.sum(), 1e-300)
    known = p > 0
    return float(np.sum(p[known] * np.log(p[known] / np.maximum(q[known], 1e-12))))


def _counts(seen: Seen) -> Doubles:
    assert seen.counts is not None
    return seen.counts


METHODS: dict[str, Callable[[Seen], Range]] = {
    "minmax": minmax,
    "percentile": percentile,
    "mse": mse,
    "entropy": entropy,
}


def quantization_of(found: Range, tensor: str) -> Quantization:
    """int8 scale and zero point of a range; zero is exact.

        scale = (high - low) / 255,  zero point = round(-128 - low / scale)

    A tensor that is always zero gets the scale 1.

    Raises:
        ModelError: EW-QUANT-RANGE, values too large for integer arithmetic.
    """
    low, high = found
    scale = (high - low) / (LEVELS - 1)
    if scale > LARGEST_SCALE:
        raise ModelError(
            "EW-QUANT-RANGE",
            f"tensor {tensor} reaches from {low:.3g} to {high:.3g}: too large for int8",
            "check the calibration data; scale the model's inputs down",
            tensor=tensor,
        )
    if scale < SMALLEST_SCALE:
        return Quantization(1.0, 0)
    scale = float(np.float32(scale))
    return Quantization(scale, int(np.clip(np.rint(-128 - low / scale), -128, 127)))
