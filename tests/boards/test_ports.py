"""Models with several inputs and outputs, of several types, through all of deploy."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest

from tests.boards.tampering import flip_weight_in_program
from tests.cli.runner import DIGITS, SAMPLES, cli, cli_json
from tests.converter.lower.qdq import Qdq, open_session

BOARD = "mps2-an386"


def two_in_two_out(io):
    """left [1,4,6,6] and right [1,4,1,1]; product through a convolution, and maximum pooling of the sum."""
    g = Qdq("int8", io=io, seed=3)
    left, right = g.input("left", (1, 4, 6, 6)), g.input("right", (1, 4, 1, 1), scale=0.1, zero_point=-7)
    product = g.quantized(g.node("Mul", [left, right]))
    weights = g.weights(g.rng.normal(size=(5, 4, 3, 3)), axis=0)
    first = g.quantized(g.node("Conv", [product, weights], pads=[1, 1, 1, 1], strides=[2, 2]))
    total = g.quantized(g.node("Add", [left, right]))
    # A pooling keeps its input's quantization.
    scale, zero_point = 0.25, 4
    second = g.quantized(total, scale, zero_point)
    second = g.quantized(g.node("MaxPool", [second], kernel_shape=[2, 2], strides=[2, 2]), scale, zero_point)
    return g.model(first, second)


@pytest.fixture(scope="module", params=["int", "float"])
def model(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("ports") / f"ports_{request.param}.onnx"
    onnx.save(two_in_two_out(request.param), path)
    return path


def kinds(folder):
    return [layer["kind"] for layer in json.loads((folder / "manifest.json").read_text())["layers"]]


def test_several_ports(model, tmp_path):
    out = tmp_path / "build"
    deployed = cli_json("deploy", model, "-b", BOARD, "-o", out, "--cases", 6, "--layers")
    assert deployed.status == 0, deployed.out
    verify = deployed.document["report"]["verify"]
    assert verify["outputs"] == 6 * (5 * 3 * 3 + 4 * 3 * 3)
    manifest = json.loads((out / "manifest.json").read_text())
    dtype = "float32" if "float" in model.name else "int8"
    assert [p["dtype"] for p in manifest["inputs"] + manifest["outputs"]] == [dtype] * 4
    assert [p["name"] for p in manifest["inputs"]] == ["left", "right"]
    assert ("quantize" in kinds(out)) == (dtype == "float32") == ("dequantize" in kinds(out))
    _check_run(model, out, dtype, tmp_path)
    flip_weight_in_program(out, next(n["name"] for n in manifest["layers"] if n["kind"] == "conv"))
    assert cli_json("verify", out, "--cases", 3).code == "EW-VERIFY-MISMATCH"


def _check_run(model, out, dtype, folder):
    """`run` with inputs by name writes outputs by name, within one step of onnxruntime's."""
    rng = np.random.default_rng(5)
    session = open_session(onnx.load(model))
    shapes = {"left": (3, 1, 4, 6, 6), "right": (3, 1, 4, 1, 1)}
    if dtype == "int8":
        inputs = {k: rng.integers(-128, 128, s).astype(np.int8) for k, s in shapes.items()}
    else:
        inputs = {k: rng.normal(0, 2, s).astype(np.float32) for k, s in shapes.items()}
    np.savez(folder / "in.npz", **inputs)
    ran = cli_json("run", out, "--inputs", folder / "in.npz", "--cases", 10, "-o", folder / "out.npz")
    assert ran.status == 0 and ran.document["cases"] == 3
    with np.load(folder / "out.npz") as outputs:
        names = [o.name for o in session.get_outputs()]
        assert sorted(outputs) == sorted(names)
        for case in range(3):
            expected = session.run(None, {k: v[case] for k, v in inputs.items()})
            for name, want in zip(names, expected, strict=True):
                step = 1 if dtype == "int8" else np.unique(np.abs(np.diff(np.unique(outputs[name])))).min()
                got = outputs[name][case].astype(np.float64)
                assert np.abs(got - want).max() <= step * 1.001
    missing = {"left": inputs["left"]}
    np.savez(folder / "in.npz", **missing)
    assert cli_json("run", out, "--inputs", folder / "in.npz").code == "EW-INPUT-NAME"


def test_float_ports_can_be_dropped(model, tmp_path):
    out = tmp_path / "build"
    assert cli("build", model, "-b", BOARD, "-o", out, "--io", "int8").status == 0
    manifest = json.loads((out / "manifest.json").read_text())
    assert all(p["dtype"] == "int8" and p["scale"] for p in manifest["inputs"] + manifest["outputs"])
    assert not {"quantize", "dequantize"} & set(kinds(out))
    assert cli("verify", out, "--cases", 4).status == 0


def test_both_ways_recognize_the_samples(tmp_path):
    """Float images on the device, and images quantized on the host, give the same digits."""
    samples = np.load(SAMPLES)
    found = {}
    for io in ("source", "int8"):
        out, images = tmp_path / io, samples["image"][:, None]
        assert cli("build", DIGITS, "-b", BOARD, "-o", out, "--io", io).status == 0
        (port,) = json.loads((out / "manifest.json").read_text())["inputs"]
        if io == "int8":
            images = np.clip(np.rint(images / port["scale"]) + port["zero_point"], -128, 127).astype(np.int8)
        np.savez(tmp_path / f"{io}.npz", image=images)
        result = tmp_path / f"{io}_out.npz"
        assert cli("run", out, "--inputs", tmp_path / f"{io}.npz", "--cases", 32, "-o", result).status == 0
        with np.load(result) as outputs:
            found[io] = outputs["scores"].reshape(32, 10).argmax(axis=1)
    assert np.array_equal(found["source"], found["int8"])
    assert (found["source"] == samples["label"]).sum() >= 31
