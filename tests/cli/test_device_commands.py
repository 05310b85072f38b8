"""plan, run, bench, verify, flash and devices: their JSON and their text."""

from __future__ import annotations

import json

import numpy as np

from edgewright.targets.board import list_boards
from tests.cli.runner import DIGITS, SAMPLES, cli, cli_json

BOARD = "mps2-an386"


def test_plan(built):
    """The plan that is announced is the one that is built."""
    document = cli_json("plan", DIGITS, "-b", BOARD).document
    plan, saved = document["plan"], json.loads((built / "plan.json").read_text())
    assert {k: plan[k] for k in ("arena_bytes", "buffers", "input", "schedule")} == {
        k: saved[k] for k in ("arena_bytes", "buffers", "input", "schedule")
    }
    manifest = json.loads((built / "manifest.json").read_text())
    assert plan["arena_bytes"] == manifest["memory"]["arena_bytes"]
    assert (document["board"], document["cpu_class"]) == (BOARD, "dsp")
    assert f"{plan['arena_bytes']:,} B of " in cli("plan", DIGITS, "-b", BOARD).out


def test_plan_of_other_cores_differs():
    kernels = {b: cli_json("plan", DIGITS, "-b", b).document["cpu_class"] for b in ("microbit", "mps3-an547")}
    assert kernels == {"microbit": "scalar", "mps3-an547": "mve"}


def test_verify(built):
    document = cli_json("verify", built, "--inputs", SAMPLES, "--cases", 2).document
    assert document["verify"]["cases"] == 2 and document["verify"]["ok"]
    assert document["board"] == BOARD and document["device"]
    same = [cli_json("verify", built, "--cases", 3, "--seed", s).document["verify"] for s in (1, 1)]
    assert same[0] == same[1]


def test_run(built, tmp_path):
    result = cli_json("run", built, "--inputs", SAMPLES, "--cases", 4)
    outputs = np.array(result.document["outputs"]["scores"])
    labels = np.load(SAMPLES)["label"]
    assert result.document["cases"] == 4 and outputs.shape == (4, 1, 10)
    assert outputs[:, 0].argmax(axis=1).tolist() == labels[:4].tolist()
    lines = cli("run", built, "--inputs", SAMPLES, "--cases", 4).out.splitlines()
    assert [line.split()[0] for line in lines] == [f"scores[{i}]" for i in range(4)]
    written = cli_json("run", built, "--inputs", SAMPLES, "--cases", 4, "-o", tmp_path / "o.npz").document
    assert written["out"] == str(tmp_path / "o.npz") and written["outputs"] == {}
    np.testing.assert_allclose(np.load(tmp_path / "o.npz")["scores"], outputs, rtol=1e-6)
    assert [p.name for p in tmp_path.iterdir()] == ["o.npz"]


def test_bench(built):
    first, second = (cli_json("bench", built).document for _ in range(2))
    assert first == second, "instruction counts repeat exactly"
    assert (first["latency"]["source"], first["latency"]["runs"]) == ("emulator", 1)
    assert [layer["name"] for layer in first["layers"]][1:4] == ["conv1", "dw1", "pw1"]
    text = cli("bench", built).out
    assert "emulator estimate" in text and "est. cycles" in text and "verify" not in text


def test_flash(built):
    for runner, tool in (("emulator", "qemu-system-arm"), (None, "qemu-system-arm")):
        options = ("--runner", runner) if runner else ()
        document = cli_json("flash", built, "--dry-run", *options).document
        (command,) = document["commands"]
        assert command.startswith(tool) and str(built / "firmware" / "firmware.elf") in command
        assert cli("flash", built, "--dry-run", *options).out == f"{command}\n"
    assert cli_json("flash", built).document["dry_run"] is False


def test_devices():
    document = cli_json("devices", "--no-probe").document
    assert isinstance(document["ports"], list)
    emulated = [b.id for b in list_boards() if b.emulator is not None]
    assert sorted(e["board"] for e in document["emulators"]) == sorted(emulated)
    assert all(e["available"] is True and e["machine"] for e in document["emulators"])
    lines = cli("devices", "--no-probe").out.splitlines()
    assert lines[0].split() == ["device", "board", "usb", "runs"]
    assert len(lines) == 1 + len(document["ports"]) + len(emulated)
