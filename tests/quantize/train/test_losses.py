"""Losses against what they are by hand."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from edgewright.quantize.train.losses import classification, distillation  # noqa: E402


def test_distillation_is_t_squared_times_the_divergence():
    logits, teacher = torch.tensor([[0.3, -1.0, 2.0]]), torch.tensor([[1.0, 0.5, -0.5]])
    p, q = torch.softmax(teacher / 3, 1)[0].tolist(), torch.softmax(logits / 3, 1)[0].tolist()
    expected = 9 * sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
    assert float(distillation(logits, teacher, 3.0)) == pytest.approx(expected, rel=1e-5)
    assert float(distillation(teacher, teacher, 2.0)) == pytest.approx(0, abs=1e-6)


def test_shares_of_labels_and_teacher():
    logits, teacher, labels = torch.randn(4, 3), torch.randn(4, 3), torch.tensor([0, 2, 1, 0])
    hard = float(torch.nn.functional.cross_entropy(logits, labels))
    soft = float(distillation(logits, teacher, 2.0))
    assert float(classification(logits, labels, teacher, 0.25, 2.0)) == pytest.approx(
        0.75 * hard + 0.25 * soft
    )
    assert float(classification(logits, labels, None, 0.25, 2.0)) == pytest.approx(hard)
    assert float(classification(logits, None, teacher, 0.25, 2.0)) == pytest.approx(soft)
