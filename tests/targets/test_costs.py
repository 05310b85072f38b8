"""Cycle estimates of row kernels: counts against literal loops, tables, and whole models on the emulator."""

from __future__ import annotations

import os
import re
import timeit
import tomllib
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.costs.fit import fit_costs
from benchmarks.costs.measure import FAMILIES, board_of, measure_layers
from benchmarks.costs.validation import EXAMPLE, predicted_cost
from benchmarks.figures import MODELS
from edgewright.errors import WorkError
from edgewright.targets.board import list_boards
from edgewright.targets.build import load_program_of
from edgewright.targets.codegen.kernels.geometry import Geometry
from edgewright.targets.codegen.kernels.work import gather_any_work, gather_work
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel
from edgewright.targets.costs import (
    copy_cycles,
    cost_model,
    cost_table,
    driver_cycles,
    estimate_call_cycles,
    estimate_kernel_cycles,
)
from edgewright.targets.costs.cost_table import SCHEMA_VERSION, TABLES
from edgewright.targets.cpu import cpu_class
from edgewright.targets.forms import node_kernels
from tests.shared import shared_path
from tests.targets.codegen.op_cases import KINDS, make_program

SOAK = "EDGEWRIGHT_SOAK" in os.environ
EVALUATION_LIMIT_US = 20


def kernels(model: str, kind: str, seed: int) -> list[RowKernel]:
    """Kernels of random ops: of layers, of streamed rows, with less scratch memory."""
    program, _ = make_program(kind, seed, 25)
    found = node_kernels(program, cpu_class(board_of(model).features)).values()
    return [kernel for own in found for kernel in (*own.layer, *(own.stream or ()), *own.lean)]


@pytest.mark.parametrize("model", FAMILIES)
def test_tables_say_how_they_were_measured(model):
    data = tomllib.loads((TABLES / f"{model}.toml").read_text())
    assert data["schema_version"] == SCHEMA_VERSION
    assert data["unit"] == ("instructions" if model == "m7" else "cycles")
    assert {"date", "commit", "machine", "core", "board", "layers"} <= set(data["measured"])
    # Helium kernels overlap beats of vector instructions, which no sum of counts says.
    assert data["relative_error"]["all"]["median"] <= (0.03 if model == "m55" else 0.02)
    assert all(v >= 0 for v in data["coefficients"].values())


def test_every_board_has_a_table():
    models = {cost_model(board.cpu) for board in list_boards()}
    assert models <= set(FAMILIES) and models == {cost_table(m).model for m in models}
    assert (cost_model("cortex-m4"), cost_model("cortex-m33"), cost_model("cortex-m7")) == ("m4", "m4", "m7")


@pytest.mark.parametrize("model", FAMILIES)
@pytest.mark.parametrize("kind", KINDS)
def test_random_kernels_can_be_estimated(model, kind):
    """No kernel declares work without a cost, and each costs more than the driver alone."""
    for kernel in kernels(model, kind, 5):
        call = estimate_call_cycles(kernel, model)
        assert call > driver_cycles(kernel, model) > 0
        assert estimate_kernel_cycles(kernel, model) >= kernel.out_rows * call


def test_an_unmeasured_kind_is_charged_by_the_byte():
    small = RowKernel("novel", "", (), (RowInput(1, 100),), 1, 50, source="static void f(void) {}")
    large = replace(small, inputs=(RowInput(1, 1000),), out_row_bytes=500)
    assert 0 < estimate_call_cycles(small, "m4") < estimate_call_cycles(large, "m4")


def test_unknown_work_and_model():
    kernel = RowKernel("x", "", (), (), 1, 1, work={"no_such_work": 1})
    with pytest.raises(WorkError, match="no_such_work") as error:
        estimate_call_cycles(kernel, "m4")
    assert error.value.code == "EW-COST-UNKNOWN"
    with pytest.raises(WorkError, match="m99") as error:
        cost_table("m99")
    assert error.value.code == "EW-COST-MODEL"


@pytest.mark.parametrize("model", FAMILIES)
def test_copies_cost_by_their_length(model):
    costs = [copy_cycles(n, model) for n in (0, 64, 640, 6400)]
    assert costs == sorted(costs)
    per_byte = (costs[3] - costs[2]) / (6400 - 640)
    assert 0.1 < per_byte < 6
    assert costs[0] < 150


@pytest.mark.parametrize("kind", KINDS)
def test_an_evaluation_is_quick(kind):
    found = kernels("m4", kind, 6)
    estimate_call_cycles(found[0], "m4")

    def run() -> None:
        for kernel in found:
            estimate_call_cycles(kernel, "m4")

    best_s = min(timeit.repeat(run, number=20, repeat=5)) / 20 / len(found)
    assert best_s * 1e6 < EVALUATION_LIMIT_US


def random_geometry(rng: np.random.Generator, quads: bool) -> Geometry:
    groups = int(rng.choice([1, 1, 2]))
    channels = groups * int(rng.integers(1, 6)) * (4 if quads else 1)
    height, width = (int(v) for v in rng.integers(1, 5, 2))
    dilation, stride = (int(v) for v in rng.integers(1, 3, 2))
    columns, left = int(rng.integers(1, 9)), int(rng.integers(0, 3))
    out = int(rng.integers(1, columns + 2))
    return Geometry(columns, channels, height, width, stride, dilation, left, out, groups, 0)


def literal_gather(g: Geometry, lined_up: bool) -> dict[str, int]:
    """The loops of ew_gather.h as they stand there, counting."""
    n = dict.fromkeys(("row", "run", "column", "outside", "fill", "bytes"), 0)
    for x in range(g.out_columns * g.groups):
        column = x % g.out_columns * g.stride - g.pad_left
        whole = g.dilation == 1 and g.pixel_bytes == g.group_channels
        whole = whole and column >= 0 and column + g.width <= g.columns
        for _ in range(g.height):
            n["row"] += 1
            if whole:
                n["run"] += 1
                n["bytes"] += g.group_channels * g.width
                continue
            for kx in range(g.width):
                if 0 <= column + kx * g.dilation < g.columns:
                    n["column"] += 1
                    n["bytes"] += g.group_channels
                else:
                    n["outside"] += 1
                    n["fill"] += g.group_channels if lined_up else g.group_channels // 4
    return n


@pytest.mark.parametrize("seed", range(200))
def test_gather_counts_equal_the_loops_of_the_c_code(seed):
    rng = np.random.default_rng(seed)
    quads = bool(seed % 2)
    g = random_geometry(rng, quads)
    want = literal_gather(g, lined_up=not quads)
    if quads:
        work = gather_work(g, 1)
        assert [work[f"gather_{k}"] for k in ("row", "run", "column", "outside", "fill")] == [
            want[k] for k in ("row", "run", "column", "outside", "fill")
        ]
        assert 4 * (2 * work["widen_pair"] + work["widen_odd"]) == want["bytes"]
    else:
        work = gather_any_work(g, 1)
        assert work["line_row"] == want["row"]
        assert work["line_copy"] == want["run"] + want["column"]
        assert (work["line_column"], work["line_outside"]) == (want["column"], want["outside"])
        assert work["line_fill"] == want["fill"]
        assert 4 * work["line_word"] + work["line_byte"] == want["bytes"]
        assert 2 * work["widen_pair"] + work["widen_odd"] == g.quads * g.groups * g.out_columns


def test_the_fit_finds_costs_and_none_is_negative():
    rng = np.random.default_rng(0)
    true = {"a": 3.0, "b": 0.0, "c": 40.0, "known": 7.0}
    works = [{name: float(rng.integers(0, 50)) for name in true} | {"c": 1.0} for _ in range(40)]
    costs = [sum(true[k] * n for k, n in work.items()) for work in works]
    found = fit_costs(works, costs, {"known": 7.0})
    assert found == pytest.approx(true, abs=1e-6)
    lowered = [c - 2 * work["b"] * (c > 3 * work["b"]) for c, work in zip(costs, works, strict=True)]
    assert min(fit_costs(works, lowered).values()) >= 0


def relative_error(path, model, folder) -> float:
    layers = measure_layers(load_program_of(path), model, folder)
    # Every kernel of every layer.
    assert len(layers) >= len({x.name for x in layers}) > 3
    return predicted_cost(layers, model) / sum(x.cost for x in layers) - 1


def test_the_example_model_is_predicted(tmp_path):
    assert abs(relative_error(EXAMPLE, "m4", tmp_path)) < 0.05


@pytest.mark.parametrize("key", [m.key for m in MODELS])
def test_mlperf_tiny_models_are_predicted(key, tmp_path):
    if key != "KWS" and not SOAK:
        pytest.skip("the other models run with EDGEWRIGHT_SOAK")
    file = next(m.file for m in MODELS if m.key == key)
    assert abs(relative_error(shared_path(f"models/mlperf_tiny/{file}"), "m4", tmp_path)) < 0.03


@pytest.mark.skipif(not SOAK, reason="other cores run with EDGEWRIGHT_SOAK")
@pytest.mark.parametrize("model", [m for m in FAMILIES if m != "m4"])
def test_other_cores_are_predicted(model, tmp_path):
    assert abs(relative_error(EXAMPLE, model, tmp_path)) < 0.10


def test_names_in_the_tables_follow_one_scheme():
    for model in FAMILIES:
        assert all(re.fullmatch(r"[a-z0-9_]+", name) for name in cost_table(model).coefficients)
