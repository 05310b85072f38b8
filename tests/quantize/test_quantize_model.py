"""Whole models: float -> QDQ, against the float model, the contract on names, and the compiler."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from edgewright.converter.ops.lookup import Lookup
from edgewright.quantize.quantize_model import quantize_model
from edgewright.quantize.settings import Settings
from tests.quantize.float_models import NETS, net, program_of, run, run_program, sqnr


@pytest.fixture(scope="module")
def quantized():
    """Every small net, quantized with the defaults: name -> (builder, imported, result)."""
    made = {}
    for name in NETS:
        g, model = net(name)
        made[name] = (g, model, quantize_model(model, g.samples()))
    return made


@pytest.mark.parametrize("name", NETS)
def test_follows_the_float_model_on_new_samples(quantized, name):
    g, model, made = quantized[name]
    fresh = g.samples(seed=99)
    found, wanted = run(made.model, fresh), run(model.model, fresh)
    # 8 bits for activations are 40 to 50 dB a layer; the softmax of a sequence has steps of 1/256.
    assert sqnr(found, wanted) > 22
    assert np.array_equal(run(made.float_model, fresh).shape, wanted.shape)
    assert sqnr(run(made.float_model, fresh), wanted) > 90


@pytest.mark.parametrize("name", NETS)
def test_the_device_computes_what_onnxruntime_does(quantized, name):
    g, _, made = quantized[name]
    program, samples = program_of(made.model), g.samples(count=4, seed=5)
    found, wanted = run_program(program, samples), run(made.model, samples)
    last = next(n for n in program.nodes[::-1] if n.op.kind == "dequantize")
    scale = program.values[last.inputs[0]].quantization.scale
    # Rounding of a requantization differs by a step, which later layers pass on.
    assert np.abs(found - wanted).max() <= 5.01 * scale
    assert np.abs(found - wanted).mean() <= 0.5 * scale


@pytest.mark.parametrize("name", NETS)
def test_is_valid_onnx_with_int8_inside(quantized, name):
    _, _, made = quantized[name]
    proto = ir.to_proto(made.model)
    onnx.checker.check_model(proto, full_check=True)
    assert max(o.version for o in proto.opset_import if o.domain == "") >= 21
    types = {onnx.TensorProto.DataType.Name(t.data_type) for t in proto.graph.initializer}
    assert {"INT8", "INT32"} <= types


def test_names_of_the_float_model_are_kept(quantized):
    _, model, made = quantized["residual"]
    names = {v.name for n in made.model.graph for v in n.outputs}
    pairs = [n for n in made.model.graph if n.op_type == "QuantizeLinear"]
    outputs = {v.name for v in made.model.graph.outputs}
    assert outputs == {v.name for v in model.model.graph.outputs}
    for node in pairs:
        source = node.inputs[0].name
        name = source.removesuffix("/float")
        assert node.outputs[0].name == f"{name}/quantized"
        assert (name if name in outputs else f"{name}/dequantized") in names
    assert {"relu11", "x"} & {n.inputs[0].name for n in pairs} or any(
        n.inputs[0].name.startswith("relu") for n in pairs
    )


@pytest.mark.parametrize("form", ["int4", "int2", "ternary", "binary"])
def test_weights_have_the_levels_of_their_format(form):
    g, model = net("plain")
    made = quantize_model(model, g.samples(), Settings(weights=form, all_layers=True))
    levels = {"int4": range(-7, 8), "int2": (-3, -1, 1, 3), "ternary": (-1, 0, 1), "binary": (-1, 1)}[form]
    stored = [
        v.const_value.numpy().astype(np.int8)
        for v in made.model.graph.initializers.values()
        if v.dtype == ir.DataType.INT4
    ]
    assert len(stored) == 3
    assert all(set(np.unique(s).tolist()) <= set(levels) for s in stored)
    bits = {"int4": 4, "int2": 2, "ternary": 2, "binary": 1}[form]
    assert made.weight_bytes == sum(-(-s.size * bits // 8) for s in stored)
    assert np.all(np.isfinite(run(made.model, g.samples(count=2))))


def test_first_and_last_layer_stay_int8_unless_named():
    g, model = net("plain")
    made = quantize_model(model, g.samples(), Settings(weights="int4"))
    assert [layer.format for layer in made.layers] == ["int8", "int4", "int8"]
    named = Settings(weights="int4", layer_weights={made.layers[0].name: "ternary"})
    again = quantize_model(model, g.samples(), named)
    assert [layer.format for layer in again.layers] == ["ternary", "int4", "int8"]


def test_error_grows_with_fewer_bits():
    g, model = net("residual")
    fresh = g.samples(seed=3)
    wanted = run(model.model, fresh)
    found = [
        sqnr(
            run(quantize_model(model, g.samples(), Settings(weights=f, all_layers=True)).model, fresh), wanted
        )
        for f in ("int8", "int4", "int2", "binary")
    ]
    assert found == sorted(found, reverse=True) and found[0] > found[1] + 6


def test_no_table_between_tensors_that_can_share_a_scale(quantized):
    """Pool, pad, transpose, concat and reshape need no requantization."""
    for name in ("plain", "branches", "residual"):
        assert not tables(quantized[name][2]), name


def test_functions_of_one_element_are_one_table(quantized):
    assert tables(quantized["swish"][2]) == ["sigmoid_mul", "tanh"]
    assert tables(quantized["mobile"][2]) == ["hard_swish", "sigmoid"]
    assert tables(quantized["spelled"][2]) == ["add_clip_mul_div", "relu_mul"]


def tables(made):
    """Kinds of the tables in the program of a quantized model."""
    return [n.op.kind for n in program_of(made.model).nodes if isinstance(n.op, Lookup)]


def test_the_same_twice():
    g, model = net("plain")
    first, second = (quantize_model(model, g.samples(), Settings(weights="int4")) for _ in range(2))
    assert ir.to_proto(first.model).SerializeToString() == ir.to_proto(second.model).SerializeToString()
