"""plan: the trade-off and the chosen plan as JSON, text and pictures; wishes that cannot be fulfilled."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from edgewright.cli.wishes import parse_patches, parse_wish
from edgewright.converter.schedule import Wish
from edgewright.errors import UsageError
from tests.cli.runner import DIGITS, cli, cli_json
from tests.shared import shared_path

BOARD = ("-b", "mps2-an386")
PLAN_KEYS = {
    *("ram_bytes", "estimated_cycles", "slowdown", "mac_overhead", "input", "schedule", "segments"),
    *("passes", "optimal", "gap_bytes", "how", "chosen"),
}


@pytest.fixture(scope="module")
def document():
    """Of the example model."""
    result = cli_json("plan", DIGITS, *BOARD)
    assert (result.status, result.err) == (0, "")
    return result.document


def test_plans_are_sorted_and_complete(document):
    plans = document["plans"]
    assert all(set(p) >= PLAN_KEYS for p in plans)
    sizes = [p["ram_bytes"] for p in plans]
    assert sizes == sorted(sizes)
    assert {p["input"] for p in plans} == {"resident", "rows"}
    # Kernels that trade memory for time: the last one is the fastest.
    *slower, layers = [p for p in plans if p["schedule"] == "layer" and p["input"] == "resident"]
    assert layers["slowdown"] == 1.0 and all(p["slowdown"] > 1.0 for p in slower)
    for p in (*slower, layers):
        assert p["mac_overhead"] == 1.0
        assert [s["schedule"] for s in p["segments"]] == ["layer"] * 10
    for mode in ("resident", "rows"):
        own = [p for p in plans if p["input"] == mode]
        assert any(p["mac_overhead"] == 1.0 for p in own)
        assert own[0]["ram_bytes"] < layers["ram_bytes"]


def test_no_plan_is_beaten_by_another_of_its_input_mode(document):
    axes = ("ram_bytes", "estimated_cycles", "mac_overhead")
    listed = [p for p in document["plans"] if p["schedule"] != "layer"]
    for a in listed:
        for b in listed:
            if a is not b and a["input"] == b["input"]:
                assert not (all(b[x] <= a[x] for x in axes) and any(b[x] < a[x] for x in axes))


def test_the_chosen_plan_is_the_fastest_that_fits(document):
    (chosen,) = [p for p in document["plans"] if p["chosen"]]
    plan = document["plan"]
    assert chosen["ram_bytes"] == plan["ram_bytes"] == plan["arena_bytes"] <= document["limit_bytes"]
    residents = [p for p in document["plans"] if p["input"] == "resident"]
    # A percent may be given for flash, unless `--optimize speed` forbids it.
    assert chosen["estimated_cycles"] <= 1.01 * min(p["estimated_cycles"] for p in residents)
    assert document["optimal"] == plan["optimal"] and document["gap_bytes"] == plan["gap_bytes"]
    assert [n for s in plan["segments"] for n in s["nodes"]] == [
        layer["name"] for s in plan["segments"] for layer in s["layers"]
    ]
    assert plan["buffers"] and all(
        b["offset"] + b["size_bytes"] <= plan["arena_bytes"] for b in plan["buffers"]
    )
    assert sum(s["estimated_cycles"] for s in plan["segments"]) == pytest.approx(
        plan["estimated_cycles"], abs=9
    )


def test_wishes_choose_other_plans(document):
    smallest = min(p["ram_bytes"] for p in document["plans"] if p["input"] == "resident")
    tight = cli_json("plan", DIGITS, *BOARD, "--ram", smallest + 800).document
    assert tight["plan"]["ram_bytes"] <= tight["limit_bytes"] < document["plan"]["ram_bytes"]
    assert tight["plan"]["slowdown"] > 1 and tight["plan"]["schedule"] == "stream"
    rows = cli_json("plan", DIGITS, *BOARD, "--input", "rows").document["plan"]
    assert rows["input"] == "rows" and rows["streaming_cost"]["pushed_cycles"] > 0
    layers = cli_json("plan", DIGITS, *BOARD, "--schedule", "layer").document["plan"]
    assert layers["schedule"] == "layer" and layers["streaming_cost"]["total_cycles"] == 0
    slow = cli_json("plan", DIGITS, *BOARD, "--slowdown", 1.05).document["plan"]
    assert slow["slowdown"] <= 1.05 and slow["ram_bytes"] < layers["ram_bytes"]


def test_the_cost_of_streaming_adds_up(document):
    smallest = document["plans"][0]["ram_bytes"]
    plan = cli_json("plan", DIGITS, *BOARD, "--ram", smallest + 800).document["plan"]
    cost = plan["streaming_cost"]
    parts = [value for key, value in cost.items() if key != "total_cycles"]
    assert sum(parts) == pytest.approx(cost["total_cycles"], abs=4)
    whole = sum(s["layer_cycles"] for s in plan["segments"])
    assert plan["estimated_cycles"] - whole == pytest.approx(cost["total_cycles"], abs=9)
    assert cost["copied_cycles"] > 0 == cost["recomputed_cycles"]


def test_the_text(document):
    result = cli("plan", DIGITS, *BOARD)
    head, plans, steps = result.out.split("\n\n")
    fields = dict(line.split(maxsplit=1) for line in head.splitlines())
    assert list(fields)[:5] == ["model", "board", "plan", "arena", "cycles"]
    assert f"{document['plan']['ram_bytes']:,} B of the" in fields["arena"]
    rows = plans.splitlines()
    assert len(rows) == 1 + len(document["plans"])
    marked = [row for row in rows if row.startswith(">")]
    assert len(marked) == 1 and f"{document['plan']['ram_bytes']:,}" in marked[0]
    assert steps.splitlines()[0].split()[:2] == ["step", "layer"]
    assert max(map(len, plans.splitlines())) < 110


def test_what_does_not_fit_still_shows_the_trade_off():
    result = cli_json("plan", DIGITS, *BOARD, "--ram", "2K")
    assert (result.status, result.code) == (1, "EW-PLAN-MEMORY")
    error = result.document["error"]
    smallest = {s["input"]: s["ram_bytes"] for s in error["smallest"]}
    for mode, size in smallest.items():
        assert size == min(p["ram_bytes"] for p in result.document["plans"] if p["input"] == mode)
        assert f"{size:,} B" in error["message"]
    assert "largest moment: " in error["message"] and error["excess_bytes"] > 0
    assert result.document["plan"] is None and not any(p["chosen"] for p in result.document["plans"])


def test_the_option_that_would_help_is_named():
    result = cli_json("plan", DIGITS, *BOARD, "--ram", "2600", "--schedule", "layer")
    error = result.document["error"]
    assert result.code == "EW-PLAN-MEMORY" and error["hint"].startswith("with --schedule auto ")
    model = shared_path("models/mlperf_tiny/vww_96_int8.tflite")
    result = cli_json("plan", model, "-b", "netduinoplus2", "--ram", "24K", "--input", "resident")
    assert result.code == "EW-PLAN-MEMORY"
    assert result.document["error"]["hint"].startswith("with --input rows ")


def test_weights_alone_may_be_too_much():
    result = cli_json("plan", DIGITS, *BOARD, "--flash", "8K")
    assert (result.status, result.code) == (1, "EW-FLASH-OVER")
    assert result.document["error"]["required_bytes"] > 8192


def test_pictures(tmp_path):
    out = tmp_path / "pictures"
    document = cli_json("plan", DIGITS, *BOARD, "--out", out).document
    names = ["front.svg", "front.png", "arena.svg", "arena.png"]
    assert document["pictures"] == [str(out / name) for name in names]
    for name in names:
        data = (out / name).read_bytes()
        if name.endswith(".png"):
            assert data.startswith(b"\x89PNG") and len(data) > 10_000
        else:
            assert ElementTree.fromstring(data).tag.endswith("svg")
    (tmp_path / "file").write_text("")
    result = cli_json("plan", DIGITS, *BOARD, "--out", tmp_path / "file")
    assert (result.status, result.code) == (2, "EW-OUT-WRITE")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("auto", None, 0.99, None), "EW-SLOWDOWN-RANGE"),
        (("auto", None, float("nan"), None), "EW-SLOWDOWN-RANGE"),
        (("auto", None, float("inf"), None), "EW-SLOWDOWN-RANGE"),
        (("auto", None, None, "3x3"), "EW-PATCHES-SCHEDULE"),
        (("patch", "rows", None, None), "EW-PATCHES-INPUT"),
        *(
            (("patch", None, None, t), "EW-PATCHES-SYNTAX")
            for t in ("", "3", "0x2", "3x", "-1x2", "2x3x4", "2x65")
        ),
        (("patch", None, None, "٣x٣"), "EW-PATCHES-SYNTAX"),
    ],
)
def test_wishes_that_make_no_sense(arguments, code):
    with pytest.raises(UsageError) as caught:
        parse_wish(*arguments)
    assert caught.value.code == code and caught.value.hint


def test_wishes():
    assert parse_wish("auto", None, None, None) == Wish()
    assert parse_wish("patch", "resident", 1.5, "2X3") == Wish("patch", "resident", None, 1.5, (2, 3))
    assert parse_patches(None) is None
