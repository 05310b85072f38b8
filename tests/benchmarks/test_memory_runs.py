"""What the memory benchmark makes of plans that ran: judgement on invented runs, and real ones."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from dataclasses import replace

import pytest

from benchmarks.memory_nets import deploying, markdown
from benchmarks.memory_nets.kinds import KINDS, PATCHES, arenas_to_run
from benchmarks.memory_nets.nets import NETS, Deployment, Limits, Net
from benchmarks.memory_nets.results import figures_of
from benchmarks.memory_nets.run_results import (
    AS_PLANNED,
    CYCLES,
    DEPLOYED,
    EQUAL,
    IMAGE,
    RESIDENT_CYCLES,
    STACK,
)
from benchmarks.memory_nets.running import run_on_board, run_on_host
from benchmarks.memory_nets.smallest_patches import smallest_patches
from benchmarks.table import MISSED
from edgewright.converter.schedule import Wish
from edgewright.targets.board import load_board
from edgewright.targets.build import load_program_of
from edgewright.targets.planning import planning_for_board
from tests.benchmarks.test_memory import PLANS
from tests.cli.runner import DIGITS
from tests.runtime.bare_metal import needs

KWS, BIG = (next(n for n in NETS if n.key == key) for key in ("KWS", "mbv2-1.0@224"))
ASKED = {"layer": 16_384, "resident": 4_500, "rows": 4_200, "strips": 4_150, "patches": 4_400}
ERROR = {"error": {"code": "EW-PLAN-MEMORY", "message": "…"}}


def run(arena, **changed):
    good = {
        "asked_bytes": arena,
        "arena_bytes": arena,
        "end_bytes": arena - 2,
        "arena_used_bytes": arena - 2,
        "mac_overhead": 1.0,
        "cases": 3,
        "equal": 3,
        "estimated_cycles": 5_000_000,
        "stack_bytes": 300,
        "stack_used_bytes": 300,
        "ram_bytes": arena + 1_000,
    }
    return good | changed


def missed(net=KWS, deployment=None, **changed):
    """Rows that are missed where some of the runs are others."""
    runs = {key: run(arena) for key, arena in ASKED.items()} | changed
    result = {"plans": PLANS, "seconds": 1.0, "runs": runs, "deployment": deployment or run(9_000)}
    return [f.row for f in figures_of(net, result) if not f.ok]


def test_good_runs_keep_everything():
    assert missed() == []
    assert missed(resident=run(4_400, estimated_cycles=5_400_000)) == []
    slower = {key: run(arena, estimated_cycles=6_200_000) for key, arena in ASKED.items()}
    assert missed(**slower) == []
    assert missed(strips=run(4_150, mac_overhead=1.1)) == []
    # Patches need not reach the RAM that they are asked for, and not every net can run in patches.
    assert missed(patches=run(9_000, asked_bytes=4_400, mac_overhead=1.4)) == []


@pytest.mark.parametrize(
    ("key", "changed", "rows"),
    [
        ("resident", run(4_400, estimated_cycles=5_400_001), [CYCLES["resident"]]),
        ("resident", run(4_400, estimated_cycles=6_200_001), [RESIDENT_CYCLES, CYCLES["resident"]]),
        ("rows", run(4_200, equal=2), [EQUAL]),
        ("rows", run(4_200, arena_used_bytes=4_199), [AS_PLANNED]),
        ("rows", run(4_200, arena_used_bytes=4_197), [AS_PLANNED]),
        ("rows", run(4_204, asked_bytes=4_200), [AS_PLANNED]),
        ("rows", run(4_200, mac_overhead=1.01), [AS_PLANNED]),
        ("strips", run(4_150, mac_overhead=1.11), [AS_PLANNED]),
        ("layer", run(16_384, stack_used_bytes=301), [STACK]),
        ("layer", run(16_384, stack_used_bytes=0), [STACK]),
        ("strips", ERROR, [EQUAL, AS_PLANNED, STACK]),
        ("resident", ERROR, [RESIDENT_CYCLES, CYCLES["resident"], EQUAL, AS_PLANNED, STACK]),
    ],
)
def test_each_fault_of_a_run_is_missed(key, changed, rows):
    assert missed(**{key: changed}) == rows


@pytest.mark.parametrize(
    ("changed", "rows"),
    [
        (run(9_000, ram_bytes=16_384), []),
        (run(9_000, ram_bytes=16_385), [IMAGE]),
        (run(9_000, arena_used_bytes=9_000), [IMAGE]),
        (run(9_000, stack_used_bytes=301), [IMAGE]),
        (run(9_000, equal=2), [DEPLOYED]),
        (ERROR, [IMAGE]),
    ],
)
def test_each_fault_of_a_deployment_is_missed(changed, rows):
    assert missed(deployment=changed) == rows


def test_nets_on_the_host_are_judged_by_their_outputs():
    result = {"plans": [], "seconds": 1.0, "runs": {"rows": run(108_000)}}
    rows = {f.row: f for f in figures_of(BIG, result)}
    assert (rows[EQUAL].text, rows[EQUAL].ok) == ("3/1", False)  # one input is run, not three
    result["runs"] = {"rows": run(108_000, cases=1, equal=1)}
    rows = {f.row: f for f in figures_of(BIG, result)}
    assert rows[EQUAL].ok and rows[AS_PLANNED].ok and STACK not in rows and IMAGE not in rows


def test_what_is_run():
    """The smallest plans, of the resident ones the promised; on the host whatever keeps the limit."""
    assert arenas_to_run(KWS, PLANS) == ASKED
    assert arenas_to_run(KWS, []) == {}
    assert arenas_to_run(BIG, PLANS) == {"resident": 196_000, "rows": 108_000, "strips": 55_000}


def test_markdown():
    figures = figures_of(KWS, {"plans": PLANS, "seconds": 21.0})
    assert markdown.markdown_table(figures).splitlines()[:4] == [
        "|  | KWS |",
        "| --- | ---: |",
        "| arena, layer by layer, bytes | 16,384 |",
        "| arena, input resident, bytes | 4,400 (≤ 4,500) |",
    ]
    assert f"| planning, s wall | 21.0 (≤ 20){MISSED} |" in markdown.markdown_table(figures)


def test_runs_of_the_example_on_a_board(tmp_path):
    needs("qemu-system-arm", "arm-none-eabi-gcc")
    results = run_on_board(
        DIGITS, "mps2-an386", {"rows": 1_600, PATCHES: 1_600, "resident": 100}, 2, tmp_path
    )
    assert results["resident"]["error"]["code"] == "EW-PLAN-MEMORY"
    rows, patches = results["rows"], results[PATCHES]
    assert (rows["input"], rows["passes"]) == ("rows", 1) and rows["arena_bytes"] <= 1_600
    assert (patches["schedule"], patches["input"]) == ("patch", "resident")
    assert patches["patches"] and patches["mac_overhead"] >= 1
    net = Net("digits", DIGITS.name, Limits(1), inputs=2)
    figures = figures_of(net, {"plans": [], "seconds": 1.0, "runs": {"rows": rows, PATCHES: patches}})
    judged = {f.row: (f.text, f.ok) for f in figures}
    assert judged[EQUAL] == ("4/4", True)
    assert judged[AS_PLANNED] == judged[STACK] == ("2 of 2", True)


def test_runs_of_the_example_on_the_host(tmp_path):
    results = run_on_host(DIGITS, {"resident": 3_000, "rows": 1_600}, tmp_path)
    assert {key: (r["equal"], r["input"]) for key, r in results.items()} == {
        "resident": (1, "resident"),
        "rows": (1, "rows"),
    }
    assert all(r["arena_used_bytes"] == r["end_bytes"] <= r["asked_bytes"] for r in results.values())


def test_smallest_patches_are_patches():
    """Even where layer by layer takes less; and None where nothing can run so."""
    planning = planning_for_board(load_program_of(DIGITS), load_board("mps2-an386"))
    (smallest, roomy) = (smallest_patches(planning, limit).plan for limit in (0, 100_000))
    assert smallest.schedule == roomy.schedule == "patch"
    assert smallest.arena_bytes <= roomy.arena_bytes
    # With room to spare a percent of the cycles may be given for flash.
    assert smallest.cycles >= 0.99 * roomy.cycles
    planner = planning.planner("resident", Wish(schedule="patch"))
    layers = [tuple(c for c in some if not c.blocks) for some in planner.edges]
    whole = replace(planner, candidates=replace(planner.candidates, edges=tuple(layers)))
    assert smallest_patches(Fixed(planning, whole), 0) is None


class Fixed:
    """A planning that always has the same planner."""

    def __init__(self, planning, planner):
        self.program, self.plan = planning.program, planning.plan
        self.planner = lambda mode, wish: planner


def test_deploying_through_the_command(tmp_path):
    needs("qemu-system-arm", "arm-none-eabi-gcc")
    result = deploying.deploy(DIGITS, Deployment("microbit", 3), tmp_path / "build")
    assert result["ram_bytes"] <= result["ram_limit_bytes"] == 3 * 1024
    assert result["equal"] == result["cases"] == deploying.INPUTS
    assert result["arena_used_bytes"] == result["end_bytes"]
    refused = deploying.deploy(DIGITS, Deployment("microbit", 1), tmp_path / "other")
    assert refused["error"]["code"] in ("EW-PLAN-MEMORY", "EW-MEM-OVER")
    assert not (tmp_path / "other").exists()


def test_a_deployment_that_breaks_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(deploying.sys, "executable", "/bin/false")
    result = deploying.deploy(DIGITS, Deployment("microbit", 16), tmp_path / "build")
    assert result == {"error": {"code": "EW-BENCH-DEPLOY", "message": "status 1: "}}


def test_markdown_of_a_file(tmp_path):
    figures = [dataclasses.asdict(f) for f in figures_of(KWS, {"plans": PLANS, "seconds": 2.0})]
    file = tmp_path / "memory.json"
    document = {"figures": figures, "date": "2026-11-21", "git": {"commit": "0123456789"}, "seconds": 9.6}
    file.write_text(markdown.json.dumps(document))
    command = [sys.executable, "-m", "benchmarks.memory_nets.markdown", str(file)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed.count("\n| ") == 1 + len({f["row"] for f in figures})
    assert printed.endswith("\n\n(2026-11-21, commit 0123456, 10 s)\n")


def test_kinds_are_told_apart():
    assert [k.key for k in KINDS] == ["layer", "resident", "rows", "strips"]
    for plan, keys in zip(PLANS, (0, 1, 2, 0, 1, 1, 2), strict=True):
        assert sum(kind.belongs(plan) for kind in KINDS) == keys
