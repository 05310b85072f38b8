"""The time-streaming benchmark: its figures on the emulated board, and its judgement."""

from __future__ import annotations

import json

import pytest

from benchmarks import time_streaming
from benchmarks.locate import ENVIRONMENT
from benchmarks.time_streaming import figures_of
from tests.runtime.bare_metal import needs
from tests.shared import shared_path


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """(exit status, the file) of a short run."""
    needs("qemu-system-arm", "arm-none-eabi-gcc")
    models = shared_path("models/mlperf_tiny")
    out = tmp_path_factory.mktemp("bench") / "new" / "time_streaming.json"
    status = time_streaming.main(["--models", str(models), "--steps", "100", "--out", str(out)])
    return status, json.loads(out.read_text())


def test_figures_of_the_emulated_board(measured):
    status, document = measured
    result = document["result"]
    assert status == 0 and document["ok"] and document["board"] == "mps2-an386"
    assert result["steps_compared"] == result["feature_steps_compared"] == 100
    assert result["mismatches"] == result["feature_mismatches"] == 0
    assert result["distinct_features"] > 90
    assert result["macs_ratio"] <= 0.065
    assert result["state_bytes"] == 3_544
    assert result["arena_used_bytes"] == result["arena_bytes"]
    assert 0 < result["cycles_a_step"] < 0.1 * result["cycles_a_window"]


@pytest.mark.parametrize(
    "key, value",
    [
        ("macs_ratio", 0.066),
        ("state_bytes", 4_201),
        ("mismatches", 1),
        ("steps_compared", 0),
        ("feature_mismatches", 1),
        ("arena_used_bytes", 3_900),
        ("arena_used_bytes", 3_944),
    ],
)
def test_a_missed_limit_is_noticed(measured, key, value):
    result = measured[1]["result"]
    assert all(f.ok for f in figures_of(result))
    assert [f.ok for f in figures_of(result | {key: value})].count(False) == 1


def test_missing_model(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    assert time_streaming.main(["--models", str(tmp_path), "--out", str(tmp_path / "x.json")]) == 2
    assert "EW-BENCH-FILES" in capsys.readouterr().err
    assert not (tmp_path / "x.json").exists()


def test_no_steps():
    with pytest.raises(SystemExit) as ended:
        time_streaming.main(["--steps", "0"])
    assert ended.value.code == 2
