"""deploy and build: what they print and write, memory limits, and folders that are kept or not touched."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import edgewright.__main__
from edgewright.targets.board import BOARDS
from tests.cli.runner import DIGITS, SAMPLES, cli, cli_json, tree

BOARD = "mps2-an386"
LAYERS = ("--schedule", "layer", "--input", "resident")
# What other programs rely on in report.json.
KEYS = {
    "model": {"name", "sha256", "macs"},
    "memory": {"arena_bytes", "stack_bytes", "static_bytes", "code_bytes", "weights_bytes"},
    "latency": {"source", "instructions", "estimated_cycles", "latency_us", "runs"},
    "verify": {"reference", "cases", "outputs", "mismatches", "max_abs_diff"},
}
LAYER_KEYS = {
    *("name", "kind", "output_shape", "macs", "kernel"),
    *("instructions", "estimated_cycles", "weights_bytes"),
}


@pytest.fixture(scope="module")
def deployed(tmp_path_factory):
    out = tmp_path_factory.mktemp("deploy") / "build"
    return out, cli("deploy", DIGITS, "-b", BOARD, "-o", out, "--inputs", SAMPLES, "--cases", 3, "--runs", 2)


def test_what_deploy_prints(deployed):
    """The stages in the order of the work, the layers, and where the report is; nothing on stderr."""
    out, result = deployed
    assert (result.status, result.err) == (0, "")
    head, table, end = result.out.split("\n\n")
    stages = {line.split()[0]: line[9:] for line in head.splitlines()}
    assert list(stages) == ["model", "board", "plan", "build", "flash", "verify", "bench"]
    assert stages["model"].startswith(
        "digits_int8.onnx  10 ops, 117.2 k MAC, input 8x8x1 float32, output 10 "
    )
    assert "Cortex-M4 @ 25 MHz, 4 MB RAM, 4 MB flash (tested: emulator)" in stages["board"]
    assert re.search(
        r"input resident · arena [\d,]+ B of 4 MB · weights [\d,]+ B · code [\d,]+ B · stack \d+ B",
        stages["plan"],
    )
    assert "estimates" in stages["flash"]
    assert stages["verify"] == "3 of 3 inputs equal to the reference, bit for bit"
    assert re.match(r"[\d.]+ ms at 25 MHz \(emulator estimate: ", stages["bench"])
    layers = json.loads((out / "report.json").read_text())["layers"]
    assert sum(len(layer["nodes"]) for layer in layers) == 10
    assert len(table.splitlines()) == 1 + len(layers) and table.splitlines()[0].split()[0] == "layer"
    assert end == f"report.json, report.txt and report.html are in {out}/\n"
    assert max(map(len, result.out.splitlines())) < 130


def test_the_report_has_what_others_rely_on(deployed):
    out, _ = deployed
    report = json.loads((out / "report.json").read_text())
    assert (report["schema_version"], report["board"]) == (1, BOARD)
    for part, keys in KEYS.items():
        assert keys <= set(report[part]), part
        assert all(report[part][key] is not None for key in keys), part
    assert report["latency"]["runs"] == 2 and report["verify"]["cases"] == 3
    for layer in report["layers"]:
        assert set(layer) >= LAYER_KEYS
        assert all(layer[key] is not None for key in LAYER_KEYS), layer["name"]
    assert sum(layer["weights_bytes"] for layer in report["layers"]) <= report["memory"]["weights_bytes"]
    assert (out / "report.txt").read_text().startswith("model ")
    assert (out / "report.html").read_text().startswith("<!DOCTYPE html>")


def test_json_is_the_report(tmp_path):
    result = cli_json("deploy", DIGITS, "-b", BOARD, "-o", tmp_path / "b", "--cases", 1)
    document = result.document
    assert (result.status, result.err) == (0, "")
    assert document["out"] == str(tmp_path / "b")
    assert document["report"] == json.loads((tmp_path / "b" / "report.json").read_text())


def test_build_writes_everything_and_nothing_else(built):
    files = {name.split("/")[0] for name in tree(built)}
    assert files == {"library", "firmware", "program", "manifest.json", "plan.json"}
    names = set(tree(built))
    library = {"digits_int8.c", "digits_int8.h", "digits_int8_weights.c", "firmware_model.h"}
    assert {f"library/{n}" for n in library} <= names
    assert {f"firmware/firmware.{n}" for n in ("elf", "bin", "map")} <= names
    assert not any(name.endswith((".o", ".ci", ".su", ".ld")) for name in names)
    here = str(Path(__file__).resolve().parents[2])
    assert not any(here.encode() in data for n, data in tree(built).items() if n.startswith("library"))


def test_builds_repeat_exactly(built, tmp_path):
    """The same model and board give the same bytes, wherever the folder is."""
    assert cli("build", DIGITS, "-b", BOARD, "-o", tmp_path / "again").status == 0
    first, second = tree(built), tree(tmp_path / "again")
    assert set(first) == set(second)
    # The linker's map names the objects by their path.
    assert [n for n in first if first[n] != second[n]] == ["firmware/firmware.map"]


def test_ram_limit_is_exact(built, tmp_path):
    """A limit the firmware just fits passes, one byte less is refused and nothing is written."""
    build = ("build", DIGITS, "-b", BOARD, "-o", tmp_path / "b", *LAYERS, "--ram")
    refused = cli_json(*build, 3160)
    assert (refused.status, refused.code) == (1, "EW-MEM-OVER")
    error = refused.document["error"]
    required = error["required_bytes"]
    assert error["available_bytes"] == 3160 and error["excess_bytes"] == required - 3160 > 0
    assert "--ram allows 3,160" in error["message"] and "largest moment: " in error["message"]
    assert cli_json(*build, required - 1).document["error"]["excess_bytes"] == 1
    assert list(tmp_path.iterdir()) == []
    assert cli(*build, required).status == 0
    manifest = json.loads((tmp_path / "b" / "manifest.json").read_text())
    assert manifest["memory"]["ram_bytes"] == required
    assert manifest["firmware"]["keeps_input"] is False
    # Such firmware needs a load for each inference, which verifying and measuring must do.
    assert cli("verify", tmp_path / "b", "--cases", 2, "--layers").status == 0
    assert cli_json("bench", tmp_path / "b", "--runs", 2).document["latency"]["runs"] == 2


def test_less_ram_takes_a_smaller_plan(built, tmp_path):
    """What does not fit layer by layer is streamed; what does not fit at all gets the smallest there is."""
    whole = json.loads((built / "manifest.json").read_text())["memory"]["arena_bytes"]
    result = cli_json("build", DIGITS, "-b", BOARD, "-o", tmp_path / "b", "--ram", 2600)
    manifest = result.document["manifest"]
    assert result.status == 0 and manifest["memory"]["ram_bytes"] <= 2600
    assert manifest["plan"]["schedule"] == "stream" and manifest["memory"]["arena_bytes"] < whole
    assert cli("verify", tmp_path / "b", "--cases", 2).status == 0
    refused = cli_json("build", DIGITS, "-b", BOARD, "-o", tmp_path / "c", "--ram", "2K")
    assert (refused.status, refused.code) == (1, "EW-PLAN-MEMORY")
    error = refused.document["error"]
    assert (
        error["required_bytes"] == min(s["ram_bytes"] for s in error["smallest"]) > error["available_bytes"]
    )
    assert error["required_bytes"] <= manifest["memory"]["arena_bytes"]
    assert not (tmp_path / "c").exists()


def test_flash_limit(tmp_path):
    # Anything else gets smaller constants where flash is short.
    build = ("build", DIGITS, "-b", BOARD, "-o", tmp_path / "b", "--optimize", "size", *LAYERS)
    memory = cli_json(*build).document["manifest"]["memory"]
    shutil.rmtree(tmp_path / "b")
    limit = memory["flash_bytes"] - 1
    refused = cli_json("deploy", *build[1:], "--flash", limit)
    assert (refused.status, refused.code) == (1, "EW-FLASH-OVER")
    error = refused.document["error"]
    assert (error["required_bytes"], error["excess_bytes"]) == (memory["flash_bytes"], 1)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_build_keeps_the_earlier_one(deployed):
    out, _ = deployed
    before = tree(out)
    assert cli_json("build", DIGITS, "-b", BOARD, "-o", out, "--ram", "2K").code == "EW-PLAN-MEMORY"
    assert tree(out) == before and list(out.parent.iterdir()) == [out]


def test_a_build_replaces_an_earlier_one(tmp_path):
    """Also that for another board, report included: nothing of it stays."""
    out = tmp_path / "b"
    assert cli("deploy", DIGITS, "-b", "mps2-an385", "-o", out, "--cases", 1).status == 0
    assert cli("build", DIGITS, "-b", BOARD, "-o", out).status == 0
    assert json.loads((out / "manifest.json").read_text())["board"] == BOARD
    assert not (out / "report.json").exists()


def test_the_default_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = cli_json("build", DIGITS, "-b", "mps2-an385")
    assert result.document["out"] == "build/digits_int8-mps2-an385"
    assert (tmp_path / "build" / "digits_int8-mps2-an385" / "manifest.json").is_file()


@pytest.mark.parametrize("stage", ["board", "flash"])
def test_interrupted(tmp_path, stage):
    """Ctrl-C while it builds, and while it verifies: one line, status 130, nothing half-written."""
    out = tmp_path / "b"
    command = [
        sys.executable,
        "-m",
        "edgewright",
        "deploy",
        DIGITS,
        "-b",
        BOARD,
        "-o",
        out,
        "--cases",
        "20000",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.startswith(stage):
                break
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "EW-INTERRUPTED  interrupted\n")
    assert list(tmp_path.iterdir()) == ([out] if stage == "flash" else [])
    assert not out.exists() or cli("verify", out, "--cases", 1).status == 0


def test_interrupted_before_it_begins(monkeypatch, capsys):
    class Interrupting:
        def find_spec(self, name, path, target=None):
            if name == "edgewright.cli":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "edgewright.cli")
    monkeypatch.setattr(sys, "meta_path", [Interrupting(), *sys.meta_path])
    assert edgewright.__main__.main() == 130
    assert capsys.readouterr().err == "EW-INTERRUPTED  interrupted\n"


def test_a_board_file_from_anywhere(tmp_path):
    """Later commands, in other processes, find the board by what the build folder brings along."""
    board = (
        (BOARDS / f"{BOARD}.toml")
        .read_text()
        .replace("clock_hz = 25_000_000", "clock_hz = 25_000_000  # mine")
    )
    (tmp_path / "my-board.toml").write_text(board)
    out = tmp_path / "build"
    deployed = cli_json("deploy", DIGITS, "-b", tmp_path / "my-board.toml", "--cases", "2", "-o", out)
    assert deployed.status == 0 and deployed.document["report"]["board"] == "my-board"
    (tmp_path / "my-board.toml").unlink()
    for command in (("verify", out, "--cases", "2"), ("bench", out), ("flash", out, "--dry-run")):
        done = subprocess.run(
            [sys.executable, "-m", "edgewright", *command],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
