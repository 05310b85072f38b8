"""Sensitivities and the choice of formats for a budget, against brute force."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from edgewright.errors import WorkError
from edgewright.quantize.flash_budget import fit_formats
from edgewright.quantize.prepare import prepare
from edgewright.quantize.sensitivity import Sensitivity, measure_sensitivity
from edgewright.quantize.settings import Settings
from tests.quantize.float_models import net

SIZES = {"int8": 8, "int4": 4, "binary": 1}


def table(layers, seed):
    """Random sensitivities: coarser formats mostly have larger errors."""
    rng = np.random.default_rng(seed)
    found = []
    for index in range(layers):
        weights, noise = int(rng.integers(8, 200)), 10 ** rng.uniform(-6, -3)
        for name, bits in SIZES.items():
            found.append(Sensitivity(f"layer{index}", name, -(-weights * bits // 8), noise))
            noise *= 10 ** rng.uniform(-0.1, 1.5)
    return found


@pytest.mark.parametrize("seed", range(6))
def test_the_choice_is_the_best_of_all(seed):
    entries = table(5, seed)
    by_layer = [[e for e in entries if e.layer == f"layer{i}"] for i in range(5)]
    smallest, largest = (sum(f(e.weight_bytes for e in x) for x in by_layer) for f in (min, max))
    budget = (smallest + largest) // 2
    chosen = fit_formats(entries, budget)
    picked = [e for e in entries if chosen[e.layer] == e.format]
    assert sum(e.weight_bytes for e in picked) <= budget
    best = min(
        sum(e.noise for e in c) for c in product(*by_layer) if sum(e.weight_bytes for e in c) <= budget
    )
    assert sum(e.noise for e in picked) <= best * (1 + 1e-6)


def test_with_room_for_all_everything_is_the_finest():
    noises = dict(zip(SIZES, (1e-5, 1e-4, 1e-2), strict=True))
    entries = [Sensitivity(f"layer{i}", f, SIZES[f], noises[f]) for i in range(4) for f in SIZES]
    assert set(fit_formats(entries, 32).values()) == {"int8"}
    assert sorted(fit_formats(entries, 31).values()) == ["int4", "int8", "int8", "int8"]


def test_what_cannot_fit_is_refused_with_the_smallest_size():
    entries = table(3, 1)
    least = sum(e.weight_bytes for e in entries if e.format == "binary")
    with pytest.raises(WorkError) as caught:
        fit_formats(entries, least - 1)
    assert caught.value.code == "EW-QUANT-BUDGET" and caught.value.details["smallest_bytes"] == least
    assert set(fit_formats(entries, least).values()) == {"binary"}


def test_sensitivities_of_a_net():
    g, model = net("plain")
    found = measure_sensitivity(prepare(model), g.samples(), Settings())
    by_layer = {layer: [s for s in found if s.layer == layer] for layer in {s.layer for s in found}}
    assert len(by_layer) == 3
    for entries in by_layer.values():
        assert [e.format for e in entries] == ["int8", "int4", "int2", "ternary", "binary"]
        assert entries[0].sqnr_db > 40 and entries[0].sqnr_db > entries[1].sqnr_db > entries[4].sqnr_db
        sizes = [e.weight_bytes for e in entries]
        assert sizes == sorted(sizes, reverse=True)
