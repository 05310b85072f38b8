"""A quantized model against its float model: the figures, and what the worst layers are told."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from edgewright.converter.binary_functions import add_functions, binary_conv
from edgewright.errors import ModelError, UsageError
from edgewright.quantize.accuracy import compare
from edgewright.quantize.accuracy.diagnose import diagnose, summary_notes, worst
from edgewright.quantize.accuracy.layers import LayerAccuracy, LayerMeter
from edgewright.quantize.accuracy.tensors import Pair, Weights, find_pairs
from tests.quantize.float_pair import X_SHAPE, float_model, parts, quantized_model, samples


def report_of(p, data=None, **options):
    report = compare(float_model(p), quantized_model(p), data or samples(), **options)
    return report, {layer.name: layer for layer in report.layers}


def exposed(model, *names):
    """A model that returns these tensors."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    del changed.graph.output[:]
    changed.graph.output.extend(helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in names)
    return changed


def sqnr(want, have):
    noise = sum(float(((w.astype(np.float64) - h) ** 2).sum()) for w, h in zip(want, have, strict=True))
    return 10 * np.log10(sum(float((w.astype(np.float64) ** 2).sum()) for w in want) / noise)


def test_figures_are_those_of_the_onnx_reference():
    p = parts()
    report, layers = report_of(p)
    data = samples()
    reference = ReferenceEvaluator(exposed(float_model(p), "t1", "y"))
    other = ReferenceEvaluator(exposed(quantized_model(p), "x/dequantized", "t1/dequantized", "y"))
    real = [reference.run(None, s) for s in data]
    have = [other.run(None, s) for s in data]
    want = {
        "x": sqnr([s["x"] for s in data], [h[0] for h in have]),
        "conv1": sqnr([r[0] for r in real], [h[1] for h in have]),
        "conv2": sqnr([r[1] for r in real], [h[2] for h in have]),
    }
    # A sum that rounds to the other integer here or there, as order of summation differs: far below 0.1 dB.
    assert {name: layer.sqnr_db for name, layer in layers.items()} == pytest.approx(want, abs=0.1)
    assert report.quantized.sqnr_db == pytest.approx(want["conv2"], abs=0.1)
    assert [layer.op for layer in report.layers] == ["Input", "Conv", "Conv"]
    assert report.quantized.cosine > 0.999 and report.reference.cosine is None
    # Alone, conv2 reads the float t1.
    last = exposed(quantized_model(p), "y")
    for node in last.graph.node:
        node.input[:] = ["t1/given" if i == "t1/dequantized" else i for i in node.input]
    last.graph.input.append(helper.make_tensor_value_info("t1/given", TensorProto.FLOAT, None))
    alone = ReferenceEvaluator(last)
    own = [alone.run(None, {**s, "t1/given": r[0]})[0] for s, r in zip(data, real, strict=True)]
    assert layers["conv2"].own_sqnr_db == pytest.approx(sqnr([r[1] for r in real], own), abs=0.1)
    assert layers["conv2"].own_sqnr_db > layers["conv2"].sqnr_db + 1


def test_good_models_have_nothing_to_suggest():
    report, _ = report_of(parts(t1_scale=0.02, y_scale=0.045))
    assert [layer.suggestion for layer in report.layers if layer.cause != "inherited"] == ["", "", ""]
    assert len(worst(report.layers)) == 1 and report.notes == ()


def test_narrow_ranges_clip_and_the_layers_behind_inherit():
    report, layers = report_of(parts(t1_scale=0.004))
    assert layers["conv1"].cause == "clipping" and "outside the range" in layers["conv1"].suggestion
    assert layers["conv2"].cause == "inherited" and "conv1" in layers["conv2"].suggestion
    assert [x.name for x in worst(report.layers)] == ["conv1"]


@pytest.mark.parametrize(
    ("levels", "name", "advice"),
    [((-3, -1, 1, 3), "int2", "int4"), (range(-7, 8), "int4", "int8"), ((-1, 0, 1), "ternary", "int4"),
     ((-1, 1), "binary", "int4")],
)  # fmt: skip
def test_few_bits(levels, name, advice):
    report, layers = report_of(parts(t1_scale=0.02, w2_levels=tuple(levels)))
    assert (layers["conv2"].weights, layers["conv2"].cause) == (name, "weights")
    assert f"--weights conv2={advice}" in layers["conv2"].suggestion
    assert worst(report.layers)[0].name == "conv2"
    assert layers["conv1"].weights == "int8" and layers["x"].weights is None


def test_outliers_take_the_range():
    data = samples()
    data[3]["x"][0, 1, 2, 2] = 300.0
    _, layers = report_of(parts(x_scale=300 / 127), data)
    assert layers["x"].cause == "rounding" and "percentile" in layers["x"].suggestion
    assert "root mean square" in layers["x"].suggestion


def test_one_large_channel():
    p = parts(t1_scale=1.6)
    p.w1[3] *= 80
    p.w2[:, 3] = 0  # nothing reads the large channel
    _, layers = report_of(p)
    # The error of conv1 is small beside its large channel; the others are lost, which shows behind it.
    assert layers["conv1"].own_sqnr_db > layers["conv2"].sqnr_db + 10
    assert layers["conv2"].cause == "channels"
    assert worst(list(layers.values()))[0].name == "conv2"
    assert "one channel of conv1" in layers["conv2"].suggestion and "--equalize" in layers["conv2"].suggestion


def test_unequal_channels_are_to_be_equalized():
    data = samples()
    for sample in data:
        sample["x"][:, 0] *= 30
        sample["x"][:, 0, 1:] = 0  # few of them, so that they do not carry all of the signal
    _, layers = report_of(parts(x_scale=1.0), data)
    assert layers["x"].cause == "rounding" and "equalize" in layers["x"].suggestion


@pytest.mark.parametrize(
    ("weights", "advice"),
    [
        (Weights("int8", False, 1.0), "per channel"),
        (Weights("int8", True, 40.0), "differ by 40 times: quantize with --equalize"),
        (Weights("int8", True, 1.0), "--bias-correction"),
        (Weights("int4", False, 1.0), "--weights LAYER=int8"),
    ],
)
def test_what_weights_are_told(weights, advice):
    meter = LayerMeter(Pair("t", ("t/dequantized",), None, "conv", "Conv", weights, ("x",)))
    meter.elements, meter.signal, meter.noise, meter.own_noise, meter.rounding_noise = (
        100,
        100.0,
        2.0,
        1.9,
        0.1,
    )
    cause, suggestion = diagnose(meter, {"t": meter}, {"conv": "short"})
    assert cause == "weights" and advice in suggestion
    meter.own_noise, meter.noise = 0.02, 0.02
    meter.rounding_noise = 0.001
    if weights == Weights("int8", True, 1.0):
        assert diagnose(meter, {"t": meter}, {"conv": "short"}) == ("weights", "")


def test_scales_of_weights_are_seen():
    p = parts(w2_per_tensor=True)
    pairs = {x.layer: x for x in find_pairs(float_model(p), quantized_model(p))}
    assert not pairs["conv2"].weights.per_channel and pairs["conv1"].weights.per_channel
    assert pairs["conv2"].sources == ("t1",) and pairs["conv1"].sources == ("x",)


def test_many_small_errors():
    def layer(name, sqnr_db, own, cause):
        return LayerAccuracy(name, name, "Conv", "int8", sqnr_db, own, cause)

    deep = [layer("a", 40.0, 40.0, "rounding"), layer("b", 12.0, 41.0, "inherited")]
    assert "no layer stands out" in summary_notes(deep)[0]
    assert summary_notes([layer("a", 12.0, 12.0, "weights"), *deep[1:]]) == ()
    assert summary_notes(deep[:1]) == ()


def test_labels_and_progress():
    told = []
    labels = np.arange(12) % 2
    report, _ = report_of(parts(), labels=labels, progress=lambda *count: told.append(count))
    assert told == [(i + 1, 12) for i in range(12)]
    assert (
        report.task == "classes" and report.quantized.top1 is not None and report.reference.top1 is not None
    )
    data = report.data()
    assert data["samples"] == 12 and data["float"]["samples"] == 12 and len(data["layers"]) == 3


def test_data_outside_the_inputs_range_is_noted():
    data = [{"x": 100 * s["x"]} for s in samples()]
    report, _ = report_of(parts(), data)
    assert len(report.notes) == 1 and "input x" in report.notes[0] and "-5.12 .. 5.08" in report.notes[0]


def test_models_without_common_tensors_say_so():
    p = parts()
    other = float_model(p)
    for node in other.graph.node:
        node.input[:] = [f"{i}'" if i in ("c1", "t1") else i for i in node.input]
        node.output[:] = [f"{i}'" if i in ("c1", "t1") else i for i in node.output]
    pairs = find_pairs(other, quantized_model(p))
    assert [x.tensor for x in pairs] == ["x", "y"]
    assert compare(other, float_model(p), samples()).notes


def test_a_quantized_model_alone():
    report = compare(None, quantized_model(parts()), samples(), np.zeros(12, np.int64))
    assert report.reference is None and report.layers == () and report.quantized.mse is None


def test_refused():
    p = parts()
    with pytest.raises(UsageError) as empty:
        compare(float_model(p), quantized_model(p), [])
    assert empty.value.code == "EW-DATA-EMPTY"
    with pytest.raises(UsageError) as count:
        compare(float_model(p), quantized_model(p), samples(), np.zeros(3, np.int64))
    assert count.value.code == "EW-LABELS-COUNT"
    other = float_model(p)
    other.graph.input[0].name = "z"
    other.graph.node[0].input[0] = "z"
    with pytest.raises(ModelError) as models:
        compare(other, quantized_model(p), samples())
    assert models.value.code == "EW-EVAL-MODELS" and "z [1, 4, 6, 6]" in models.value.message
    broken = float_model(p)
    broken.graph.node[0].op_type = "NoSuchOp"
    with pytest.raises(ModelError) as failed:
        compare(None, broken, samples(), np.zeros(12, np.int64))
    assert failed.value.code == "EW-EVAL-ONNX"


def test_binary_layers_are_compared_where_bits_flow_between_them():
    rng = np.random.default_rng(2)
    weights = [rng.standard_normal((4, 4, 3, 3)).astype(np.float32) for _ in range(2)]
    nodes, constants = [], []
    for i, (source, target) in enumerate((("x", "t1"), ("t1", "y"))):
        for name, value in (
            ("shift", np.zeros((1, 4, 1, 1), np.float32)),
            ("signs", np.where(weights[i] < 0, -1, 1).astype(np.int8)),
            ("scale", np.full((1, 4, 1, 1), np.abs(weights[i]).mean(), np.float32)),
            ("bias", np.zeros((1, 4, 1, 1), np.float32)),
        ):
            constants.append(numpy_helper.from_array(value, f"{name}{i}"))
        inputs = [source, *(f"{n}{i}" for n in ("shift", "signs", "scale", "bias"))]
        nodes.append(binary_conv(inputs, target, name=f"conv{i}"))
    ports = [
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s)]
        for n, s in (("x", X_SHAPE), ("y", (1, 4, 2, 2)))
    ]
    opsets = [helper.make_opsetid("", 21)]
    graph = helper.make_graph(nodes, "binary", *ports, constants)
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    add_functions(model)
    plain = [
        helper.make_node("Conv", ["x", "w0"], ["t1"], name="conv0"),
        helper.make_node("Conv", ["t1", "w1"], ["y"], name="conv1"),
    ]
    named = [numpy_helper.from_array(w, f"w{i}") for i, w in enumerate(weights)]
    reference = helper.make_model(
        helper.make_graph(plain, "plain", *ports, named), opset_imports=opsets, ir_version=10
    )
    report = compare(reference, model, samples())
    assert [(x.name, x.op, x.weights, x.cause) for x in report.layers] == [
        ("conv0", "BinaryConv", "binary", "binary"),
        ("conv1", "BinaryConv", "binary", "binary"),
    ]
    assert "edgewright binarize" in report.layers[0].suggestion
    # conv1 alone sees the signs of what the float model's conv0 makes.
    assert report.layers[1].own_sqnr_db != report.layers[1].sqnr_db
