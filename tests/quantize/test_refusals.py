"""What cannot be quantized is refused with a code, and the node or tensor named."""

from __future__ import annotations

import numpy as np
import pytest

from edgewright.errors import EdgewrightError
from edgewright.quantize.quantize_model import quantize_model
from edgewright.quantize.settings import Settings
from tests.quantize.float_models import Floats, net, program_of, run, sqnr


def refusal(model, samples, settings=None):
    with pytest.raises(EdgewrightError) as caught:
        quantize_model(model, samples, settings or Settings())
    return caught.value


def with_norm(g):
    y = g.conv("x", 4, 3)
    scale, shift = g.constant(np.ones(4)), g.constant(np.zeros(4))
    y = g.node("InstanceNormalization", [y, scale, shift])
    return g.conv(y, 2, 4)


def with_division(g):
    a, b = g.conv("x", 2, 3), g.node("Add", [g.node("Abs", [g.conv("x", 2, 3)]), g.constant(1.0)])
    return g.conv(g.node("Div", [a, b]), 2, 2, kernel=1)


@pytest.mark.parametrize(("build", "op"), [(with_norm, "InstanceNormalization"), (with_division, "Div")])
def test_operators_without_integer_arithmetic(build, op):
    g = Floats()
    model = g.model(build(g))
    error = refusal(model, g.samples())
    assert error.code == "EW-QUANT-OP" and op in error.message and "--allow-float" in error.hint
    assert error.details["nodes"][0]["op"] == op
    made = quantize_model(model, g.samples(), Settings(allow_float=True))
    fresh = g.samples(seed=8)
    assert sqnr(run(made.model, fresh), run(model.model, fresh)) > 20
    assert op.lower() in {n.op.kind for n in program_of(made.model).nodes}


def test_operators_the_device_cannot_compute_at_all():
    g = Floats()
    y = g.node("TopK", [g.node("Flatten", [g.conv("x", 4, 3)]), g.constant([3], np.int64)], ["best", "where"])
    error = refusal(g.model(y), g.samples(), Settings(allow_float=True))
    assert error.code == "EW-QUANT-OP" and "TopK" in error.message


def test_forms_the_compiler_refuses():
    g = Floats()
    y = g.node("MaxPool", [g.conv("x", 4, 3)], kernel_shape=[2, 2], dilations=[2, 2])
    error = refusal(g.model(y), g.samples())
    assert error.code == "EW-QUANT-OP" and error.details["nodes"] and "maxpool" in error.message


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_activations_that_are_not_finite(value):
    g, model = net("plain")
    samples = g.samples()
    samples[3]["x"][0, 1, 2, 3] = value
    error = refusal(model, samples)
    assert error.code == "EW-QUANT-NAN" and "input x" in error.message
    g = Floats()
    y = g.node("Log", [g.conv("x", 2, 3)], ["logarithm"])
    error = refusal(g.model(g.conv(y, 2, 2, kernel=1)), g.samples())
    assert error.code == "EW-QUANT-NAN" and "logarithm" in error.message and error.details["node"]


def test_no_samples():
    _, model = net("plain")
    assert refusal(model, []).code == "EW-QUANT-EMPTY"


def test_names_of_layers_and_formats():
    g, model = net("plain")
    error = refusal(model, g.samples(), Settings(layer_weights={"nothing": "int4"}))
    assert error.code == "EW-QUANT-LAYER" and "nothing" in error.message and "conv" in error.hint
    assert refusal(model, g.samples(), Settings(weights="int3")).code == "EW-QUANT-FORMAT"


def test_constant_activations():
    """A layer that is always zero behind its Relu has a scale, and is named."""
    g = Floats()
    y = g.conv("x", 4, 3)
    dead = g.node("Relu", [g.node("Sub", [g.conv("x", 4, 3), g.constant(1e3)])])
    model = g.model(g.conv(g.node("Add", [dead, y]), 2, 4, kernel=1))
    made = quantize_model(model, g.samples())
    found, wanted = run(made.model, g.samples()[:1]), run(model.model, g.samples()[:1])
    assert np.allclose(found, wanted, atol=0.05 * np.abs(wanted).max())
    assert dead in made.constants


@pytest.mark.parametrize("constant", [0.0, 5.0])
def test_constant_inputs_are_refused(constant):
    g, model = net("plain")
    error = refusal(model, [{"x": np.full(g.shape, constant, np.float32)}] * 3)
    assert error.code == "EW-QUANT-CONSTANT" and "input x" in error.message


def test_layers_of_zeros_and_large_biases():
    g = Floats()
    w = g.rng.normal(size=(4, 3, 1, 1))
    w[0], w[1] = 0, 1e-12
    y = g.node("Conv", ["x", g.constant(w), g.constant([5.0, -3.0, 0.0, 1.0])])
    model = g.model(g.node("Relu", [y]))
    for form in ("int8", "int4", "binary"):
        made = quantize_model(model, g.samples(), Settings(weights=form, all_layers=True, feedback=False))
        found = run(made.model, g.samples(count=2))[:, 0, :2]
        wanted = run(model.model, g.samples(count=2))[:, 0, :2]
        assert np.allclose(found, wanted, atol=0.03)
        program_of(made.model)


def test_inputs_of_other_types():
    import onnx
    from onnx import TensorProto, helper

    from tests.quantize.float_models import imported

    node = helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT)
    info = [helper.make_tensor_value_info(n, t, (1, 4)) for n, t in (("x", TensorProto.INT32), ("y", 1))]
    graph = helper.make_graph([node], "g", info[:1], info[1:])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made)
    error = refusal(imported(made), [{"x": np.zeros((1, 4), np.int32)}])
    assert error.code == "EW-QUANT-TYPE" and "input x" in error.message
