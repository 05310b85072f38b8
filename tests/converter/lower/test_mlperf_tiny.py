"""The five MLPerf Tiny models, from the .tflite file to the rewritten program, equal LiteRT bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from edgewright.converter.importers import load_model
from edgewright.converter.lower import check_model, lower
from edgewright.converter.rewrites import rewrite
from tests.shared import shared_path

FILES = {
    "pretrainedResnet_quant": 12_501_632,
    "kws_ref_model": 2_656_768,
    "vww_96_int8": 3_766_476,
    "ad01_int8": 264_192,
    "str_ww_ref_model": 826_368,
}
RUNS = 20


def _reference(path):
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_path=str(path), experimental_op_resolver_type=OpResolverType.BUILTIN_REF, num_threads=1
    )
    interpreter.allocate_tensors()
    source, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]

    def run(x):
        interpreter.set_tensor(source["index"], x)
        interpreter.invoke()
        return interpreter.get_tensor(result["index"])

    return run, tuple(source["shape"])


@pytest.mark.parametrize("name", FILES)
def test_equal_to_litert(name):
    path = shared_path(f"models/mlperf_tiny/{name}.tflite")
    imported = load_model(path)
    assert check_model(imported) == []
    lowered = lower(imported)
    program = rewrite(lowered)
    assert program.macs == FILES[name]
    assert not any(n.op.kind in ("transpose", "requantize") for n in program.nodes)
    run, shape = _reference(path)
    (source,), (result,) = program.inputs, program.outputs
    rng = np.random.default_rng(1)
    for _ in range(RUNS):
        x = rng.integers(-128, 128, shape).astype(np.int8)
        got = program.run({source.name: x})[result.name]
        assert np.array_equal(got, run(x))
        assert np.array_equal(got, lowered.run({source.name: x})[result.name])


def test_kws_on_real_inputs():
    path = shared_path("models/mlperf_tiny/kws_ref_model.tflite")
    inputs = np.load(shared_path("data/kws01/kws01_first500.npz"))["inputs"]
    program = rewrite(lower(load_model(path)))
    run, shape = _reference(path)
    (source,), (result,) = program.inputs, program.outputs
    for x in inputs:
        got = program.run({source.name: x.reshape(shape)})[result.name]
        assert np.array_equal(got, run(x.reshape(shape)))


def test_names_of_the_model_survive():
    imported = load_model(shared_path("models/mlperf_tiny/kws_ref_model.tflite"))
    program = lower(imported)
    assert program.name == "kws_ref_model" and len(program.source_sha256) == 64
    named = {n.name for n in imported.model.graph}
    assert all(n.name in named for n in program.nodes)
    stored = {v.name for n in imported.model.graph for v in n.outputs}
    assert all(n.output in stored for n in program.nodes)


@pytest.mark.parametrize(
    "name",
    ["kws_ref_model_float32.tflite", "vww_96_float.tflite", "float_onnx/kws_f.onnx", "ad01_fp32.tflite"],
)
def test_float_models_are_refused(name):
    imported = load_model(shared_path(f"models/mlperf_tiny/{name}"))
    (problem,) = check_model(imported)
    assert problem.code == "EW-MODEL-FLOAT" and "edgewright quantize" in problem.hint
