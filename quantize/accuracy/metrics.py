"""Figures of merit: top-k accuracy, area under the ROC curve, errors between two signals."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from edgewright.converter.program import Array

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


def rank_of(scores: Array, label: int) -> int:
    """Number of classes that come before a label when classes are sorted by score, highest first.

    Of equal scores, which int8 outputs often have, the lower class comes first, as argmax has it.

    Args:
        scores: [C].
        label: 0 <= label < C.
    """
    own = scores[label]
    return int(np.count_nonzero(scores > own) + np.count_nonzero(scores[:label] == own))


def auc(scores: Array, positive: Array) -> float:
    """Area under the ROC curve: P(score of a positive > score of a negative), ties count half.

    AUC = (R - p (p + 1) / 2) / (p n), R the sum of the positives' ranks (ties: mean rank), p and n the
    numbers of positives and negatives (Mann-Whitney U; Hanley and McNeil, 1982).

    Args:
        scores: [N], real.
        positive: [N], bool; both kinds have to be there.
    """
    values, inverse, counts = np.unique(
        np.asarray(scores, np.float64), return_inverse=True, return_counts=True
    )
    last = np.cumsum(counts)
    mean_rank = last - (counts - 1) / 2
    p = int(np.count_nonzero(positive))
    n = len(scores) - p
    ranks = mean_rank[inverse.reshape(-1)][np.asarray(positive, bool)]
    return float((ranks.sum() - p * (p + 1) / 2) / (p * n)) if len(values) else math.nan


def class_auc(scores: Array, labels: Labels) -> float | None:
    """AUC of a classifier: of the second class where there are two (or one score), else macro one-vs-rest.

    Macro one-vs-rest is the mean over the classes that occur of the AUC of that class's score, every other
    class a negative. Of two scores their difference counts, which orders samples like the softmax does.

    Args:
        scores: [N, C].
        labels: [N].

    Returns:
        None where only one class occurs.
    """
    if scores.shape[1] <= 2:
        single = scores[:, -1].astype(np.float64)
        single = single - scores[:, 0] if scores.shape[1] == 2 else single
        positive = labels == 1
        return auc(single, positive) if 0 < positive.sum() < len(labels) else None
    present = np.unique(labels)
    if len(present) < 2:
        return None
    return float(np.mean([auc(scores[:, c], labels == c) for c in present]))


def cosine(a: Array, b: Array) -> float:
    """a·b / (|a| |b|) of flattened arrays; 1 where both are zero, 0 where one is."""
    x, y = np.asarray(a, np.float64).ravel(), np.asarray(b, np.float64).ravel()
    product = float(np.sqrt((x @ x) * (y @ y)))
    if product == 0.0:
        return 1.0 if not x.any() and not y.any() else 0.0
    return float(np.clip((x @ y) / product, -1.0, 1.0))


def decibels(signal: float, noise: float) -> float | None:
    """10 log10(signal / noise) of two powers; None where one of them is zero.

    The signal-to-quantization-noise ratio (SQNR) where the noise is the difference that quantization makes.
    """
    return 10 * math.log10(signal / noise) if signal > 0 and noise > 0 else None
