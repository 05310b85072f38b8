"""Choosing functions that several layers use: against all combinations of small networks."""

from __future__ import annotations

import itertools
import random

import pytest

from edgewright.converter.schedule.shared_code import Option, choose


def cost_of(layers, choice, code_bytes, price):
    used = frozenset().union(*(some[k].functions for some, k in zip(layers, choice, strict=True)))
    return sum(some[k].cost for some, k in zip(layers, choice, strict=True)) + price * sum(
        code_bytes[f] for f in used
    )


def random_network(rng, layers=4, options=4, functions=6):
    code_bytes = {f"f{i}": rng.randint(1, 400) for i in range(functions)}
    made = [
        [
            Option(
                float(rng.randint(0, 500)),
                frozenset(rng.sample(sorted(code_bytes), rng.choice((0, 1, 1, 2, 3)))),
            )
            for _ in range(rng.randint(1, options))
        ]
        for _ in range(layers)
    ]
    return made, code_bytes


@pytest.mark.parametrize("seed", range(30))
def test_least_of_all_combinations(seed):
    rng = random.Random(seed)
    layers, code_bytes = random_network(rng)
    for price in (0.0, 0.1, 1.0, 1e6):
        chosen = choose(layers, code_bytes, price)
        every = itertools.product(*(range(len(some)) for some in layers))
        least = min(cost_of(layers, choice, code_bytes, price) for choice in every)
        assert cost_of(layers, chosen.options, code_bytes, price) == pytest.approx(least, rel=1e-9)
        used = [some[k].functions for some, k in zip(layers, chosen.options, strict=True)]
        assert chosen.functions == frozenset().union(*used)


def test_code_of_many_layers_is_paid_once():
    """One general function beats ten small ones of their own, though each of these is smaller."""
    layers = [[Option(10.0, frozenset({f"own{i}"})), Option(11.0, frozenset({"general"}))] for i in range(10)]
    code_bytes = {"general": 500} | {f"own{i}": 100 for i in range(10)}
    assert choose(layers, code_bytes, 1.0).functions == {"general"}
    assert choose(layers[:3], code_bytes, 1.0).functions == {"own0", "own1", "own2"}
    assert choose(layers, code_bytes, 0.0).options == (0,) * 10


def test_no_layers():
    assert choose([], {}, 1.0).options == ()
