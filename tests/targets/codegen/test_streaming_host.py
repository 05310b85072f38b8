"""Random networks in all kinds of schedules: nothing is overwritten, and the C gives golden's bits."""

from __future__ import annotations

import os

import numpy as np
import pytest

from edgewright.converter.lower import check_model, lower
from edgewright.converter.program import Program
from edgewright.converter.rewrites import rewrite
from edgewright.converter.schedule import Plan, Wish, trade_off
from edgewright.errors import UsageError
from edgewright.runtime.inputs import random_cases
from edgewright.targets.cpu import CPU_CLASSES, SCALAR, CpuClass
from edgewright.targets.plan_check import check_plan
from edgewright.targets.planning import Planned, planning_for
from tests.converter.lower.qdq import imported
from tests.converter.lower.test_random_graphs import random_model
from tests.targets.codegen.plan_player import random_segmentation, wrong_plans
from tests.targets.codegen.row_nets import random_net

SOAK = int(os.environ.get("EDGEWRIGHT_SOAK", "1"))
WISHES = [("resident", s) for s in ("auto", "stream", "patch")] + [("rows", s) for s in ("auto", "stream")]


def plans_of(program: Program, cpu: CpuClass, seed: int, most: int = 3, random: int = 2) -> list[Planned]:
    """Checked plans of all kinds: up to `most` of each trade-off and `random` random ones."""
    rng, planning, found = np.random.default_rng(seed), planning_for(program, cpu), []
    for input_mode, schedule in WISHES:
        plans: list[Plan] = []
        try:
            planner = planning.planner(input_mode, Wish(schedule=schedule, input=input_mode))
        except UsageError as error:
            assert error.code == "EW-PLAN-ROWS" and input_mode == "rows"
            continue
        if schedule == "auto":
            plans = trade_off(planner, time_limit_s=0.1)
            picked = sorted(rng.permutation(len(plans))[:most])
            plans = [plans[i] for i in picked]
            for _ in range(random):
                path = random_segmentation(planner, rng)
                plans += [planner.place(path, 0.0)] if path is not None else []
        elif (path := random_segmentation(planner, rng)) is not None:
            plans = [planner.place(path, 0.0)]
        for plan in plans:
            check_plan(program, plan, planning.kernels, cpu)
            found.append(Planned(program, cpu, planning.kernels, plan))
    return found


@pytest.mark.parametrize("seed", range(8 * SOAK))
def test_network_built_for_streaming(seed, tmp_path):
    program = random_net(seed)
    program.verify()
    assert not wrong_plans(plans_of(program, SCALAR, seed), random_cases(program, 3, seed)[2], tmp_path)


@pytest.mark.parametrize("seed", range(4 * SOAK))
def test_graph_of_many_operators(seed, tmp_path):
    source = imported(random_model(3000 + seed))
    if check_model(source):
        pytest.skip("this graph is refused, which tests/converter/lower covers")
    program = rewrite(lower(source))
    plans = plans_of(program, SCALAR, seed, most=2, random=1)
    assert not wrong_plans(plans, random_cases(program, 3, seed)[2], tmp_path)


@pytest.mark.parametrize("cpu", CPU_CLASSES.values(), ids=lambda c: c.name)
def test_nothing_is_overwritten(cpu):
    """More networks than are compiled, on all classes of core."""
    kinds = set()
    for seed in range(1000, 1000 + 8 * SOAK):
        for planned in plans_of(random_net(seed), cpu, seed):
            kinds |= {(planned.plan.input_mode, s.schedule, s.strips > 1) for s in planned.plan.steps}
    assert {("resident", "stream", True), ("rows", "stream", True), ("resident", "patch", True)} <= kinds
    assert {(mode, s, False) for mode in ("resident", "rows") for s in ("layer", "stream")} <= kinds
