"""The example model on every board: deployed through the command line, verified after each layer, measured.

Boards without an emulator run on the board that stands in for them.
"""

from __future__ import annotations

import json

import pytest

from edgewright.targets.board import list_boards, load_board
from tests.cli.runner import DIGITS, cli_json

LAYERS = 10
CASES = 5


@pytest.mark.parametrize("board_id", [b.id for b in list_boards()])
def test_deploy(board_id, tmp_path):
    board, out = load_board(board_id), tmp_path / "build"
    deployed = cli_json("deploy", DIGITS, "-b", board_id, "-o", out, "--cases", CASES, "--layers")
    assert deployed.status == 0, deployed.out
    report = deployed.document["report"]
    assert report == json.loads((out / "report.json").read_text())
    assert report["board"] == board_id
    _check_verified(report["verify"])
    _check_memory(report["memory"], json.loads((out / "plan.json").read_text()))
    _check_latency(report, board)
    _check_flashing(out, board)
    assert ("emulator" in json.loads((out / "manifest.json").read_text())) == (board.emulator is None)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["build"]


def _check_verified(verify):
    assert (verify["cases"], verify["outputs"]) == (CASES, 10 * CASES)
    assert (verify["mismatches"], verify["max_abs_diff"], verify["bad_cases"]) == (0, 0, 0)
    assert verify["layers_compared"] == LAYERS and verify["ok"] is True


def _check_memory(memory, plan):
    """The plan's arena is the truth: all of it was written, nothing behind it (painted memory tells)."""
    assert memory["arena_used_bytes"] == memory["arena_bytes"] == plan["arena_bytes"]
    assert plan["arena_bytes"] == max(b["offset"] + b["size_bytes"] for b in plan["buffers"])
    assert 0 < memory["run_stack_used_bytes"] <= memory["stack_bytes"]
    assert memory["arena_bytes"] + memory["stack_bytes"] + memory["static_bytes"] <= memory["ram_bytes"]
    assert memory["ram_bytes"] <= memory["board_ram_bytes"]
    assert (
        memory["code_bytes"] + memory["weights_bytes"] < memory["flash_bytes"] <= memory["board_flash_bytes"]
    )


def _check_latency(report, board):
    """Exact instruction counts; a time only where the core that was counted is the board's."""
    latency, layers = report["latency"], report["layers"]
    emulated = load_board(board.emulator_board)
    assert (latency["source"], latency["board"], latency["runs"]) == ("emulator", emulated.id, 1)
    assert len(layers) == LAYERS
    total = sum(layer["instructions"] for layer in layers)
    assert total == pytest.approx(latency["instructions"], rel=0.02)
    assert sum(layer["share"] for layer in layers) == pytest.approx(1, abs=1e-4)
    assert latency["instructions"] > report["model"]["macs"] / 4
    cycles, microseconds = latency["estimated_cycles"], latency["latency_us"]
    if latency["cycle_model"] is None:  # the dual-issue Cortex-M7: instructions say little about cycles
        assert board.cpu == "cortex-m7" and cycles is None and microseconds is None
    else:
        assert cycles > latency["instructions"]
        same_core = emulated.cpu == board.cpu
        assert microseconds == (pytest.approx(cycles / board.clock_hz * 1e6) if same_core else None)


def _check_flashing(out, board):
    """`flash --dry-run` prints the commands of every method of the board, and runs none of them."""
    for runner in board.runners:
        flashed = cli_json("flash", out, "--runner", runner, "--dry-run")
        assert flashed.status == 0, flashed.out
        plan = flashed.document
        assert (plan["runner"], plan["dry_run"]) == (runner, True)
        assert plan["commands"] and any("firmware.elf" in c for c in plan["commands"])
        tool = {"emulator": "qemu-system-arm", "gdb": "gdb", "openocd": "openocd", "pyocd": "pyocd"}[runner]
        assert all(c.split()[0].rpartition("/")[2].startswith(tool) for c in plan["commands"])
    first = cli_json("flash", out, "--dry-run").document
    assert first["runner"] == board.runners[0]
