"""Rounding of weights: against brute force, and with feedback against without."""

from __future__ import annotations

import numpy as np
import pytest

from edgewright.quantize.feedback import round_with_feedback
from edgewright.quantize.formats import FORMATS, format_of
from edgewright.quantize.round_weights import best_scales, largest_scales, nearest_levels

COARSE = ("int4", "int2", "ternary", "binary")


def squared_error(rows, scales, levels):
    return np.sum((rows - scales[:, None] * levels) ** 2, axis=1)


@pytest.mark.parametrize("name", FORMATS)
def test_nearest_is_the_nearest_level(name):
    form = format_of(name)
    steps = np.random.default_rng(0).uniform(-130, 130, 5_000)
    steps[:1000] /= 30
    found = form.nearest(steps)
    distances = np.abs(steps[:, None] - np.array(form.levels))
    assert set(np.unique(found)) <= set(form.levels)
    assert np.allclose(np.abs(steps - found), distances.min(axis=1))


@pytest.mark.parametrize("name", COARSE)
def test_best_scales_are_as_good_as_a_fine_search(name):
    form, rng = format_of(name), np.random.default_rng(1)
    rows = rng.normal(size=(12, 40)) * rng.uniform(0.01, 10, (12, 1))
    scales = best_scales(rows, form)
    found = squared_error(rows, scales, nearest_levels(rows, scales, form))
    top = np.abs(rows).max(axis=1)
    least = np.full(12, np.inf)
    for part in np.linspace(0.02, 1.5, 3000):
        tried = part * top / form.largest
        least = np.minimum(least, squared_error(rows, tried, nearest_levels(rows, tried, form)))
    assert np.all(found <= 1.02 * least)


def test_the_binary_scale_is_the_mean_magnitude():
    """Rastegari et al., XNOR-Net, 2016, equation 6."""
    rows = np.random.default_rng(2).normal(size=(5, 30))
    assert np.allclose(best_scales(rows, format_of("binary")), np.abs(rows).mean(axis=1))


@pytest.mark.parametrize("name", FORMATS)
def test_channels_of_zeros_have_a_scale(name):
    form = format_of(name)
    rows = np.vstack([np.zeros(9), np.random.default_rng(0).normal(size=9)])
    for scales in (largest_scales(rows, form), best_scales(rows, form), largest_scales(0 * rows, form)):
        assert np.all(np.isfinite(scales)) and np.all(scales > 0)
    if 0 in form.levels:
        assert not nearest_levels(rows, best_scales(rows, form), form)[0].any()


@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize("name", COARSE)
def test_feedback_changes_the_output_less(name, groups):
    form, rng = format_of(name), np.random.default_rng(3)
    depth = 48 // groups
    mixing = rng.normal(size=(groups, depth, depth))
    inputs = np.maximum(rng.normal(size=(groups, 400, depth)) @ mixing, 0)
    moments = inputs.transpose(0, 2, 1) @ inputs / 400
    rows = rng.normal(size=(16, depth))
    levels, scales = round_with_feedback(rows, form, moments)
    assert set(np.unique(levels)) <= set(form.levels)
    plain = best_scales(rows, form)

    def output_error(integers, factors):
        change = (rows - integers * factors[:, None]).reshape(groups, -1, depth)
        return np.sum((inputs @ change.transpose(0, 2, 1)) ** 2)

    assert output_error(levels, scales) < 0.9 * output_error(nearest_levels(rows, plain, form), plain)


def test_feedback_over_several_blocks_of_columns():
    """The errors of a block reach the columns behind it: the same as column by column."""
    import edgewright.quantize.feedback as feedback

    rng = np.random.default_rng(4)
    inputs = rng.normal(size=(1, 300, 100)) @ rng.normal(size=(1, 100, 100))
    moments, rows = inputs.transpose(0, 2, 1) @ inputs, rng.normal(size=(6, 100))
    found = round_with_feedback(rows, format_of("int4"), moments)
    before, feedback.BLOCK = feedback.BLOCK, 1000
    try:
        whole = round_with_feedback(rows, format_of("int4"), moments)
    finally:
        feedback.BLOCK = before
    assert np.mean(found[0] != whole[0]) < 0.02 and np.allclose(found[1], whole[1], rtol=1e-3)


def test_moments_close_to_singular_do_not_stop_it():
    rng = np.random.default_rng(6)
    column = rng.normal(size=(40, 1)) * 10 ** rng.uniform(-8, 8, (40, 1))
    for moments in (column @ column.T, np.ones((40, 40))):
        levels, scales = round_with_feedback(rng.normal(size=(3, 40)), format_of("int4"), moments[None])
        assert np.all(np.isfinite(scales)) and np.abs(levels).max() <= 7


def test_inputs_that_are_always_zero_do_not_stop_it():
    moments = np.zeros((1, 6, 6))
    rows = np.random.default_rng(5).normal(size=(3, 6))
    levels, scales = round_with_feedback(rows, format_of("int4"), moments)
    assert np.all(np.isfinite(scales)) and np.abs(levels).max() <= 7
