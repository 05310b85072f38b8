"""The binarization benchmark: tasks, formulas of the tracks, and a trial run from the command line."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")

from benchmarks import bibench, bibench_page, bibench_tracks
from benchmarks.bibench_nets import Net, theoretical
from benchmarks.bibench_tables import Table, digits_figures
from benchmarks.bibench_tasks import CORRUPTIONS, TASKS, corrupted
from edgewright.quantize.binary.layers import binary_layers


def record(task, architecture, seed, operator, accuracy, **more):
    values = {
        "accuracy": accuracy,
        "deployed": accuracy,
        "seconds": 1.0,
        "corrupted": {"noise": [accuracy / 2]},
    }
    key = {"task": task, "architecture": architecture, "seed": seed, "operator": operator}
    return key | values | more


def test_splits_hold_out_thirty_percent_of_every_class():
    first, again, other = TASKS["digits"](0), TASKS["digits"](0), TASKS["digits"](1)
    np.testing.assert_array_equal(first.test, again.test)
    assert not np.array_equal(first.test_labels[:50], other.test_labels[:50])
    assert len(first.train) + len(first.test) == 1797 and abs(len(first.test) / 1797 - 0.3) < 0.005
    for value in range(10):
        part = (first.test_labels == value).sum() / (
            (first.test_labels == value).sum() + (first.train_labels == value).sum()
        )
        assert part == pytest.approx(0.3, abs=0.005)
    train = {x.tobytes() for x in first.train}
    assert sum(x.tobytes() in train for x in first.test) < 5


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_corruptions_repeat_and_grow(name):
    task = TASKS["digits"](0)
    np.testing.assert_array_equal(corrupted(task, name, 2), corrupted(task, name, 2))
    distances = [float(np.abs(corrupted(task, name, s) - task.test).mean()) for s in (1, 2, 3)]
    assert 0 < distances[0] < distances[1] < distances[2]
    assert corrupted(task, name, 1).dtype == np.float32


def test_theoretical_gains_by_hand():
    """Counted from the module itself."""
    task = TASKS["digits"](0)
    net = Net(task, "plain", "bnn")
    binary = sum(m.weight.numel() for m in binary_layers(net).values())
    real = net.stem.weight.numel() + net.last.weight.numel()
    macs, real_macs = binary * 16, net.stem.weight.numel() * 64 + net.last.weight.numel()
    compression, speed_up = theoretical(task)
    assert compression == pytest.approx((real + binary) / (real + binary / 32))
    assert speed_up == pytest.approx((real_macs + macs) / (real_macs + macs / 64))


def test_tracks_are_quadratic_means_of_ratios():
    records = [
        record("a", "plain", 0, "float", 0.8, seconds=2.0),
        record("b", "plain", 0, "float", 0.5, seconds=2.0),
        record("a", "plain", 0, "bnn", 0.4, seconds=4.0),
        record("b", "plain", 0, "bnn", 0.5, seconds=4.0, corrupted={"noise": [0.5]}),
    ]
    task = bibench_tracks.accuracy_track(records, "bnn", "task")
    assert task == pytest.approx(math.sqrt((0.5**2 + 1.0**2) / 2))
    assert bibench_tracks.accuracy_track(records, "bnn", "architecture") == pytest.approx(0.75)
    # Twins keep half; the binary networks keep half and all.
    assert bibench_tracks.robustness_track(records, "bnn") == pytest.approx(1.5)
    assert bibench_tracks.training_track(records, "bnn") == pytest.approx(math.sqrt((0.5**2 + 1) / 2))
    assert bibench_tracks.theoretical_track([(3.0, 4.0)]) == pytest.approx(math.sqrt(12.5))
    builds = [
        {"task": "a", "architecture": "plain", "operator": "float", "cycles": 300, "weights_bytes": 80},
        {"task": "a", "architecture": "plain", "operator": "bnn", "cycles": 100, "weights_bytes": 20},
    ]
    assert bibench_tracks.measured_track(builds, "bnn") == pytest.approx(math.sqrt((9 + 16) / 2))
    assert bibench_tracks.measured_track(builds, "recu") is None


@pytest.mark.parametrize(("binary", "ok"), [(0.961, True), (0.955, False)])
def test_the_promise_is_about_the_best_network(binary, ok):
    records = [record("digits", "plain", s, "float", 0.99) for s in range(3)]
    records += [record("digits", "plain", s, "bnn", 0.9) for s in range(3)]
    records += [record("digits", "plain", s, "recu", binary) for s in range(3)]
    figures = digits_figures(records)
    assert [f.ok for f in figures] == [ok, True] and "ReCU" in figures[0].row


def test_results_replace_what_stands_between_the_marks(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{bibench_page.BEGIN}old\n{bibench_page.END}after\n")
    bibench_page.write_page(page, [Table("Accuracy", ("a", "b"), [("x", "1")])], "note")
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    assert "note" in text and "| x | 1 |" in text and "|---|---:|" in text
    bibench_page.write_page(page, [], "other")
    assert page.read_text().count("bibench: begin") == 1 and "note" not in page.read_text()


def test_a_trial_run(tmp_path, capsys):
    out = tmp_path / "result.json"
    wish = [
        "--quick",
        "--tasks",
        "digits",
        "--operators",
        "bnn",
        "xnor_net",
        "--cache",
        str(tmp_path / "runs"),
    ]
    assert bibench.main([*wish, "--out", str(out)]) == 0
    document = json.loads(out.read_text())
    assert document["complete"] is False and document["figures"] == []
    assert {r["operator"] for r in document["runs"]} == {"float", "bnn", "xnor_net"}
    assert all(0 <= r["deployed"] <= 1 for r in document["runs"])
    printed = capsys.readouterr().out
    assert "XNOR-Net" in printed and "Tracks" in printed
    # Runs are kept: the second time nothing is trained.
    times = {p: p.stat().st_mtime_ns for p in (tmp_path / "runs").iterdir()}
    assert bibench.main([*wish, "--out", str(out)]) == 0
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "runs").iterdir()} == times
