"""The report: the keys others rely on, words that match the figures, and whole files or none."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from edgewright.errors import WorkError
from edgewright.runtime.measure import Latency, LayerCost
from edgewright.runtime.replies import MemoryUse
from edgewright.runtime.report.build_report import build_report
from edgewright.runtime.report.html import render_html
from edgewright.runtime.report.tables import layer_table, si, summary, verify_sentence
from edgewright.runtime.report.text import render_text
from edgewright.runtime.report.write_report import write_report
from edgewright.runtime.verify import Difference, VerifyResult
from tests.runtime.tiny_program import tiny_manifest

RELIED_ON = {
    "model": {"name", "sha256", "macs"},
    "memory": {"arena_bytes", "stack_bytes", "static_bytes", "code_bytes", "weights_bytes"},
    "latency": {"source", "instructions", "estimated_cycles", "latency_us", "runs"},
    "verify": {"reference", "cases", "outputs", "mismatches", "max_abs_diff"},
}
LAYER_KEYS = {
    "name",
    "kind",
    "output_shape",
    "macs",
    "kernel",
    "instructions",
    "estimated_cycles",
    "weights_bytes",
}
GOOD = VerifyResult("golden", 20, 240, 0, 0.0, 0)
BAD = VerifyResult("golden", 20, 240, 3, 2.0, 1, Difference(4, "y", (0, 1), 5, 3))


def emulated(cycles: int | None = 30_000, latency_us: float | None = 1200.0) -> Latency:
    layers = (LayerCost("first", 8000, cycles and 10_000), LayerCost("second", 16_000, cycles and 20_000))
    model = "m4" if cycles else None
    return Latency("emulator", "mps2-an386", 1, 24_000, cycles, model, None, 25_000_000, latency_us, layers)


def on_device() -> Latency:
    layers = (LayerCost("first", cycles=100), LayerCost("second", cycles=300))
    return Latency("device", "nucleo-l4r5zi", 20, None, None, None, 410, 120_000_000, 3.4, layers)


def test_the_keys_others_rely_on() -> None:
    report = build_report(tiny_manifest(), GOOD, emulated(), MemoryUse(48, 40, 4096, 512, 100))
    assert report["schema_version"] == 1 and report["board"] == "mps2-an386"
    for part, keys in RELIED_ON.items():
        assert keys <= set(report[part]), part
    assert all(set(layer) >= LAYER_KEYS for layer in report["layers"])
    assert report["memory"]["run_stack_used_bytes"] == 100
    first, second = report["layers"]
    assert (first["instructions"], first["estimated_cycles"]) == (8000, 10_000)
    assert (second["share"], second["cost_per_mac"]) == (round(2 / 3, 6), round(20_000 / 24, 4))
    assert json.loads(json.dumps(report)) == report


def test_what_was_not_done_is_null() -> None:
    report = build_report(tiny_manifest())
    assert report["verify"] is None and report["latency"] is None
    assert report["layers"][0]["instructions"] is None
    assert "bench" not in render_text(report)
    assert "<svg" not in render_html(report)


def test_estimates_are_called_estimates() -> None:
    text = render_text(build_report(tiny_manifest(), GOOD, emulated()))
    assert "1.20 ms at 25 MHz (emulator estimate: m4 model, 30.00 k cycles; 24.00 k instructions)" in text
    assert "est. cycles" in text and "66.7 %" in text
    assert "20 of 20 inputs equal to the reference, bit for bit" in text
    measured = render_text(build_report(tiny_manifest(), GOOD, on_device()))
    assert "estimate" not in measured and "est." not in measured
    assert "3.4 µs (device nucleo-l4r5zi, 410 cycles, 20 runs)" in measured


def test_a_core_without_a_cycle_model_counts_instructions() -> None:
    report = build_report(tiny_manifest(), None, emulated(None, None))
    assert layer_table(report).columns[5].title == "instructions"
    assert "no cycle estimate for this core" in dict(summary(report))["bench"]


def test_a_failed_verification_says_where() -> None:
    report = build_report(tiny_manifest(), BAD)
    assert (report["verify"]["ok"], report["verify"]["max_abs_diff"]) == (False, 2)
    sentence = dict(summary(report))["verify"]
    assert sentence.startswith("1 of 20 inputs differ: 3 of 240 outputs, by up to 2; first: case 4, y[0, 1]")
    layer = Difference(4, "m/relu;m/conv/Conv2D;m/bias", (0, 1, 2), 5, 3)
    fused = build_report(tiny_manifest(), replace(BAD, first_bad_layer=layer))["verify"]
    assert "m/relu;m/conv/Conv2D;m/bias[0, 1, 2]" in fused["first_bad_layer"]
    assert verify_sentence(fused).endswith("; first: case 4, m/relu…[0, 1, 2]: device 5, reference 3")


def test_nan_is_no_number_in_json() -> None:
    report = build_report(tiny_manifest(), VerifyResult("golden", 1, 1, 1, float("inf"), 1))
    assert report["verify"]["max_abs_diff"] is None
    assert "not a number" in dict(summary(report))["verify"]


def test_layers_of_another_build() -> None:
    latency = Latency(
        "device", "x", 1, None, None, None, 1, 1, 1.0, (LayerCost("other"), LayerCost("second"))
    )
    with pytest.raises(WorkError) as caught:
        build_report(tiny_manifest(), None, latency)
    assert caught.value.code == "EW-BENCH-LAYERS"


def test_text_columns_line_up() -> None:
    lines = render_text(build_report(tiny_manifest(), GOOD, emulated())).splitlines()
    table = lines[lines.index("") + 1 :]
    assert table[0].startswith("layer ") and len(table) == 3
    assert (
        len({line.index(word) for line, word in zip(table, ("kind", "addconst", "addconst"), strict=True)})
        == 1
    )
    assert len({len(line) for line in table}) == 1


class Tags(HTMLParser):
    """Checks that tags are balanced and nothing is loaded from elsewhere."""

    VOID = frozenset({"meta", "br", "line", "rect"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        assert tag not in ("script", "link", "img", "iframe")
        assert not {"src", "href", "onclick"} & {name for name, _ in attrs}
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_the_page_is_self_contained_and_well_formed() -> None:
    page = render_html(build_report(tiny_manifest(), GOOD, emulated()))
    checker = Tags()
    checker.feed(page)
    assert checker.open == []
    assert "url(" not in page and "@import" not in page
    (drawing,) = re.findall(r"<svg.*?</svg>", page, re.S)
    bars = [r for r in ElementTree.fromstring(drawing).iter("rect") if r.get("class") == "cost"]
    assert [float(b.get("width", 0)) for b in bars] == [171.0, 341.0]


def test_names_of_a_model_cannot_inject_markup() -> None:
    manifest = tiny_manifest()
    manifest["model"]["name"] = manifest["layers"][0]["name"] = "<script>alert(1)</script>"
    layers = (LayerCost("<script>alert(1)</script>", 1, 1), LayerCost("second", 1, 1))
    latency = Latency("emulator", "mps2-an386", 1, 2, 2, "m4", None, 1, 1.0, layers)
    page = render_html(build_report(manifest, GOOD, latency))
    assert "<script" not in page and "&lt;script&gt;" in page


def test_files_are_written_whole(tmp_path: Path) -> None:
    report = build_report(tiny_manifest(), GOOD, emulated())
    paths = write_report(tmp_path / "out", report)
    assert [p.name for p in paths] == ["report.json", "report.txt", "report.html"]
    assert json.loads(paths[0].read_text()) == report
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(p.name for p in paths)
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkError) as caught:
        write_report(tmp_path / "file", report)
    assert caught.value.code == "EW-REPORT-WRITE"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0, "0"),
        (9999, "9,999"),
        (10_000, "10.00 k"),
        (123_456, "123.5 k"),
        (999_999, "1.00 M"),
        (2_657_000, "2.66 M"),
        (38_350_000, "38.35 M"),
        (123_400_000, "123.4 M"),
        (5_000_000_000, "5000 M"),
        (12_000_000_000, "12.00 G"),
    ],
)
def test_si(value: int | None, text: str) -> None:
    assert si(value) == text


PLAN = {
    "schema_version": 2,
    "input": "rows",
    "passes": 2,
    "schedule": "stream",
    "ram_bytes": 48,
    "estimated_cycles": 12_345,
    "mac_overhead": 1.05,
    "segments": [{"nodes": ["first", "second"], "schedule": "stream", "strips": 2}],
    "buffers": [{"name": "a"}],
    "optimal": True,
    "gap_bytes": 0,
}


def test_the_plan_of_a_build_is_reported_without_its_buffers() -> None:
    report = build_report(tiny_manifest() | {"plan": PLAN}, GOOD)
    assert report["plan"] == {key: value for key, value in PLAN.items() if key != "buffers"}
    sentence = "streamed, input by rows in 2 passes, arena 48 B, 5 % of the MACs computed twice"
    assert f"plan    {sentence}\n" in render_text(report)
    assert "streamed, input by rows in 2 passes" in render_html(report)
    assert build_report(tiny_manifest())["plan"] is None


def test_pictures_and_tables_of_the_plan_are_on_the_page(tmp_path: Path) -> None:
    from edgewright.converter.schedule import Wish
    from edgewright.runtime.report.overview import inline_pictures
    from edgewright.runtime.report.plan_data import report_plan
    from edgewright.targets.board import load_board
    from edgewright.targets.build import load_program_of
    from edgewright.targets.exploration import explore
    from edgewright.targets.planning import planning_for_board

    model = Path(__file__).resolve().parents[2] / "examples" / "digits" / "digits_int8.onnx"
    board = load_board("mps2-an386")
    found = explore(planning_for_board(load_program_of(model), board), Wish(input="rows"), 2000)
    plan = report_plan(found)
    report = build_report(tiny_manifest(), GOOD, emulated(), plan=plan)
    assert "buffers" not in report["plan"] and len(report["plan"]["front"]) == len(found.plans)
    assert json.loads(json.dumps(report)) == report
    write_report(tmp_path, report, inline_pictures(found, board))
    page, text = ((tmp_path / f"report.{kind}").read_text() for kind in ("html", "txt"))
    checker = Tags()
    checker.VOID = checker.VOID | {"path", "use"}
    checker.feed(page)
    assert page.count("<svg") == 3 and page.count("<details>") == 2
    assert set(re.findall(r"url\((.)", page)) <= {"#"}
    for layer in report["plan"]["segments"][-1]["layers"]:
        assert layer["name"][:6] in page and layer["name"][:6] in text
    assert "largest moment" in page and plan["peak"] in text and text.count("\n>") == 1
