"""The tables of README.md say what the code says."""

from __future__ import annotations

import re

import edgewright
import edgewright.converter.lower  # registers the operators
from edgewright.converter.lower.float_island import FLOAT_OPS
from edgewright.converter.lower.registry import LOWERINGS
from edgewright.converter.ops.binary import Add, Mul
from edgewright.converter.ops.lookup import Lookup
from edgewright.converter.ops.reshape import Reshape
from edgewright.converter.program_json import OP_KINDS
from edgewright.targets.board import list_boards
from edgewright.targets.costs.cost_table import CYCLE_MODELS
from edgewright.targets.cpu import CPU_CLASSES, cpu_class
from tests.docs.pages import page

README = page("README.md")
KERNELS = {"scalar": "scalar", "dsp": "DSP", "mve": "Helium"}


def section(title: str) -> str:
    found = README.text.partition(f"\n## {title}\n")[2]
    assert found, f"there is no section {title}"
    return found.partition("\n## ")[0]


def rows(text: str, columns: int) -> list[list[str]]:
    """Cells of all table rows with so many columns, without heads and rules."""
    lines = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    cells = [[c.strip() for c in line] for line in lines]
    return [c for c in cells if len(c) == columns and not set(c[0]) <= set("- ")]


def codes(cell: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", cell))


def test_boards():
    listed = {c[0].strip("`"): c[1:] for c in rows(section("What works where"), 4) if c[0] != "board"}
    assert set(listed) == {b.id for b in list_boards()}
    for board in list_boards():
        core, kernels, tested = listed[board.id]
        name = board.cpu.replace("cortex-m0plus", "Cortex-M0+").replace("cortex-m", "Cortex-M")
        assert re.match(rf"{re.escape(name)}(?![\d+])", core), (board.id, core)
        assert kernels == KERNELS[cpu_class(board.features).name]
        assert tested.startswith(board.tested)
        if board.tested == "build-only":
            assert f"`{board.emulator_board}` stands in" in tested


def test_operators():
    operators = rows(section("What works where").partition("Operations.")[2], 3)
    named = set().union(*(codes(c[1]) for c in operators if c[0] != "kind"))
    assert named == set(LOWERINGS) | FLOAT_OPS


def test_op_kinds():
    operators = rows(section("What works where").partition("Operations.")[2], 3)
    named = set().union(*(codes(c[0]) for c in operators))
    kinds = {k.kind for k in OP_KINDS if isinstance(k.kind, str)} | {"add", "sub"}
    assert kinds <= named
    assert named - kinds == {"requantize"}  # a table


def test_cpu_classes():
    classes = {c[0] for c in rows(section("What works where"), 3)}
    assert {"scalar", "DSP", "Helium (MVE)"} <= classes
    assert set(CPU_CLASSES) == set(KERNELS)


def test_architecture_names_what_works_in_place():
    in_place = {k for k in OP_KINDS if k.in_place_input is not None}
    assert in_place == {Add, Mul, Lookup, Reshape}
    sentence = "`Add`, `Sub`, `Mul` and tables may write over their first input"
    assert sentence in page("docs/architecture.md").text


def test_cores_with_estimates():
    assert {f"cortex-m{n}" for n in ("0", "0plus", "3", "4", "33", "55")} == set(CYCLE_MODELS)
    assert CYCLE_MODELS["cortex-m33"] == CYCLE_MODELS["cortex-m4"]
    assert "the M33 uses the M4's" in section("Limits") and "the M7 has none" in section("Limits")


def test_changelog_starts_with_this_version():
    first = re.search(r"^## (\S+)", page("CHANGELOG.md").text, re.MULTILINE)
    assert first is not None and first[1] == edgewright.__version__
