"""Range methods against their definitions, computed on the values themselves."""

from __future__ import annotations

import numpy as np
import pytest

from edgewright.errors import ModelError
from edgewright.quantize.calibrate.ranges import (
    METHODS,
    entropy,
    mse,
    percentile,
    quantization_of,
)
from edgewright.quantize.calibrate.statistics import BINS, Seen


def seen_of(values):
    low, high = min(0.0, values.min()), max(0.0, values.max())
    kept = values[values != 0]
    counts = np.histogram(kept, bins=BINS, range=(low, high))[0].astype(np.float64)
    return Seen(float(low), float(high), counts)


def quantization_error(values, found):
    """Mean squared error of int8 quantization over a range."""
    q = quantization_of(found, "t")
    steps = np.clip(np.rint(values / q.scale) + q.zero_point, -128, 127)
    return np.mean((values - (steps - q.zero_point) * q.scale) ** 2)


RNG = np.random.default_rng(0)
VALUES = {
    "normal": RNG.normal(size=50_000),
    "relu": np.maximum(RNG.normal(size=50_000), 0),
    "negative": -RNG.exponential(size=50_000),
    "outlier": np.concatenate([RNG.normal(size=50_000), [40.0]]),
    "uniform": RNG.uniform(0, 255, 50_000),
    "constant": np.full(100, 3.0),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", VALUES)
def test_a_range_holds_zero_and_lies_within_the_extremes(method, name):
    seen = seen_of(VALUES[name])
    low, high = METHODS[method](seen)
    assert seen.low - 1e-9 <= low <= 0 <= high <= seen.high + 1e-9 and high > low


@pytest.mark.parametrize("name", ["normal", "relu", "negative", "outlier", "uniform"])
def test_mse_is_as_good_as_the_best_of_all_ranges(name):
    values = VALUES[name]
    seen = seen_of(values)
    parts = np.linspace(0.05, 1, 60)
    tried = [
        quantization_error(values, (seen.low * a, seen.high * b))
        for a in parts
        for b in parts
        if seen.high > 0
    ] or [quantization_error(values, (seen.low * a, 0.0)) for a in parts]
    assert quantization_error(values, mse(seen)) <= 1.1 * min(tried)


def test_percentile_is_numpys():
    values = VALUES["normal"]
    low, high = percentile(seen_of(values))
    width = (values.max() - values.min()) / BINS
    assert abs(high - np.quantile(values, 0.9999)) <= 2 * width
    assert abs(low - np.quantile(values, 0.0001)) <= 2 * width


def test_an_outlier_is_clipped_by_all_but_minmax():
    seen = seen_of(VALUES["outlier"])
    assert METHODS["minmax"](seen)[1] == 40.0
    assert percentile(seen)[1] < 5
    assert all(METHODS[m](seen)[1] < 39 for m in ("mse", "entropy"))


def test_entropy_keeps_all_of_evenly_spread_values():
    assert entropy(seen_of(VALUES["uniform"]))[1] > 250


def test_scale_and_zero_point():
    q = quantization_of((-1.0, 3.0), "t")
    assert q.scale == pytest.approx(4 / 255) and q.zero_point == -64
    assert quantization_of((0.0, 0.0), "t").scale == 1.0
    assert quantization_of((0.0, 2.55), "t").zero_point == -128
    with pytest.raises(ModelError) as caught:
        quantization_of((0.0, 1e20), "huge")
    assert caught.value.code == "EW-QUANT-RANGE" and "huge" in caught.value.message
