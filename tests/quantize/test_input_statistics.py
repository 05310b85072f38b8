"""Statistics of layer inputs, and the bias correction made from them, against onnxruntime."""

from __future__ import annotations

import numpy as np
import pytest

from edgewright.quantize.bias_correction import corrected
from edgewright.quantize.calibrate.running import Runner
from edgewright.quantize.emit_qdq import QuantizedWeights
from edgewright.quantize.formats import format_of
from edgewright.quantize.input_statistics import input_statistics
from edgewright.quantize.layers import find_layers
from edgewright.quantize.prepare import prepare
from edgewright.quantize.round_weights import largest_scales, nearest_levels
from tests.quantize.float_models import Floats

LAYERS = {
    "plain": lambda g: g.conv("x", 4, 3),
    "padded and strided": lambda g: g.conv("x", 4, 3, pads=[1, 0, 2, 1], strides=[2, 1]),
    "grouped": lambda g: g.conv("x", 6, 3, group=3, pads=[1] * 4),
    "dilated": lambda g: g.conv("x", 4, 3, dilations=[2, 2], pads=[2] * 4),
    "same lower": lambda g: g.conv("x", 4, 3, kernel=2, strides=[2, 2], auto_pad="SAME_LOWER"),
    "gemm": lambda g: g.gemm(g.node("Flatten", ["x"]), 192, 5),
    "matmul": lambda g: g.node(
        "MatMul",
        [
            g.node("Reshape", ["x", g.constant([1, 8, 24], np.int64)]),
            g.constant(g.rng.normal(size=(24, 6))),
        ],
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_means_and_moments_give_those_of_the_output(name):
    g = Floats()
    model = prepare(g.model(LAYERS[name](g)))
    (layer,) = find_layers(model.graph)
    samples = g.samples(count=5)
    found = input_statistics(model, [layer], {layer.name}, samples)
    outputs = [next(iter(Runner(model).run(s).values())) for s in samples]
    flat = np.concatenate(
        [np.moveaxis(y, layer.output_axis, 0).reshape(layer.channels, -1) for y in outputs], 1
    )
    flat = flat - layer.bias_data()[:, None]
    rows = layer.rows().reshape(layer.groups, -1, found.means[layer.name].shape[1]).astype(np.float64)
    means = np.einsum("gok,gk->go", rows, found.means[layer.name]).reshape(-1)
    squares = np.einsum("gok,gkl,gol->go", rows, found.moments[layer.name], rows).reshape(-1)
    assert np.allclose(means, flat.mean(axis=1), atol=1e-4)
    assert np.allclose(squares, (flat**2).mean(axis=1), rtol=1e-3, atol=1e-4)


def test_corrected_biases_leave_no_mean_error():
    g = Floats()
    model = prepare(g.model(LAYERS["padded and strided"](g)))
    (layer,) = find_layers(model.graph)
    samples = g.samples(count=6)
    form, rows = format_of("int2"), layer.rows().astype(np.float64)
    scales = largest_scales(rows, form)
    made = QuantizedWeights("int2", nearest_levels(rows, scales, form), scales, layer.bias_data())
    means = input_statistics(model, [layer], set(), samples).means[layer.name]
    better = corrected(rows, made, means)
    name = layer.output.name
    wanted = np.mean([Runner(model).run(s)[name] for s in samples], axis=0).mean(axis=(0, 2, 3))
    layer.set_weights(layer.stored_of((made.levels * scales[:, None]).astype(np.float32)))
    errors = []
    for bias in (made.bias, better.bias):
        layer.set_bias(bias)
        found = np.mean([Runner(model).run(s)[name] for s in samples], axis=0).mean(axis=(0, 2, 3))
        errors.append(np.abs(found - wanted).max())
    assert errors[1] < 1e-5 < 1e-3 < errors[0]
