"""What the pages show of commands on the example model is what they print now."""

from __future__ import annotations

import importlib.util
import re

import pytest

from tests.docs.pages import ROOT, pages

SPEC = importlib.util.spec_from_file_location("page_outputs", ROOT / "scripts" / "page_outputs.py")
assert SPEC is not None and SPEC.loader is not None
outputs = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(outputs)

BLOCKS = [(p, m) for p in outputs.PAGES for m in outputs.BLOCK.finditer(p.read_text(encoding="utf-8"))]
OURS = [m for _, m in BLOCKS if "examples/digits" in m["commands"]]


@pytest.mark.parametrize("block", OURS, ids=lambda m: m["commands"].splitlines()[-1])
def test_output_is_what_the_command_prints(block):
    commands = outputs.command_lines(block)
    printed = outputs.shown(outputs.run_commands(commands, outputs.find_model(commands)), block["output"])
    # Float arithmetic differs a little from processor to processor; integers and plans do not.
    same = words if commands[-1].startswith(("quantize", "evaluate")) else str
    assert same(printed) == same(block["output"]), "run `make docs`"


def words(text: str) -> list[str]:
    """The words of an output in no order, without figures and without what a search found best."""
    lines = [line for line in text.splitlines() if not line.startswith("settings")]
    return sorted(re.findall(r"[A-Za-z_]{2,}", "\n".join(lines)))


def test_every_output_is_dated():
    for page, block in BLOCKS:
        assert block["output"], f"{page.name}: {block['commands']}"
        stamp = outputs.STAMP.match(page.read_text(encoding="utf-8"), block.end())
        assert stamp and not stamp["when"].endswith("0000000"), f"{page.name}: {block['commands']}"


def test_they_are_found():
    assert OURS and len(BLOCKS) >= 5
    shown = sum(b.text.startswith("$ edgewright") for p in pages() for b in p.blocks("text"))
    assert shown == len(BLOCKS), "a page shows an output that scripts/page_outputs.py does not know"


def test_cut_output_keeps_its_first_table():
    assert outputs.shown("a  \nb\n\nc\nd\n\ne\n", "…\n") == "a\nb\n\nc\nd\n…\n"
    assert outputs.shown("a\n\nb\n\nc\n", "b\n") == "a\n\nb\n\nc\n"


def test_a_changed_output_gets_a_new_date(monkeypatch):
    command = "plan examples/digits/digits_int8.onnx --board mps2-an386"
    page = f"x\n```text\n$ edgewright {command}\nold\n```\n\n(1 May 2020, commit 0123456, here)\n"
    monkeypatch.setattr(outputs, "run_commands", lambda *_: "new\n")
    renewed = outputs.renew(page)
    assert f"$ edgewright {command}\nnew\n```\n\n(" in renewed
    assert "1 May 2020" not in renewed and renewed.endswith(", here)\n")
    assert outputs.renew(renewed) == renewed
