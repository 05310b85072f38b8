"""Metrics of one output over many samples, one sample at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from edgewright.converter.program import Array
from edgewright.errors import WorkError
from edgewright.quantize.accuracy.metrics import Labels, auc, class_auc, cosine, decibels, rank_of
from edgewright.quantize.data import check_labels

Task = Literal["none", "classes", "anomaly"]
# Scores kept for the AUC: beyond so many there is none.
MAX_SCORES = 1 << 26


@dataclass(frozen=True)
class OutputMetrics:
    """Figures of an output; None where they do not apply.

    Args:
        samples: How many went in.
        top1, top5: Share of samples whose label is the highest, or among the five highest scores. top5
            needs more than five classes.
        auc: Area under the ROC curve; macro one-vs-rest for more than two classes. Of an autoencoder the
            score is the mean squared error of the reconstruction, and label 1 an anomaly.
        mse: Mean squared difference to the float model's output.
        cosine: Mean over the samples of the cosine to the float model's output.
        sqnr_db: Power of the float model's output over that of the difference; None also where they are
            equal.
    """

    samples: int
    top1: float | None = None
    top5: float | None = None
    auc: float | None = None
    mse: float | None = None
    cosine: float | None = None
    sqnr_db: float | None = None

    def data(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


def task_of(inputs: Iterable[Sequence[int]], output: Sequence[int], labels: Labels | None) -> Task:
    """What labels mean for a model.

    A model whose output has the shape of its only input, with labels 0 and 1, is an autoencoder that finds
    anomalies; others score classes along their last axis.

    Raises:
        UsageError: EW-LABELS-RANGE where a label is no class.
    """
    if labels is None:
        return "none"
    shapes = [tuple(s) for s in inputs]
    binary = bool(np.isin(labels, (0, 1)).all())
    if len(shapes) == 1 and shapes[0] == tuple(output) and binary and int(np.prod(output)) > 2:
        return "anomaly"
    elements = int(np.prod(output))
    check_labels(labels, max(2, elements))
    return "classes"


class OutputMeter:
    """Adds up samples.

    Args:
        task: From `task_of`.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self._samples = self._hits1 = self._hits5 = self._compared = self._elements = 0
        self._classes = 0
        self._cosines = self._noise = self._signal = 0.0
        self._scores: list[Array] = []
        self._labels: list[int] = []

    def add(
        self,
        output: Array,
        label: int | None = None,
        reference: Array | None = None,
        input: Array | None = None,
    ) -> None:
        """One sample.

        Args:
            output: Real-valued, the model's shape.
            label: Where the task has labels.
            reference: The float model's output, same shape.
            input: Of an autoencoder.

        Raises:
            WorkError: EW-EVAL-NAN for an output that is no number.
        """
        if not np.isfinite(output).all():
            raise WorkError(
                "EW-EVAL-NAN", f"the output of sample {self._samples} has values that are no numbers"
            )
        self._samples += 1
        if reference is not None:
            self._compare(output, reference)
        if label is None or self.task == "none":
            return
        self._labels.append(label)
        if self.task == "anomaly":
            assert input is not None
            error = output.astype(np.float64).ravel() - input.astype(np.float64).ravel()
            self._scores.append(np.array([error @ error / error.size]))
            return
        scores = output.reshape(-1)
        self._classes = scores.size
        if scores.size > 1:
            rank = rank_of(scores, label)
            self._hits1 += rank < 1
            self._hits5 += rank < 5
        if len(self._labels) * scores.size <= MAX_SCORES:
            self._scores.append(scores.astype(np.float32))

    def _compare(self, output: Array, reference: Array) -> None:
        wide, want = output.astype(np.float64).ravel(), reference.astype(np.float64).ravel()
        self._compared += 1
        self._elements += wide.size
        self._cosines += cosine(wide, want)
        self._noise += float((wide - want) @ (wide - want))
        self._signal += float(want @ want)

    def metrics(self) -> OutputMetrics:
        """Of all samples so far."""
        labelled, compared = len(self._labels), self._compared
        ranked = labelled > 0 and self._classes > 1
        return OutputMetrics(
            samples=self._samples,
            top1=self._hits1 / labelled if ranked else None,
            top5=self._hits5 / labelled if ranked and self._classes > 5 else None,
            auc=self._auc(),
            mse=self._noise / self._elements if compared else None,
            cosine=self._cosines / compared if compared else None,
            sqnr_db=decibels(self._signal, self._noise) if compared else None,
        )

    def _auc(self) -> float | None:
        if not self._scores or len(self._scores) < len(self._labels):
            return None
        scores, labels = np.stack(self._scores), np.array(self._labels, np.int64)
        if self.task == "classes":
            return class_auc(scores, labels)
        both = 0 < int(labels.sum()) < len(labels)
        return auc(scores[:, 0], labels == 1) if both else None
