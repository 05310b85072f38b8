"""The quantization benchmark: its judgement, and the command it times."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from benchmarks.quantization.figures import figures_of
from benchmarks.quantization.measure import COSINE_MODELS, quantize_kws, top1
from edgewright.errors import WorkError
from tests.shared import shared_path

RUN = {"seconds": 3.0, "peak_bytes": 200 << 20, "inputs": 400, "equal_golden": 400, "top1": 0.9}
GOOD = {
    "kws": {
        "float": {"top1": 0.9, "inputs": 400},
        "int8": RUN | {"weights_bytes": 100, "int8_weights_bytes": 100, "device_weights_bytes": 120},
        "int4": RUN | {"weights_bytes": 57, "int8_weights_bytes": 100, "device_weights_bytes": 77},
    },
    **{m.key: {"cosine": 0.999} for m in COSINE_MODELS},
    "large": {"seconds": 20.0, "peak_bytes": 1 << 30},
}


def test_good_results_are_good():
    figures = figures_of(GOOD)
    assert all(f.ok for f in figures) and len(figures) == 13


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("kws", "int8", "top1"), 0.8945),
        (("kws", "int4", "top1"), 0.879),
        (("kws", "int8", "equal_golden"), 399),
        (("kws", "int4", "inputs"), 0),
        (("kws", "int4", "weights_bytes"), 59),
        (("kws", "int8", "seconds"), 15.1),
        (("IC", "cosine"), 0.9949),
        (("large", "seconds"), 121),
        (("large", "peak_bytes"), (4 << 30) + 1),
        (("kws", "int4", "error"), {"code": "EW-X", "message": "no"}),
    ],
)
def test_each_limit_is_kept(path, value):
    results = copy.deepcopy(GOOD)
    place = results
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert [f.ok for f in figures_of(results)].count(False) == 1


def test_the_command_is_timed_and_its_failure_told(tmp_path):
    model = shared_path("models/mlperf_tiny/float_onnx/kws_f.onnx")
    inputs = shared_path("data/kws01/kws01_first500.npz")
    result = quantize_kws(model, inputs, "int4", tmp_path)
    assert 0 < result["seconds"] < 60 and 10 << 20 < result["peak_bytes"] < 4 << 30
    assert result["samples"] == 100 and result["weights_bytes"] <= 0.58 * result["int8_weights_bytes"]
    with pytest.raises(WorkError) as caught:
        quantize_kws(tmp_path / "nothing.onnx", inputs, "int8", tmp_path)
    assert "EW-MODEL-MISSING" in caught.value.message


def test_top1_takes_the_first_of_equals():
    assert top1(np.array([[1, 1, 0], [0, 2, 2]]), np.array([0, 2])) == 0.5
