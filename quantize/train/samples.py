"""Training data as tensors: in memory where it fits, else read batch by batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

MAX_CACHED_BYTES = 1 << 30


class Samples:
    """Samples of a data set and their labels.

    Args:
        data: A sequence of samples, each float32 [1, ...] by input name.
        inputs: Names in the order of the module's arguments.
        labels: int64 [N], or None.
        indices: The samples of `data` that belong here; None is all.
        device: Where batches go.
    """

    def __init__(
        self,
        data: Sequence[Mapping[str, npt.NDArray[np.generic]]],
        inputs: Sequence[str],
        labels: npt.NDArray[np.int64] | None = None,
        *,
        indices: Sequence[int] | None = None,
        device: str = "cpu",
    ) -> None:
        self.device, self._data, self._inputs = device, data, tuple(inputs)
        self._indices = list(range(len(data)) if indices is None else indices)
        self.labels = None if labels is None else torch.from_numpy(labels[self._indices]).to(device)
        self._cache: list[Tensor] | None = None
        first = data[self._indices[0]]
        if sum(first[n].size * 4 for n in self._inputs) * len(self._indices) <= MAX_CACHED_BYTES:
            self._cache = self._read(range(len(self._indices)))

    def __len__(self) -> int:
        return len(self._indices)

    def batch(self, chosen: Sequence[int]) -> list[Tensor]:
        """Inputs [B, ...] of some samples."""
        if self._cache is None:
            return self._read(chosen)
        rows = torch.tensor(list(chosen), device=self.device)
        return [values[rows] for values in self._cache]

    def batch_labels(self, chosen: Sequence[int]) -> Tensor | None:
        """Labels [B] of some samples."""
        return None if self.labels is None else self.labels[list(chosen)]

    def _read(self, chosen: Sequence[int]) -> list[Tensor]:
        parts: list[list[npt.NDArray[np.float32]]] = [[] for _ in self._inputs]
        for index in chosen:
            sample = self._data[self._indices[index]]
            for part, name in zip(parts, self._inputs, strict=True):
                part.append(np.asarray(sample[name], np.float32))
        return [torch.from_numpy(np.concatenate(p)).to(self.device) for p in parts]


def split_indices(
    count: int, held_back: float, seed: int, labels: npt.NDArray[np.int64] | None = None
) -> tuple[list[int], list[int]]:
    """Indices to train with and to hold back, the classes in the same proportions in both.

    Args:
        count: Number of samples.
        held_back: Part that is held back, 0 to below 1; 0 holds nothing back.
        seed: Of the choice.
        labels: int64 [N]; None treats all samples alike.
    """
    rng = np.random.default_rng(seed)
    classes = np.zeros(count, np.int64) if labels is None else labels
    kept: list[int] = []
    back: list[int] = []
    for value in np.unique(classes):
        members = rng.permutation(np.flatnonzero(classes == value))
        cut = round(held_back * len(members))
        back += members[:cut].tolist()
        kept += members[cut:].tolist()
    return sorted(kept), sorted(back)
