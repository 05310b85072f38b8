"""Metrics against scikit-learn and against their definitions."""

import numpy as np
import pytest

from edgewright.errors import UsageError, WorkError
from edgewright.quantize.accuracy import OutputMeter, task_of
from edgewright.quantize.accuracy.metrics import auc, class_auc, cosine, decibels, rank_of

RNG = np.random.default_rng(5)


def metered(task, outputs, labels=None, references=None, inputs=None):
    meter = OutputMeter(task)
    for i, output in enumerate(outputs):
        meter.add(
            output,
            None if labels is None else int(labels[i]),
            None if references is None else references[i],
            None if inputs is None else inputs[i],
        )
    return meter.metrics()


@pytest.mark.parametrize("classes", [6, 12])
def test_top_k_is_scikit_learns(classes):
    metrics = pytest.importorskip("sklearn.metrics")
    scores = RNG.standard_normal((200, classes)).astype(np.float32)
    labels = RNG.integers(0, classes, 200)
    found = metered("classes", scores[:, None], labels)
    for k, value in ((1, found.top1), (5, found.top5)):
        want = metrics.top_k_accuracy_score(labels, scores, k=k, labels=range(classes))
        assert value == pytest.approx(want, abs=1e-12)


def test_top_1_is_argmax_also_of_ties():
    scores = RNG.integers(-2, 3, (300, 7)).astype(np.int8)
    labels = RNG.integers(0, 7, 300)
    assert metered("classes", scores, labels).top1 == np.mean(scores.argmax(1) == labels)
    assert [rank_of(np.array([1, 3, 3, 0]), i) for i in range(4)] == [2, 0, 1, 3]


def test_top_5_needs_more_than_five_classes():
    found = metered("classes", RNG.standard_normal((9, 5)), RNG.integers(0, 5, 9))
    assert found.top5 is None and found.top1 is not None
    single = metered("classes", RNG.standard_normal((9, 1)), np.arange(9) % 2)
    assert single.top1 is None and single.auc is not None


@pytest.mark.parametrize("values", ["real", "tied"])
def test_auc_is_scikit_learns(values):
    metrics = pytest.importorskip("sklearn.metrics")
    positive = RNG.random(150) < 0.3
    scores = RNG.standard_normal(150) + positive
    scores = np.round(scores) if values == "tied" else scores
    assert auc(scores, positive) == pytest.approx(metrics.roc_auc_score(positive, scores), abs=1e-12)
    assert auc(-scores, positive) == pytest.approx(1 - auc(scores, positive), abs=1e-12)


def test_class_auc_is_scikit_learns_macro_one_vs_rest():
    metrics = pytest.importorskip("sklearn.metrics")
    logits = RNG.standard_normal((120, 4))
    labels = RNG.integers(0, 4, 120)
    logits[np.arange(120), labels] += 1
    scores = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    want = metrics.roc_auc_score(labels, scores, multi_class="ovr", average="macro")
    assert class_auc(scores, labels) == pytest.approx(want, abs=1e-12)
    two = scores[:, :2]
    want = metrics.roc_auc_score(labels % 2, two[:, 1] - two[:, 0])
    assert class_auc(two, labels % 2) == pytest.approx(want, abs=1e-12)
    assert class_auc(scores, np.full(120, 2)) is None


def test_anomaly_score_is_the_error_of_the_reconstruction():
    metrics = pytest.importorskip("sklearn.metrics")
    labels = (RNG.random(80) < 0.4).astype(np.int64)
    inputs = RNG.standard_normal((80, 1, 16)).astype(np.float32)
    noise = RNG.standard_normal((80, 1, 16)) * (0.5 + 0.3 * labels[:, None, None])
    outputs = (inputs + noise).astype(np.float32)
    assert task_of([(1, 16)], (1, 16), labels) == "anomaly"
    found = metered("anomaly", outputs, labels, inputs=inputs)
    errors = ((outputs.astype(np.float64) - inputs) ** 2).mean(axis=(1, 2))
    assert found.auc == pytest.approx(metrics.roc_auc_score(labels, errors), abs=1e-12)
    assert found.top1 is None and found.samples == 80


def test_tasks():
    labels = np.array([0, 1, 1])
    assert task_of([(1, 16)], (1, 10), labels) == "classes"
    assert task_of([(1, 16)], (1, 16), labels * 7) == "classes"
    assert task_of([(1, 16), (1, 2)], (1, 16), labels) == "classes"
    assert task_of([(1, 16)], (1, 1), labels) == "classes"
    assert task_of([(1, 16)], (1, 16), None) == "none"
    with pytest.raises(UsageError) as caught:
        task_of([(1, 16)], (1, 10), labels * 10)
    assert caught.value.code == "EW-LABELS-RANGE"


def test_errors_to_a_reference():
    want = RNG.standard_normal((20, 3, 4))
    have = want + 0.1 * RNG.standard_normal(want.shape)
    found = metered("none", have, references=want)
    assert found.mse == pytest.approx(np.mean((have - want) ** 2))
    assert found.sqnr_db == pytest.approx(10 * np.log10((want**2).sum() / ((have - want) ** 2).sum()))
    cosines = [
        h.ravel() @ w.ravel() / np.linalg.norm(h) / np.linalg.norm(w) for h, w in zip(have, want, strict=True)
    ]
    assert found.cosine == pytest.approx(np.mean(cosines))
    assert (found.top1, found.auc) == (None, None)


def test_borders_of_cosine_and_decibels():
    zeros, ones = np.zeros(3), np.ones(3)
    assert (cosine(zeros, zeros), cosine(zeros, ones), cosine(ones, -ones)) == (1.0, 0.0, -1.0)
    assert decibels(100.0, 1.0) == pytest.approx(20)
    assert decibels(0.0, 1.0) is None and decibels(1.0, 0.0) is None
    same = metered("none", [ones], references=[ones])
    assert (same.mse, same.cosine, same.sqnr_db) == (0.0, 1.0, None)


def test_outputs_that_are_no_numbers():
    with pytest.raises(WorkError) as caught:
        metered("none", [np.ones(3), np.array([1.0, np.nan])])
    assert caught.value.code == "EW-EVAL-NAN" and "sample 1" in caught.value.message
