"""Cross-layer equalization: the same function, channels of equal size."""

from __future__ import annotations

import numpy as np
import pytest

from edgewright.quantize.equalize import equalized, find_pairs
from edgewright.quantize.layers import find_layers
from edgewright.quantize.prepare import prepare
from tests.quantize.float_models import NETS, Floats, net, run


def chain(g, activation="Relu"):
    """Conv, depthwise, pointwise with channels of very different size."""
    spread = 10 ** g.rng.uniform(-0.8, 0.8, (8, 1, 1, 1))
    w = g.constant(spread * g.rng.normal(size=(8, 3, 3, 3)))
    bounds = [g.constant(0.0), g.constant(6.0)] if activation == "Clip" else []
    y = g.node(activation, [g.node("Conv", ["x", w]), *bounds])
    y = g.node("Relu", [g.conv(y, 8, 8, group=8)])
    return g.conv(y, 4, 8, kernel=1)


@pytest.mark.parametrize("name", [*NETS, "chain"])
def test_the_results_stay(name):
    g = Floats()
    model = prepare(g.model(chain(g)) if name == "chain" else net(name)[1])
    samples = g.samples(count=3)
    wanted = run(model, samples)
    assert np.allclose(run(equalized(model), samples), wanted, rtol=1e-3, atol=1e-4 * np.abs(wanted).max())


def test_both_sides_of_a_channel_get_the_same_size():
    g = Floats()
    made = equalized(prepare(g.model(chain(g))))
    first, second, third = find_layers(made.graph)
    assert np.allclose(np.abs(first.rows()).max(axis=1), np.abs(second.rows()).max(axis=1), rtol=0.01)
    columns = np.abs(third.rows()).max(axis=0)
    assert np.allclose(np.abs(second.rows()).max(axis=1), columns, rtol=0.01)


def test_changed_tensors_have_other_names():
    g = Floats()
    model = prepare(g.model(chain(g)))
    made = equalized(model)
    samples = g.samples(count=1)
    kept = {v.name for n in model.graph for v in n.outputs} & {v.name for n in made.graph for v in n.outputs}
    for name in kept:
        from edgewright.quantize.calibrate.running import Runner

        before, after = (Runner(m, [name]).run(samples[0])[name] for m in (model, made))
        assert np.allclose(before, after, rtol=1e-3, atol=1e-4)
    assert any((v.name or "").endswith("/equalized") for n in made.graph for v in n.outputs)


def test_not_across_a_clip():
    g = Floats()
    pairs = find_pairs(prepare(g.model(chain(g, "Clip"))).graph)
    assert [(p.first.node.attributes.get_int("group", 1), p.second.groups) for p in pairs] == [(8, 1)]


def test_dead_channels_are_left_alone():
    g = Floats()
    w = g.rng.normal(size=(4, 3, 1, 1))
    w[1] *= 1e-20
    y = g.node("Relu", [g.node("Conv", ["x", g.constant(w), g.constant(np.ones(4))])])
    model = prepare(g.model(g.conv(y, 2, 4, kernel=1)))
    layer = find_layers(equalized(model).graph)[0]
    assert layer.bias_data()[1] == 1.0
