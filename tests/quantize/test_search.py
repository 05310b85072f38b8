"""The search over settings, and how its results are ranked."""

from __future__ import annotations

import numpy as np
import pytest

from edgewright.errors import UsageError
from edgewright.quantize.prepare import prepare
from edgewright.quantize.score import Score, observe_outputs, score, signal_names
from edgewright.quantize.search import Tried, combinations, ranking, search
from edgewright.quantize.settings import Settings
from tests.quantize.float_models import net, run


def tried(top1, sqnr_db):
    return Tried(Settings(), Score(top1, 1.0, sqnr_db))


def test_every_combination_is_tried_and_the_best_is_kept():
    g, model = net("plain")
    samples, held_back = g.samples(), g.samples(count=10, seed=2)
    prepared = prepare(model)
    found = search(prepared, samples, held_back, None, Settings())
    assert len(found.tried) == 16 == len({t.settings for t in map(hashable, found.tried)})
    decibels = [t.score.sqnr_db for t in found.tried]
    assert decibels == sorted(decibels, reverse=True)
    assert found.best.settings == found.tried[0].settings
    again = score(observe_outputs(found.best.model, held_back), observe_outputs(prepared, held_back), None)
    assert again.sqnr_db == decibels[0] and found.float_score.cosine > 0.999999


def hashable(entry):
    s = entry.settings
    return type("T", (), {"settings": (s.ranges, s.equalize, s.correct_bias)})


def test_labels_count():
    g, model = net("plain")
    held_back = g.samples(count=20, seed=2)
    labels = run(model.model, held_back).reshape(20, -1).argmax(axis=1)
    found = search(prepare(model), g.samples(), held_back, labels, Settings())
    assert found.float_score.top1 == 1.0 and found.tried[0].score.top1 > 0.8
    with pytest.raises(UsageError) as caught:
        search(prepare(model), g.samples(), held_back, labels + 100, Settings())
    assert caught.value.code.startswith("EW-LABELS")


def test_one_more_right_answer_of_few_is_chance():
    entries = [tried(0.96, 30.0), tried(1.0, 20.0), tried(0.5, 40.0)]
    assert [t.score.sqnr_db for t in ranking(entries, 25)] == [30.0, 20.0, 40.0]
    assert [t.score.sqnr_db for t in ranking(entries, 10_000)] == [20.0, 30.0, 40.0]


def test_combinations_keep_the_other_settings():
    settings = Settings(weights="int4", all_layers=True)
    assert all(c.weights == "int4" and c.all_layers for c in combinations(settings))


@pytest.mark.parametrize("name", ["plain", "mobile", "residual"])
def test_errors_are_measured_before_a_final_softmax(name):
    from edgewright.quantize.quantize_model import quantize_model

    g, model = net(name)
    made = quantize_model(model, g.samples())
    wanted = signal_names(made.float_model)
    found = signal_names(made.model)
    squashed = name in ("plain", "mobile")
    assert (wanted != [v.name for v in model.model.graph.outputs]) == squashed
    assert found == ([f"{w}/dequantized" for w in wanted] if squashed else wanted)
    assert np.isfinite(
        score(
            observe_outputs(made.model, g.samples(2)), observe_outputs(made.float_model, g.samples(2)), None
        ).sqnr_db
    )
