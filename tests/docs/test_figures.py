"""The figures of README.md are those that `make bench` wrote, for the commit they are stated for."""

from __future__ import annotations

import json
import re

import pytest

from benchmarks.memory_nets.markdown import markdown_table
from benchmarks.quantization import markdown as quantization_figures
from benchmarks.results import Figure
from benchmarks.table import table_rows
from edgewright.cli.table import text_table
from tests.docs.pages import ROOT, page

RESULTS = ROOT / "build" / "bench" / "mlperf_tiny.json"
MEMORY_RESULTS = ROOT / "build" / "bench" / "memory.json"


def section(name: str) -> str:
    """What stands in README.md between the marks of some figures."""
    between = re.search(
        rf"<!-- {name}: begin.*?-->(.*?)<!-- {name}: end -->", page("README.md").text, re.DOTALL
    )
    assert between is not None, f"README.md has no {name}"
    return between[1]


def stated() -> tuple[str, str]:
    """(the table, the commit it was measured at) as README.md states them."""
    text = section("figures")
    table = re.search(r"^```text\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    commit = re.search(r"commit ([0-9a-f]{7,40})\b", text)
    assert table is not None and commit is not None
    return table[1], commit[1]


def test_figures_state_where_they_are_from():
    table, _ = stated()
    check_origin(section("figures"))
    assert len(table.splitlines()) > 10


def check_origin(text: str) -> None:
    assert re.search(r"\b20\d\d\b", text), "no date"
    assert "cores" in text, "no kind of machine"
    assert "estimate" in text


def test_figures_are_those_measured():
    table, commit = stated()
    if not RESULTS.is_file() or not RESULTS.stat().st_size:  # empty while it runs
        pytest.skip("needs the results of `make bench`")
    results = json.loads(RESULTS.read_text())
    if results["quick"] or not str(results["git"]["commit"]).startswith(commit):
        pytest.skip(f"the results there are not those of commit {commit}")
    header, rows = table_rows([Figure(**f) for f in results["figures"]])
    measured = text_table(header, rows, right=range(1, len(header)))
    # Wall times differ from run to run.
    kept = [[line for line in t.splitlines() if "wall" not in line] for t in (table, measured)]
    assert kept[0] == kept[1]


def memory_table(text: str) -> list[str]:
    """Lines of the Markdown table in a text; wall times differ from run to run."""
    return [line for line in text.splitlines() if line.startswith("|") and "wall" not in line]


def test_memory_figures_state_where_they_are_from():
    text = section("memory figures")
    check_origin(text)
    assert re.search(r"commit [0-9a-f]{7,40}\b", text), "no commit"
    assert len(memory_table(text)) > 10


def test_memory_figures_are_those_measured():
    text = section("memory figures")
    commit = re.search(r"commit ([0-9a-f]{7,40})\b", text)
    if not MEMORY_RESULTS.is_file() or not MEMORY_RESULTS.stat().st_size:  # empty while it runs
        pytest.skip("needs the results of `python -m benchmarks.memory`")
    results = json.loads(MEMORY_RESULTS.read_text())
    if commit is None or not str(results["git"]["commit"]).startswith(commit[1]):
        pytest.skip("the results there are not those of the commit that README.md states")
    if not results["complete"]:
        pytest.skip("the results there are of a part of the nets or without runs")
    measured = markdown_table([Figure(**f) for f in results["figures"]])
    assert memory_table(text) == memory_table(measured)


def test_quantization_figures_state_where_they_are_from():
    text = section("quantization figures")
    check_origin(text)
    assert len(memory_table(text)) > 20


def test_quantization_figures_are_those_measured():
    text = section("quantization figures")
    commit = re.search(r"commit ([0-9a-f]{7,40})\b", text)
    documents = quantization_figures.load()
    if len(documents) < len(quantization_figures.FILES):
        pytest.skip("needs the results of `make bench`")
    if commit is None or any(not str(d["git"]["commit"]).startswith(commit[1]) for d in documents):
        pytest.skip("the results there are not those of the commit that README.md states")

    def kept(table: str) -> list[str]:
        return [line for line in memory_table(table) if ", s |" not in line and "memory, MB" not in line]

    assert kept(text) == kept(quantization_figures.markdown_table(documents))
