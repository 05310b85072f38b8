"""How rows are cut into pixel tiles and runs of columns, and how weights are packed for them."""

from __future__ import annotations

import doctest

import numpy as np
import pytest

from edgewright.targets.codegen.kernels import depthwise, dot, dot_mve


@pytest.mark.parametrize("module", [dot, depthwise])
def test_examples(module):
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize("tiles", [(3, 2, 1), (2, 1), (1,)])
@pytest.mark.parametrize("columns", range(1, 40))
def test_tiles_cover_a_row_once(columns, tiles):
    covered = [
        first + t * pixels + p
        for first, count, pixels in dot.split_tiles(columns, tiles)
        for t in range(count)
        for p in range(pixels)
    ]
    assert covered == list(range(columns))


def test_a_remainder_of_one_becomes_two_tiles_of_two():
    assert [(n, p) for _, n, p in dot.split_tiles(7, (3, 2, 1))] == [(1, 3), (2, 2)]


@pytest.mark.parametrize("seed", range(30))
def test_runs_use_exactly_the_columns_inside(seed):
    rng = np.random.default_rng(seed)
    columns, width, stride, dilation = (int(v) for v in rng.integers(1, 6, 4))
    pad = int(rng.integers(0, dilation * (width - 1) + 1))
    out_columns = int(rng.integers(1, 9))
    seen = []
    for start, count, first, low, high in depthwise.column_runs(
        columns, out_columns, width, stride, dilation, pad
    ):
        assert first == start * stride - pad
        for x in range(start, start + count):
            taps = [k for k in range(width) if 0 <= x * stride - pad + k * dilation < columns]
            assert taps == list(range(low, high))
            seen.append(x)
    assert seen == list(range(out_columns))


def test_weights_of_channel_pairs_alternate_by_quad():
    weights = np.arange(2 * 3, dtype=np.int8).reshape(2, 1, 1, 3)
    assert dot.pack_weights(weights, 1).reshape(-1).tolist() == [0, 1, 2, 0, 3, 4, 5, 0]


def test_helium_weights_are_filled_to_vectors():
    weights = np.ones((5, 1, 1, 17), np.int8)
    packed = dot_mve.pack_weights(weights, 1)
    assert packed.shape == (2, 2, 4, 16)
    assert packed.sum() == weights.sum()
    assert packed[0, 1, :, 1:].sum() == 0
    assert packed[1, :, 1:].sum() == 0
