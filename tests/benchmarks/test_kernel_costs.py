"""Cost tables of which some kinds of layers are measured later than the rest."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest

from benchmarks import kernel_costs
from benchmarks.costs import tables
from benchmarks.costs.measure import Layer
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel
from edgewright.targets.costs.cost_table import TABLES, cost_table

KERNEL = RowKernel("new", "", (), (RowInput(1, 8),), 1, 8, source="static void f(void) {}")


def layers(kept: float) -> list[Layer]:
    """Layers that cost 7 for each "new_step", and 3 times what the table says of "gather"."""
    found = []
    for steps, gathers in ((10, 0), (100, 2), (50, 1), (500, 5)):
        kernel = replace(KERNEL, work={"new_step": steps, "gather": gathers})
        driver = tables.layer_work(replace(KERNEL, work={"row": 0}))
        cost = cost_table("m4").cost(driver) + 7 * steps + kept * gathers
        found.append(Layer(f"l{steps}", "new", kernel, round(cost)))
    return found


def test_only_new_coefficients_are_fitted():
    present = cost_table("m4").coefficients
    fit = tables.refit_kinds(
        "m4", layers(present["gather"]), {"gather", "layer", "row", "row_input", "row_window"}
    )
    found = dict(fit.table.coefficients)
    assert found.pop("new_step") == pytest.approx(7, rel=0.01)
    assert found == present
    assert fit.error("new")[1] < 0.01


def test_tables_grow(tmp_path, monkeypatch):
    (tmp_path / "m4.toml").write_text((TABLES / "m4.toml").read_text())
    monkeypatch.setattr(tables, "TABLES", tmp_path)
    before = tomllib.loads((tmp_path / "m4.toml").read_text())
    others = {"gather", "layer", "row", "row_input", "row_window"}
    tables.add_to_table(tables.refit_kinds("m4", layers(1.0), others), ["new"])
    after = tomllib.loads((tmp_path / "m4.toml").read_text())
    assert after["coefficients"].keys() - before["coefficients"].keys() == {"new_step"}
    assert {k: after["coefficients"][k] for k in before["coefficients"]} == before["coefficients"]
    assert after["measured"] == before["measured"] and after["measured_new"]["layers"] == 4
    assert after["relative_error"]["all"] == before["relative_error"]["all"]
    assert set(after["relative_error"]) == {*before["relative_error"], "new"}


def test_work_of_some_kinds():
    dense, packed = (kernel_costs.work_names("m4", [kind]) for kind in ("conv", "packed"))
    assert {"dot_2x3", "gather", "row"} <= dense and "packed4_4x2" not in dense
    assert {"packed4_4x2", "packed1_2x3", "packed_sums_quad", "gather", "tile_2x3_relu"} <= packed
