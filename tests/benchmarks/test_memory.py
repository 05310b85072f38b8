"""The memory benchmark's judgement, table and file on invented plans, and its call of the planner."""

from __future__ import annotations

import json
import os
import sys

import pytest

from benchmarks import memory
from benchmarks.locate import ENVIRONMENT
from benchmarks.memory_nets import planning
from benchmarks.memory_nets.kinds import KINDS
from benchmarks.memory_nets.nets import NETS, PLANNING_S, find_nets
from benchmarks.memory_nets.results import CYCLES, PLANNING, figures_of, row_of
from benchmarks.table import MISSED
from edgewright.errors import UsageError

KWS, SWW, MCUNET = (next(n for n in NETS if n.key == key) for key in ("KWS", "SWW", "mcunet-vww1"))
LAYER, RESIDENT, ROWS, STRIPS = map(row_of, KINDS)


def plan(ram_bytes, cycles, overhead=1.0, fed="resident", schedule="stream"):
    return {
        "ram_bytes": ram_bytes,
        "estimated_cycles": cycles,
        "mac_overhead": overhead,
        "input": fed,
        "schedule": schedule,
        "segments": [],
    }


REFUSE = "print(json.dumps({'error': {'code': 'EW-MEM-OVER', 'message': 'm'}})); sys.exit(1)"
# The smallest of each kind, and beside each a plan that must not be taken for it.
PLANS = [
    plan(4_000, 6_900_000, 1.3, "rows"),
    plan(4_150, 6_300_000, 1.1, "rows"),
    plan(4_200, 6_200_000, 1.0, "rows"),
    plan(4_300, 6_250_000, 1.05),
    plan(4_400, 6_200_000),
    plan(5_000, 6_100_000),
    plan(16_384, 6_000_000, schedule="layer"),
]


def values(net, plans=PLANS, seconds=7.5):
    figures = figures_of(net, {"plans": plans, "optimal": True, "seconds": seconds})
    return {f.row: f.value for f in figures}, [f.row for f in figures if not f.ok]


def test_each_row_takes_the_smallest_plan_of_its_kind():
    found, missed = values(KWS)
    assert missed == []
    assert found == {
        LAYER: 16_384,
        RESIDENT: 4_400,
        ROWS: 4_200,
        STRIPS: 4_150,
        CYCLES: pytest.approx(6.2 / 6.0),
        PLANNING: 7.5,
    }


@pytest.mark.parametrize(
    ("index", "changed", "row"),
    [
        (4, plan(4_501, 6_200_000), RESIDENT),
        (2, plan(4_201, 6_200_000, fed="rows"), ROWS),
    ],
)
def test_each_limit_can_be_missed(index, changed, row):
    assert values(KWS, [*PLANS[:index], changed, *PLANS[index + 1 :]])[1] == [row]


def test_limits_of_recompute_and_of_planning_time():
    assert values(KWS, seconds=PLANNING_S)[1] == [PLANNING]
    only_rows = [plan(4_201, 6_200_000, 1.1, "rows"), *PLANS[3:]]
    assert values(KWS, only_rows)[1] == [ROWS, STRIPS]


def test_a_promised_plan_that_is_not_found_is_missed():
    found, missed = values(KWS, [plan(16_384, 6_000_000, schedule="layer")])
    assert missed == [RESIDENT, ROWS, STRIPS] and found[CYCLES] == 1.0
    assert values(SWW, [plan(3_900, 1, schedule="layer")])[1] == []


def test_a_failed_planner_misses_everything_that_was_promised():
    figures = figures_of(MCUNET, {"error": {"code": "EW-MEM-OVER", "message": "…"}, "seconds": 1.0})
    assert [f.row for f in figures if not f.ok] == [RESIDENT, ROWS, STRIPS, PLANNING]
    assert figures[-1].text == "EW-MEM-OVER"


def test_table_and_file(tmp_path, capsys, monkeypatch):
    models, out = tmp_path / "models", tmp_path / "bench" / "memory.json"
    models.mkdir()
    for net in (KWS, SWW):
        (models / net.file).touch()
    asked = []

    def front(model, board, options=()):
        asked.append((model, board, *options))
        return {"plans": PLANS, "optimal": False, "seconds": 1.5}

    monkeypatch.setattr(memory, "plan_front", front)
    arguments = ["--models", str(models), "--only", "KWS", "SWW", "--out", str(out), "--plans-only"]
    assert memory.main(arguments) == 1
    layers = ("--schedule", "layer")
    assert asked == [(models / net.file, "mps2-an386", *o) for net in (KWS, SWW) for o in ((), layers)]
    captured = capsys.readouterr()
    rows = [line.split("  ") for line in captured.out.splitlines()]
    cells = [[cell.strip() for cell in row if cell] for row in rows]
    at = [c[0] for c in cells].index(RESIDENT)
    assert cells[at : at + 2] == [[RESIDENT, "4,400", "4,400" + MISSED], ["limit", "4,500", "3,900"]]
    assert f"missed: SWW, {RESIDENT}: 4,400, limit 3900" in captured.err
    document = json.loads(out.read_text())
    assert (document["schema_version"], document["ok"], document["board"]) == (1, False, "mps2-an386")
    assert {"date", "git", "machine", "tools", "seconds", "figures"} <= set(document)
    assert document["complete"] is False
    assert [n["net"]["key"] for n in document["nets"]] == ["KWS", "SWW"]
    assert document["nets"][0]["plans"] == PLANS and document["nets"][0]["optimal"] is False


def planner(tmp_path, monkeypatch, code):
    """Have `plan_front` run a script in place of edgewright."""
    script = tmp_path / "planner"
    script.write_text(f"#!{sys.executable}\nimport json, os, sys, time\n{code}\n")
    script.chmod(0o755)
    monkeypatch.setattr(planning.sys, "executable", str(script))
    return planning.plan_front(tmp_path / "net.onnx", "mps2-an386", ("--schedule", "patch"))


def test_planner_is_run_as_a_command_on_two_cores(tmp_path, monkeypatch):
    code = "plans = [{'arguments': sys.argv[1:], 'cores': len(os.sched_getaffinity(0))}]\n"
    code += "print(json.dumps({'schema_version': 1, 'plans': plans, 'optimal': True}))"
    before = os.sched_getaffinity(0)
    result = planner(tmp_path, monkeypatch, code)
    (seen,) = result["plans"]
    model = str(tmp_path / "net.onnx")
    command = ["-m", "edgewright", "plan", model, "--board", "mps2-an386", "--json", "--schedule", "patch"]
    assert seen == {"arguments": command, "cores": min(planning.CORES, len(before))}
    assert result["optimal"] is True and 0 <= result["seconds"] < planning.TIMEOUT_S
    assert os.sched_getaffinity(0) == before


@pytest.mark.parametrize(
    ("code", "error", "message"),
    [
        ("sys.exit('Traceback: …')", "EW-BENCH-PLAN", "status 1: Traceback: …"),
        ("print('{}')", "EW-BENCH-PLAN", "status 0, no plans"),
        (REFUSE, "EW-MEM-OVER", "m"),
        ("time.sleep(60)", "EW-BENCH-TIMEOUT", "not done in 0.3 s"),
    ],
)
def test_a_planner_that_fails_says_so(tmp_path, monkeypatch, code, error, message):
    if error == "EW-BENCH-TIMEOUT":
        monkeypatch.setattr(planning, "TIMEOUT_S", 0.3)
    result = planner(tmp_path, monkeypatch, code)
    assert result["error"] == {"code": error, "message": message}


def test_missing_nets_end_with_status_2(tmp_path, capsys, monkeypatch):
    out = tmp_path / "bench.json"
    assert memory.main(["--models", str(tmp_path), "--only", "mcunet-vww1", "--out", str(out)]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith("EW-BENCH-FILES  mcunet-vww1_random.onnx: not in ")
    assert ENVIRONMENT in captured.err and not out.exists()
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path))
    with pytest.raises(UsageError, match="kws_ref_model"):
        find_nets([KWS], None)
    (tmp_path / KWS.file).touch()
    assert find_nets([KWS], None) == {"KWS": tmp_path / KWS.file}


def test_wrong_command_lines_end_with_status_2(capsys):
    with pytest.raises(SystemExit) as caught:
        memory.main(["--only", "LLM"])
    assert caught.value.code == 2 and "usage: " in capsys.readouterr().err
