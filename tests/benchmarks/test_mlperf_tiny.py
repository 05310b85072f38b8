"""The benchmark's judgement, table and files, on invented results; its measurements: tests/boards."""

from __future__ import annotations

import json

import pytest

from benchmarks import mlperf_tiny
from benchmarks.figures import BOARDS, MODELS, SMALL_BOARD
from benchmarks.locate import ENVIRONMENT, locate
from benchmarks.results import TOP1, figures_of, row_of_board
from benchmarks.table import MISSED, print_table, table_rows
from edgewright.errors import UsageError

KWS = next(m for m in MODELS if m.key == "KWS")
RUN = {
    **{"inputs": 500, "equal_golden": 500, "equal_litert": 500, "top1": 449, "top1_litert": 449},
    **{"estimated_cycles": 5_760_177, "instructions": 4_108_961, "arena_bytes": 16_384},
    **{"code_bytes": 7_074, "stack_bytes": 352},
}
REFUSED = {"error": {"code": "EW-MEM-OVER", "message": "…", "excess_bytes": 644}}


def results(changes=None, board="mps2-an386"):
    """Good results of KWS, those of one board changed."""
    runs = {("KWS", b): dict(RUN) for b in BOARDS}
    runs["KWS", board] = runs["KWS", board] | (changes or {})
    return runs | {("KWS", "deploy"): {"seconds": 5.0}, ("KWS", SMALL_BOARD): REFUSED}


def missed(runs, quick=False):
    return [f.row for f in figures_of(KWS, runs, quick) if not f.ok]


def test_good_results_miss_nothing():
    assert missed(results()) == []


@pytest.mark.parametrize(
    ("changes", "row"),
    [
        ({"equal_golden": 499}, row_of_board("mps2-an386")),
        ({"equal_litert": 499}, row_of_board("mps2-an386")),
        ({"inputs": 99, "equal_golden": 99, "equal_litert": 99}, row_of_board("mps2-an386")),
        ({"top1": 448}, TOP1),
        ({"estimated_cycles": 6_000_001}, "M4 est. cycles, M"),
        ({"estimated_cycles": None}, "M4 est. cycles, M"),
        ({"arena_bytes": 18_001}, "arena, bytes"),
        ({"code_bytes": 20_001}, "code + rodata, bytes"),
    ],
)
def test_each_limit_can_be_missed(changes, row):
    assert missed(results(changes)) == [row]


def test_a_run_that_failed_misses_what_it_would_have_shown():
    failed = {("KWS", "mps2-an386"): {"error": {"code": "EW-DEV-TIMEOUT", "message": "…"}}}
    figures = figures_of(KWS, results() | failed, False)
    shown = {f.row: f for f in figures}
    assert shown[row_of_board("mps2-an386")].text == "EW-DEV-TIMEOUT"
    assert not shown["arena, bytes"].ok and not shown["M4 est. cycles, M"].ok


def test_wall_time_and_the_small_board():
    slow = {("KWS", "deploy"): {"seconds": 30.0}}
    assert missed(results() | slow) == ["deploy, s wall"]
    broken = {("KWS", "deploy"): {"error": {"code": "EW-BENCH-DEPLOY", "message": "…"}}}
    assert missed(results() | broken) == ["deploy, s wall"]
    runs_there = {("KWS", SMALL_BOARD): {"inputs": 500, "equal_golden": 500, "equal_litert": 500}}
    assert missed(results() | runs_there) == []
    wrong_there = {("KWS", SMALL_BOARD): {"inputs": 500, "equal_golden": 499, "equal_litert": 499}}
    assert missed(results() | wrong_there) == [f"on {SMALL_BOARD}, 16 KB"]
    crashed = {("KWS", SMALL_BOARD): {"error": {"code": "EW-TOOLCHAIN-LINK", "message": "…"}}}
    assert missed(results() | crashed) == [f"on {SMALL_BOARD}, 16 KB"]


def test_quick_runs_need_no_hundred_inputs():
    few = {"inputs": 5, "equal_golden": 5, "equal_litert": 5}
    runs = {key: run | (few if key[1] in BOARDS else {}) for key, run in results().items()}
    assert missed(runs, quick=True) == [] and len(missed(runs)) == len(BOARDS)


def test_the_table_shows_limit_and_incumbent_under_a_figure(capsys):
    figures = figures_of(KWS, results({"arena_bytes": 18_001}), False)
    header, rows = table_rows(figures)
    assert header == ["figure", "KWS"]
    at = [r[0] for r in rows].index("arena, bytes")
    assert rows[at : at + 3] == [
        ["arena, bytes", "18,001" + MISSED],
        ["  limit", "18,000"],
        ["  TFLM + CMSIS-NN", "22,832"],
    ]
    assert ["  LiteRT", "449"] in rows and [f"on {SMALL_BOARD}, 16 KB", "644 B too big"] in rows
    print_table(figures)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(rows) and "\x1b" not in "".join(lines)


def test_every_promise_of_the_table_has_a_figure():
    assert [m.key for m in MODELS] == ["IC", "KWS", "VWW", "AD", "SWW"]
    for model in MODELS:
        limits, incumbent = model.limits, model.incumbent
        assert limits.m4_cycles < incumbent.m4_cycles and limits.arena_bytes < incumbent.arena_bytes
        assert limits.code_bytes < incumbent.code_bytes


def test_missing_models_end_with_status_2(tmp_path, capsys, monkeypatch):
    out = tmp_path / "bench.json"
    assert mlperf_tiny.main(["--models", str(tmp_path), "--only", "AD", "--out", str(out)]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith("EW-BENCH-FILES  ad01_int8.tflite: not in ")
    assert ENVIRONMENT in captured.err and not out.exists()
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path))
    with pytest.raises(UsageError, match="kws01_first500"):
        locate([KWS], None)
    for name in (KWS.file, KWS.inputs):
        (tmp_path / name).touch()
    assert locate([KWS], None) == {name: tmp_path / name for name in (KWS.file, KWS.inputs)}


@pytest.mark.parametrize("arguments", [["--only", "LLM"], ["--bogus"], ["--models"]])
def test_wrong_command_lines_end_with_status_2(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        mlperf_tiny.main(arguments)
    assert caught.value.code == 2 and "usage: " in capsys.readouterr().err


def test_the_file_says_what_was_measured_where(tmp_path):
    out, runs = tmp_path / "bench.json", results()
    figures = figures_of(KWS, runs, False)
    reference = {"inputs": 500, "golden_equals_litert": 500}
    mlperf_tiny.write_json(out, False, [KWS], {"KWS": reference}, runs, figures, 12.34)
    document = json.loads(out.read_text())
    assert (document["schema_version"], document["ok"], document["quick"]) == (1, True, False)
    assert {"date", "git", "machine", "tools", "seconds"} <= set(document)
    assert {"cpu", "cores"} <= set(document["machine"]) and "arm-none-eabi-gcc" in document["tools"]
    (model,) = document["models"]
    assert model["reference"] == reference and set(model["runs"]) == {*BOARDS, "deploy", SMALL_BOARD}
