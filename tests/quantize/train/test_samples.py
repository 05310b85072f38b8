"""Batches, splits and augmentation."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from edgewright.quantize.train import samples as target  # noqa: E402
from edgewright.quantize.train.augment import shifted  # noqa: E402
from edgewright.quantize.train.samples import Samples, split_indices  # noqa: E402


def test_split_is_repeatable_complete_and_stratified():
    labels = np.repeat([0, 1, 2], [50, 30, 20]).astype(np.int64)
    kept, back = split_indices(100, 0.2, 5, labels)
    assert sorted(kept + back) == list(range(100)) and (kept, back) == split_indices(100, 0.2, 5, labels)
    assert np.bincount(labels[back]).tolist() == [10, 6, 4]
    assert split_indices(100, 0.2, 6, labels)[1] != back
    assert split_indices(7, 0.0, 0) == (list(range(7)), [])


@pytest.mark.parametrize("cached", [True, False])
def test_batches_come_in_the_order_of_the_inputs(monkeypatch, cached):
    if not cached:
        monkeypatch.setattr(target, "MAX_CACHED_BYTES", 10)
    data = [{"a": np.full((1, 2), i, np.float32), "b": np.full((1, 3), -i, np.float32)} for i in range(8)]
    made = Samples(data, ["b", "a"], np.arange(8), indices=[1, 3, 5, 7])
    b, a = made.batch([3, 0])
    assert a.tolist() == [[7, 7], [1, 1]] and b.tolist() == [[-7] * 3, [-1] * 3]
    assert made.batch_labels([3, 0]).tolist() == [7, 1] and len(made) == 4


@pytest.mark.parametrize("last", [False, True])
def test_images_are_moved_as_a_whole(last):
    image = torch.arange(1, 31, dtype=torch.float32).view(1, 1, 5, 6)
    batch = image.expand(64, 1, 5, 6)
    given = batch.permute(0, 2, 3, 1) if last else batch
    moved = shifted(given, 2, torch.Generator().manual_seed(0))
    assert moved.shape == given.shape
    moved = moved.permute(0, 3, 1, 2) if last else moved
    seen = set()
    for x in moved[:, 0]:
        matches = [
            (i, j)
            for i in range(-2, 3)
            for j in range(-2, 3)
            if torch.equal(
                x, torch.nn.functional.pad(image[0, 0], (2, 2, 2, 2))[2 + i : 7 + i, 2 + j : 8 + j]
            )
        ]
        assert len(matches) == 1
        seen.add(matches[0])
    assert len(seen) > 15
    vector = torch.ones(4, 3)
    assert shifted(vector, 2, torch.Generator()) is vector
