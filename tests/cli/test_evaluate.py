"""`edgewright evaluate` on the example model, its build and its samples."""

from __future__ import annotations

import json

import numpy as np
import pytest

from edgewright.runtime import evaluate as runtime_evaluate
from tests.cli.runner import DIGITS, SAMPLES, cli, cli_json, tree

KEYS = {
    "schema_version", "status", "on", "model", "output", "task", "samples", "top1", "top5", "auc", "mse",
    "cosine", "sqnr_db", "float", "layers", "notes", "seconds", "written",
}  # fmt: skip


def test_model_file():
    document = cli_json("evaluate", DIGITS, "--data", SAMPLES, "--labels", SAMPLES).document
    assert set(document) == KEYS
    assert (document["on"], document["samples"], document["task"]) == ("onnxruntime", 32, "classes")
    assert document["top1"] == 1.0 and document["top5"] == 1.0 and document["auc"] == 1.0
    assert [document[k] for k in ("mse", "cosine", "sqnr_db", "float")] == [None] * 4
    text = cli("evaluate", DIGITS, "--data", SAMPLES, "--labels", SAMPLES).out
    assert text.startswith("digits_int8.onnx in onnxruntime, 32 samples") and "100.00 %" in text


def test_build_on_host_and_emulator(built, tmp_path):
    options = ("--data", SAMPLES, "--labels", f"{SAMPLES}:label", "--float", DIGITS)
    before = tree(built)
    host = cli_json("evaluate", built, *options, "--on", "host", "-o", tmp_path / "r").document
    emulated = cli_json("evaluate", built, *options, "--limit", 6).document
    assert (host["on"], host["samples"], host["top1"]) == ("host", 32, 1.0)
    assert (emulated["on"], emulated["samples"], emulated["top1"]) == ("emulator", 6, 1.0)
    # The reference of onnxruntime, step by step in float, rounds to another integer now and then.
    assert host["cosine"] > 0.9999 and host["float"]["top1"] == 1.0
    again = cli_json("evaluate", built, *options, "--on", "host", "--limit", 6).document
    same = ("top1", "top5", "auc", "mse", "cosine", "sqnr_db")
    assert [again[k] for k in same] == [emulated[k] for k in same], "the emulator computes what the host does"
    assert tree(built) == before
    assert json.loads((tmp_path / "r" / "accuracy.json").read_text())["on"] == "host"


@pytest.mark.parametrize(
    ("code", "options"),
    [
        ("EW-EVAL-NOTHING", ("--data", SAMPLES)),
        ("EW-EVAL-ON", ("--data", SAMPLES, "--labels", SAMPLES, "--on", "host")),
        ("EW-DATA-MISSING", ("--data", "none.npz", "--labels", SAMPLES)),
        ("EW-DATA-NAME", ("--data", f"{SAMPLES}:none", "--labels", SAMPLES)),
        ("EW-DATA-SHAPE", ("--data", f"{SAMPLES}:label", "--labels", SAMPLES)),
        ("EW-LABELS-FILE", ("--data", SAMPLES, "--labels", "none.csv")),
        ("EW-SPEC-FILE", ("--data", SAMPLES, "--labels", SAMPLES, "--preprocess", "none.toml")),
        ("EW-MODEL-MISSING", ("--data", SAMPLES, "--float", "none.onnx")),
        ("EW-USAGE", ("--data", SAMPLES, "--labels", SAMPLES, "--limit", 0)),
        ("EW-USAGE", ("--labels", SAMPLES)),
    ],
)
def test_refused(code, options):
    assert cli_json("evaluate", DIGITS, *options).code == code


def test_refused_builds(built, tmp_path, monkeypatch):
    assert cli_json("evaluate", tmp_path, "--data", SAMPLES, "--labels", SAMPLES).code == "EW-BUILD-MISSING"
    labels = tmp_path / "l.npy"
    np.save(labels, np.zeros(5, np.int64))
    options = ("--data", SAMPLES, "--labels", labels, "--on", "host")
    assert cli_json("evaluate", built, *options).code == "EW-LABELS-COUNT"
    result = cli_json("evaluate", built, "--data", SAMPLES, "--labels", SAMPLES, "--port", "/dev/none")
    assert result.status == 3
    # EDGEWRIGHT_PORT may be set for good: it does not keep a build from running elsewhere.
    monkeypatch.setenv("EDGEWRIGHT_PORT", "/dev/none")
    options = ("--data", SAMPLES, "--labels", SAMPLES)
    assert cli_json("evaluate", built, *options, "--on", "host").document["on"] == "host"
    assert cli_json("evaluate", DIGITS, *options).document["on"] == "onnxruntime"


def test_interrupted(monkeypatch, built):
    real = runtime_evaluate.evaluate_program

    def interrupted(*arguments, progress, **options):
        def counted(done, total):
            progress(done, total)
            if done == 5:
                raise KeyboardInterrupt

        return real(*arguments, progress=counted, **options)

    monkeypatch.setattr(runtime_evaluate, "evaluate_program", interrupted)
    result = cli_json("evaluate", built, "--data", SAMPLES, "--labels", SAMPLES, "--on", "host")
    assert (result.status, result.code) == (130, "EW-INTERRUPTED")
    assert "5 of 32 samples" in result.document["error"]["message"]
