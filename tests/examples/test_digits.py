"""The committed example model: what it promises, and that its script still makes it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "digits"
MODEL = FOLDER / "digits_int8.onnx"


def test_recognizes_the_samples():
    samples = np.load(FOLDER / "samples.npz")
    session = onnxruntime.InferenceSession(MODEL, providers=["CPUExecutionProvider"])
    scores = [session.run(["scores"], {"image": image[None]})[0] for image in samples["image"]]
    assert len(scores) == 32
    assert (np.concatenate(scores).argmax(axis=1) == samples["label"]).sum() >= 31


def test_float_model_recognizes_the_test_images():
    test = np.load(FOLDER / "test.npz")
    session = onnxruntime.InferenceSession(FOLDER / "digits_float.onnx", providers=["CPUExecutionProvider"])
    scores = [session.run(["scores"], {"image": image[None]})[0] for image in test["image"]]
    assert len(scores) == 360
    assert (np.concatenate(scores).argmax(axis=1) == test["label"]).mean() >= 0.99
    assert np.load(FOLDER / "calibration.npz")["image"].shape == (100, 1, 8, 8)


def test_is_small_and_int8_per_channel():
    assert MODEL.stat().st_size < 60_000
    model = onnx.load(MODEL)
    weights = {i.name: onnx.numpy_helper.to_array(i) for i in model.graph.initializer}
    layers = [n for n in model.graph.node if n.op_type in ("Conv", "Gemm")]
    assert [n.name for n in layers] == ["conv1", "dw1", "pw1", "dw2", "pw2", "fc"]
    for layer in layers:
        weight = weights[f"{layer.name}_weight_quantized"]
        assert weight.dtype == np.int8
        assert weights[f"{layer.name}_weight_scale"].shape == (weight.shape[0],)
    # Only the image and the scores are float: everything between is quantized.
    float_ends = [n.op_type for n in model.graph.node if "image" in n.input or "scores" in n.output]
    assert float_ends == ["QuantizeLinear", "DequantizeLinear"]


def test_script_writes_an_accurate_model(tmp_path):
    for package in ("torch", "sklearn"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"needs {package} of the extra [train]")
    command = [sys.executable, str(FOLDER / "train.py"), "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "digits_int8.onnx").stat().st_size < 60_000
    fresh, committed = np.load(tmp_path / "samples.npz"), np.load(FOLDER / "samples.npz")
    assert all(np.array_equal(fresh[k], committed[k]) for k in ("image", "label"))
