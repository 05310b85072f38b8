"""The board files of docs/adding_a_board.md load, link, and where QEMU knows the board, run."""

from __future__ import annotations

import re
import shutil

import pytest

from edgewright.runtime.deploy import Job, deploy
from edgewright.targets import board as board_module
from edgewright.targets.board import Board, load_board
from edgewright.targets.board_checks import CLOSED_TABLES, CPU_FEATURES, CYCLES, FIELDS, RUNNERS, TESTED
from edgewright.targets.board_header import board_header
from edgewright.targets.build import build, load_program_of, plan_program
from tests.docs.pages import ROOT, page

GUIDE = page("docs/adding_a_board.md")
DIGITS = ROOT / "examples" / "digits" / "digits_int8.onnx"
IDS = ("mps2-an511", "nucleo-f401re")


@pytest.fixture
def boards(tmp_path, monkeypatch) -> dict[str, Board]:
    """The guide's boards, in a copy of the boards' folder, as if the guide had been followed."""
    folder = tmp_path / "boards"
    shutil.copytree(board_module.BOARDS, folder)
    for name, block in zip(IDS, GUIDE.blocks("toml"), strict=True):
        assert not (folder / f"{name}.toml").exists(), f"{name} is there now: the guide needs another example"
        (folder / f"{name}.toml").write_text(block.text, encoding="utf-8")
    monkeypatch.setattr(board_module, "BOARDS", folder)
    return {name: load_board(name) for name in IDS}


def test_loads_from_any_file(tmp_path):
    for name, block in zip(IDS, GUIDE.blocks("toml"), strict=True):
        file = tmp_path / f"{name}.toml"
        file.write_text(block.text, encoding="utf-8")
        board = load_board(file)
        assert board.id == name and board.path == file


def test_the_emulated_board_runs(boards, tmp_path):
    said: dict[str, str] = {}
    job = Job(DIGITS, boards["mps2-an511"], tmp_path / "build", cases=3)
    report = deploy(job, said.__setitem__, lambda *_: None)
    assert report["verify"]["ok"] and report["verify"]["cases"] == 3
    assert report["latency"]["board"] == "mps2-an511"
    assert "input resident" in said["plan"]


def test_the_hardware_board_links(boards, tmp_path):
    board = boards["nucleo-f401re"]
    manifest = build(
        plan_program(load_program_of(DIGITS), board), board, tmp_path / "build", source=DIGITS.name
    )
    assert manifest["board"] == "nucleo-f401re"
    assert manifest["emulator"]["board"] == "mps2-an386"
    assert (tmp_path / "build" / "firmware" / "firmware.bin").stat().st_size < board.memory.flash.size_bytes


def test_the_clock_follows_from_the_crystal(boards):
    """RM0368, 6.3.2: f = HSE / M * N / P."""
    clock = boards["nucleo-f401re"].clock
    assert clock is not None
    c = clock.config
    assert c["hse_hz"] // c["pll_m"] * c["pll_n"] // c["pll_p"] == boards["nucleo-f401re"].clock_hz
    assert "#define EW_CLOCK_PLL_P 0x4u" in board_header(boards["nucleo-f401re"])


def field_names() -> set[str]:
    """Fields of the table "Every field"."""
    section = GUIDE.text.partition("## Every field")[2].partition("\n## ")[0]
    cells = [row.split("|")[1] for row in section.splitlines() if row.startswith("| `")]
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def test_every_field_is_explained():
    tables = {name.rstrip("?") for name, kind in FIELDS.items() if kind is dict or isinstance(kind, tuple)}
    wanted = {name.rstrip("?") for name in FIELDS} - (tables - {"memory.stack", "emulator"})
    wanted |= {f"memory.{key}" for key in CLOSED_TABLES["memory"]}
    assert wanted <= field_names(), wanted - field_names()


def test_every_choice_is_named():
    for choices in (CPU_FEATURES, RUNNERS, TESTED, CYCLES):
        for choice in choices:
            assert f"`{choice}`" in GUIDE.text, choice
