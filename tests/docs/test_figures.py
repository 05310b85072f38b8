"""The figures of README.md are those that `make bench` wrote, for the commit they are stated for."""

from __future__ import annotations

import json
import re

import pytest

from benchmarks.results import Figure
from benchmarks.table import table_rows
from edgewright.cli.table import text_table
from tests.docs.pages import ROOT, page

RESULTS = ROOT / "build" / "bench" / "mlperf_tiny.json"


def stated() -> tuple[str, str]:
    """(the table, the commit it was measured at) as README.md states them."""
    text = page("README.md").text
    between = re.search(r"<!-- figures: begin.*?-->(.*?)<!-- figures: end -->", text, re.DOTALL)
    assert between is not None
    table = re.search(r"^```text\n(.*?)^```$", between[1], re.MULTILINE | re.DOTALL)
    commit = re.search(r"commit ([0-9a-f]{7,40})\b", between[1])
    assert table is not None and commit is not None
    return table[1], commit[1]


def test_figures_state_where_they_are_from():
    table, _ = stated()
    section = page("README.md").text.partition("<!-- figures: begin")[2].partition("<!-- figures: end")[0]
    assert re.search(r"\b20\d\d\b", section), "no date"
    assert "cores" in section, "no kind of machine"
    assert "estimate" in section
    assert len(table.splitlines()) > 10


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
