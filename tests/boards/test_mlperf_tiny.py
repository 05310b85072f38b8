"""The five MLPerf Tiny models on an emulated Cortex-M4: equal to LiteRT, and within the promised figures.

`make bench` does the same with all inputs on all boards; here a few inputs keep regressions out. One plan,
the one for the promised arena, keeps the limits of cycles, arena and code.
"""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.figures import M4_BOARD, MODELS, SMALL_BOARD
from benchmarks.measure import make_reference, run_on_board
from tests.cli.runner import cli_json
from tests.shared import shared_path

INPUTS = 4
BY_KEY = {m.key: m for m in MODELS}


@pytest.mark.parametrize("key", BY_KEY)
def test_equal_to_litert_and_within_limits(key, tmp_path):
    model = BY_KEY[key]
    path = shared_path(f"models/mlperf_tiny/{model.file}")
    made = make_reference(path, None, INPUTS, tmp_path / "reference.npz")
    assert made == {"inputs": INPUTS, "golden_equals_litert": INPUTS}
    arena = model.arena_bytes(M4_BOARD)
    run = run_on_board(path, M4_BOARD, tmp_path / "reference.npz", tmp_path / "build", arena)
    assert "error" not in run
    assert (run["inputs"], run["equal_golden"], run["equal_litert"]) == (INPUTS, INPUTS, INPUTS)
    assert run["estimated_cycles"] <= model.limits.m4_cycles
    assert run["arena_bytes"] <= model.limits.arena_bytes
    assert run["code_bytes"] <= model.limits.code_bytes
    assert run["arena_used_bytes"] <= run["arena_bytes"]
    assert run["stack_used_bytes"] <= run["stack_bytes"] <= model.incumbent.stack_bytes


def test_real_inputs_are_recognized(tmp_path):
    path = shared_path("models/mlperf_tiny/kws_ref_model.tflite")
    inputs = shared_path("data/kws01/kws01_first500.npz")
    make_reference(path, inputs, 20, tmp_path / "reference.npz")
    run = run_on_board(path, M4_BOARD, tmp_path / "reference.npz", tmp_path / "build")
    assert (run["equal_golden"], run["equal_litert"]) == (20, 20)
    assert run["top1"] == run["top1_litert"] >= 18


def test_keyword_spotting_in_16_kb(tmp_path):
    """Rows that overtake, or line buffers: 25 x 5 x 64 bytes a layer would not fit twice."""
    path = shared_path("models/mlperf_tiny/kws_ref_model.tflite")
    result = cli_json("deploy", path, "-b", SMALL_BOARD, "--cases", "3", "-o", tmp_path / "build")
    assert result.status == 0
    report = result.document["report"]
    assert report["verify"]["mismatches"] == 0
    assert report["memory"]["arena_bytes"] == report["memory"]["arena_used_bytes"] <= 12_000
    assert report["memory"]["ram_bytes"] <= 16_384


@pytest.mark.parametrize("command", ["build", "deploy"])
@pytest.mark.parametrize("key", ["IC", "VWW"])
def test_a_board_that_is_too_small(tmp_path, command, key):
    """The error says by how much, and what is the largest; nothing is written."""
    path = shared_path(f"models/mlperf_tiny/{BY_KEY[key].file}")
    options = ("--schedule", "layer", "--input", "resident", "-o", tmp_path / "out" / "build")
    refused = cli_json(command, path, "-b", SMALL_BOARD, *options)
    assert (refused.status, refused.code) == (1, "EW-PLAN-MEMORY")
    error = refused.document["error"]
    assert 15_000 < error["available_bytes"] < 16_384
    assert error["excess_bytes"] == error["required_bytes"] - error["available_bytes"] > 0
    assert "--schedule auto" in error["hint"]
    # The layer names of these models are hundreds of characters long.
    message = error["message"].splitlines()
    assert message[1].startswith("  input resident: ") and "; largest moment: " in message[1]
    assert max(map(len, message)) < 250
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_the_reference_is_saved_as_it_was(tmp_path):
    """The benchmark's references are arrays by case: what the comparison relies on."""
    path = shared_path("models/mlperf_tiny/ad01_int8.tflite")
    make_reference(path, None, 3, tmp_path / "reference.npz")
    with np.load(tmp_path / "reference.npz") as arrays:
        assert {k: v.shape for k, v in arrays.items()} == dict.fromkeys(
            ("inputs", "golden", "litert"), (3, 1, 640)
        )
        damaged = {k: v.copy() for k, v in arrays.items()}
    damaged["golden"][1, 0, 7] ^= 1
    damaged["litert"][2] ^= 1
    np.savez(tmp_path / "damaged.npz", **damaged)
    run = run_on_board(path, M4_BOARD, tmp_path / "damaged.npz", tmp_path / "build")
    assert (run["inputs"], run["equal_golden"], run["equal_litert"]) == (3, 2, 2)
