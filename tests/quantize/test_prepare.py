"""Preparation: the results stay, batch norms and factors go."""

from __future__ import annotations

import numpy as np
import pytest

from edgewright.errors import ModelError
from edgewright.quantize.layers import find_layers
from edgewright.quantize.prepare import prepare
from tests.quantize.float_models import NETS, Floats, net, run


def norm_behind(g):
    return g.node("Relu", [g.norm(g.conv("x", 4, 3, bias=False), 4)])


def norm_behind_grouped(g):
    return g.norm(g.conv("x", 6, 3, group=3, pads=[1] * 4), 6)


def norm_before(g):
    return g.conv(g.norm("x", 3), 4, 3)


def norm_before_grouped(g):
    return g.conv(g.norm("x", 3), 6, 3, group=3)


def norm_before_padding(g):
    return g.conv(g.norm("x", 3), 4, 3, pads=[1] * 4)


def factors_behind(g):
    y = g.conv("x", 4, 3)
    y = g.node("Mul", [y, g.constant(np.arange(1, 5).reshape(4, 1, 1))])
    y = g.node("Sub", [g.constant(0.5), y])
    y = g.node("Div", [y, g.constant(2.0)])
    return g.node("Add", [y, g.constant(np.arange(4).reshape(1, 4, 1, 1))])


def norm_of_matrix(g):
    y = g.gemm(g.node("Flatten", ["x"]), 192, 6)
    y = g.node("Relu", [g.norm(y, 6)])
    return g.gemm(g.norm(y, 6), 6, 3)


def gemm_with_factors(g):
    y = g.node("Flatten", ["x"])
    w, c = g.constant(g.rng.normal(size=(5, 192))), g.constant(g.rng.normal(size=(1, 5)))
    return g.node("Gemm", [y, w, c], alpha=0.5, beta=2.0, transB=1)


def matmul_with_bias(g):
    y = g.node("MatMul", [g.node("Flatten", ["x"]), g.constant(g.rng.normal(size=(192, 5)))])
    return g.node("Add", [g.constant(g.rng.normal(size=5)), y])


def scaled_matmul(g):
    y = g.node("Reshape", ["x", g.constant([1, 8, 24], np.int64)])
    y = g.node("MatMul", [y, g.constant(g.rng.normal(size=(24, 5)))])
    return g.node("Add", [g.node("Mul", [y, g.constant(0.25)]), g.constant(np.arange(5))])


def shared_weights(g):
    w = g.constant(g.rng.normal(size=(3, 3, 1, 1)))
    return g.node("Conv", [g.node("Conv", ["x", w]), w])


def dequantized_weights(g):
    w = g.constant(g.rng.integers(-128, 128, (4, 3, 3, 3)), np.int8)
    scale = g.constant(g.rng.uniform(0.01, 0.1, 4))
    zero = g.constant(g.rng.integers(-5, 5, 4), np.int8)
    return g.node("Conv", ["x", g.node("DequantizeLinear", [w, scale, zero], axis=0)])


def identities(g):
    y = g.node("Dropout", [g.node("Identity", ["x"])])
    return g.node("Identity", [g.conv(y, 4, 3)])


CASES = (
    *(norm_behind, norm_behind_grouped, norm_before, norm_before_grouped, norm_before_padding),
    *(factors_behind, norm_of_matrix, gemm_with_factors, matmul_with_bias, scaled_matmul, shared_weights),
    *(dequantized_weights, identities, *NETS.values()),
)


@pytest.mark.parametrize("build", CASES, ids=lambda f: f.__name__)
def test_the_results_stay(build):
    g = Floats()
    outputs = build(g)
    model = g.model(*([outputs] if isinstance(outputs, str) else outputs))
    prepared = prepare(model)
    samples = g.samples(count=2)
    wanted = run(model.model, samples)
    assert np.allclose(run(prepared, samples), wanted, rtol=1e-4, atol=1e-4 * np.abs(wanted).max())
    assert [v.name for v in prepared.graph.outputs] == [v.name for v in model.model.graph.outputs]


@pytest.mark.parametrize(
    ("build", "ops"),
    [
        (norm_behind, ["Conv", "Relu"]),
        (norm_before, ["Conv"]),
        (norm_before_grouped, ["Conv"]),
        (norm_before_padding, ["Conv", "Conv"]),
        (factors_behind, ["Conv"]),
        (norm_of_matrix, ["Flatten", "Gemm", "Relu", "Gemm"]),
        (gemm_with_factors, ["Flatten", "Gemm"]),
        (matmul_with_bias, ["Flatten", "Gemm"]),
        (scaled_matmul, ["Reshape", "MatMul", "Add"]),
        (dequantized_weights, ["Conv"]),
        (identities, ["Conv"]),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_what_is_left(build, ops):
    g = Floats()
    assert [n.op_type for n in prepare(g.model(build(g))).graph] == ops


def test_every_layer_has_weights_and_a_bias_of_its_own():
    g = Floats()
    layers = find_layers(prepare(g.model(shared_weights(g))).graph)
    assert len({layer.weights_value for layer in layers}) == 2
    assert all(layer.bias is not None for layer in layers)


def test_the_given_model_is_not_changed():
    _, model = net("residual")
    before = [(n.op_type, [v.name for v in n.outputs]) for n in model.model.graph]
    prepare(model)
    assert [(n.op_type, [v.name for v in n.outputs]) for n in model.model.graph] == before


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(value):
    g = Floats()
    weights = g.rng.normal(size=(2, 3, 1, 1))
    weights[1, 0] = value
    with pytest.raises(ModelError, match="node_conv") as caught:
        prepare(g.model(g.node("Conv", ["x", g.constant(weights)])))
    assert caught.value.code == "EW-QUANT-NAN"


def test_a_model_without_layers_is_refused():
    g = Floats()
    with pytest.raises(ModelError) as caught:
        prepare(g.model(g.node("Relu", ["x"])))
    assert caught.value.code == "EW-QUANT-NO-WEIGHTS"


def test_a_quantized_model_is_refused():
    g = Floats()
    scale, zero = g.constant(0.1), g.constant(0, np.int8)
    y = g.node("DequantizeLinear", [g.node("QuantizeLinear", ["x", scale, zero]), scale, zero])
    with pytest.raises(ModelError, match="quantized already") as caught:
        prepare(g.model(g.conv(y, 2, 3)))
    assert caught.value.code == "EW-QUANT-ALREADY"
