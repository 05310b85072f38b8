"""The arena over time: areas that tell the truth about a plan, and pictures that are well-formed."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from edgewright.converter.schedule import Wish
from edgewright.runtime.report.arena_labels import label_place
from edgewright.runtime.report.arena_picture import arena_figure
from edgewright.runtime.report.arena_timeline import CLOSE, Area, timeline
from edgewright.runtime.report.figure_style import inline_svg, svg_text
from edgewright.runtime.report.front_picture import front_figure, mark_text
from edgewright.runtime.report.plan_data import exact_overhead, front_data
from edgewright.targets.board import load_board
from edgewright.targets.build import load_program_of
from edgewright.targets.exploration import explore
from edgewright.targets.planning import planning_for_board
from tests.shared import shared_path

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits" / "digits_int8.onnx"


@pytest.fixture(scope="module", params=["digits", "vww"])
def found(request):
    """All plans of a model, without a limit."""
    path = DIGITS if request.param == "digits" else shared_path("models/mlperf_tiny/vww_96_int8.tflite")
    planning = planning_for_board(load_program_of(path), load_board("netduinoplus2"))
    return explore(planning, Wish(), 10**9)


def used_at(area: Area, time: float) -> tuple[float, float]:
    """Bytes of an area in use at a time."""
    for (t0, low0, high0), (t1, low1, high1) in pairwise(area.moments):
        if t0 <= time < t1:
            part = (time - t0) / (t1 - t0)
            return low0 + part * (low1 - low0), high0 + part * (high1 - high0)
    return 0.0, 0.0


def test_everything_lies_in_the_arena_and_in_time(found):
    for plan in found.plans:
        line = timeline(plan, found.network(plan.input_mode))
        assert line.spans[0].begin == 0 and line.spans[-1].end == pytest.approx(1)
        for area in line.areas:
            times = [t for t, _, _ in area.moments]
            assert all(a <= b + 1e-12 for a, b in pairwise(times))
            assert all(0 <= low <= high <= plan.arena_bytes for _, low, high in area.moments)
        for row in line.rows:
            assert row.begin < row.end and 0 <= row.low < row.high <= plan.arena_bytes


def test_areas_do_not_overlap(found):
    """At no sampled time two buffers have the same byte in use (layers that overtake: within a row)."""
    for plan in found.plans:
        line = timeline(plan, found.network(plan.input_mode))
        slack = max(t.row_bytes for t in found.network(plan.input_mode).tensors.values()) * 4
        for time in np.linspace(0.0005, 0.9995, 211):
            taken = sorted(u for u in (used_at(a, float(time)) for a in line.areas) if u[1] > u[0])
            for (_, end), (begin, _) in pairwise(taken):
                assert begin >= end - slack, (plan.arena_bytes, time)


def test_the_largest_moment_is_where_the_plan_says(found):
    for plan in found.plans:
        line = timeline(plan, found.network(plan.input_mode))
        span = line.spans[plan.peak_step]
        assert line.peak_bytes == plan.steps[plan.peak_step].in_use_bytes
        assert span.begin <= line.peak_begin < line.peak_end <= span.end + 1e-9
        # What is hardly wider than a pixel is drawn together with what follows.
        wide = line.peak_end - line.peak_begin > 2 * CLOSE
        if span.step.streamed is not None and span.step.strips == 1 and wide:
            middle = (line.peak_begin + line.peak_end) / 2
            used = [used_at(a, middle) for a in line.areas]
            passing = sum(high - low for low, high in used)
            # Sizes of whole tensors are not rounded up to the alignment, those of bands are.
            assert passing == pytest.approx(line.peak_bytes, abs=4 * len(used))


def test_a_streamed_plan_shows_rings_with_slots(found):
    plan = min(found.plans, key=lambda p: p.arena_bytes)
    line = timeline(plan, found.network(plan.input_mode))
    rings = [a for a in line.areas if a.kind == "ring"]
    assert rings and line.rows
    inside = {(a.buffer.offset, a.buffer.end) for a in rings}
    assert all(any(low <= r.low and r.high <= high for low, high in inside) for r in line.rows)
    slots = sum(a.buffer.slots for a in rings)
    assert len({(r.low, r.high) for r in line.rows}) <= slots


def test_the_same_plan_gives_the_same_picture(found):
    plan = found.plans[0]
    network = found.network(plan.input_mode)
    first, second = (svg_text(arena_figure(plan, network, "title", "subtitle")) for _ in range(2))
    assert first == second
    words = "".join(ElementTree.fromstring(first).itertext())
    assert "title" in words and f"arena {plan.arena_bytes:,} B" in words and "largest moment" in words


def test_pictures_of_one_page_share_no_ids(found):
    entries = front_data(found)
    figure = front_figure(entries, "title", limit_bytes=10_000, limit_name="limit")
    first, second = inline_svg(figure, "front"), inline_svg(figure, "arena")
    ids = [set(re.findall(r'\bid="([^"]+)"', text)) for text in (first, second)]
    assert ids[0] and not ids[0] & ids[1]
    for text, own in zip((first, second), ids, strict=True):
        assert set(re.findall(r"(?:href=\"|url\()#([^\")]+)", text)) <= own
        assert "var(--ink" in text and "<script" not in text
        ElementTree.fromstring(text)


def test_marks_say_what_is_computed_twice(found):
    for entry, plan in zip(front_data(found), found.plans, strict=True):
        assert ("MAC" in mark_text(entry)) == (entry["mac_overhead"] > 1)
        assert entry["mac_overhead"] == exact_overhead(plan)
        strips = any(s.strips > 1 for s in plan.steps)
        assert strips or entry["mac_overhead"] <= 1
        assert entry["mac_overhead"] >= plan.mac_overhead - 1e-6


def test_labels_find_room():
    class Shape:
        """A triangle that grows from nothing to 100 bytes, then stays."""

        moments = ((0.0, 0, 0), (0.5, 0, 100), (1.0, 0, 100))

    x, y = label_place(Shape, 0.4, 50)
    assert 0.45 <= x <= 0.85 and 25 <= y <= 75
    assert label_place(Shape, 0.4, 101) is None and label_place(Shape, 1.1, 1) is None
