"""The replay of a plan notices every kind of damage, and passes nothing that computes wrong results."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest

from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.program import Quantization, TensorType
from edgewright.converter.schedule import Wish
from edgewright.errors import WorkError
from edgewright.runtime.inputs import random_cases
from edgewright.targets import plan_check
from edgewright.targets.codegen import step_kernels
from edgewright.targets.codegen.step_kernels import (
    CODE_DROP,
    CODE_RETIRE,
    CODE_RUN,
    CODE_RUN_WAIT,
    CODE_ZERO,
    sequence_words,
)
from edgewright.targets.cpu import SCALAR
from edgewright.targets.plan_check import check_plan
from edgewright.targets.planning import Planned, planning_for
from tests.targets.codegen.plan_player import random_segmentation, wrong_plans
from tests.targets.codegen.row_nets import Net, random_net

SOAK = int(os.environ.get("EDGEWRIGHT_SOAK", "1"))


def planned_nets(seeds, schedule="auto", input_mode="resident", paths=2):
    """Random plans of random networks."""
    for seed in seeds:
        program, rng = random_net(seed), np.random.default_rng(seed)
        planning = planning_for(program, SCALAR)
        planner = planning.planner(input_mode, Wish(schedule=schedule, input=input_mode))
        for _ in range(paths):
            path = random_segmentation(planner, rng)
            if path is not None:
                yield Planned(program, SCALAR, planning.kernels, planner.place(path, 0.0))


def refused(planned, plan=None) -> str | None:
    """Message of the check where it refuses a plan."""
    try:
        check_plan(planned.program, plan or planned.plan, planned.kernels, planned.cpu)
    except WorkError as error:
        assert error.code == "EW-PLAN-OVERLAP"
        return error.message
    return None


def moved(plan, name, kind, offset):
    """The plan with a buffer, and the reshapes of its value, somewhere else."""
    (old,) = {b.offset for b in plan.buffers if (b.name, b.kind) == (name, kind)}
    aliases = {b.name for b in plan.buffers if b.kind == kind == "tensor" and b.offset == old}
    buffers = tuple(
        replace(b, offset=offset) if b.kind == kind and (b.name == name or b.name in aliases) else b
        for b in plan.buffers
    )
    return replace(plan, buffers=buffers)


def damaged(planned, rng, count):
    """Plans with one buffer moved by a little or to any place inside the arena."""
    plan = planned.plan
    for _ in range(count):
        i = int(rng.integers(len(plan.buffers)))
        old = plan.buffers[i]
        room = (plan.arena_bytes - old.size_bytes) // plan.alignment
        offset = plan.alignment * int(rng.integers(room + 1))
        if rng.random() < 0.5:
            offset = min(
                max(0, old.offset + plan.alignment * int(rng.choice([-1, 1]))), room * plan.alignment
            )
        if offset != old.offset:
            buffers = (*plan.buffers[:i], replace(old, offset=offset), *plan.buffers[i + 1 :])
            yield replace(planned, plan=replace(plan, buffers=buffers))


@pytest.mark.parametrize("seed", range(3 * SOAK))
def test_damaged_plans_that_pass_compute_the_right_results(seed, tmp_path):
    rng, passed, found = np.random.default_rng(seed), [], 0
    for planned in planned_nets([500 + seed], input_mode="rows" if seed % 2 else "resident", paths=4):
        assert refused(planned) is None
        for broken in damaged(planned, rng, 40):
            if refused(broken):
                found += 1
            else:
                passed.append(broken)
    assert found > 50
    assert passed
    case = random_cases(passed[0].program, 3, seed)[2]
    assert not wrong_plans(passed[:20], case, tmp_path)


@pytest.mark.parametrize(
    ("dropped", "added", "share"),
    [
        (CODE_RUN, None, 1.0),
        (CODE_ZERO, None, 1.0),
        (CODE_RUN_WAIT, CODE_RUN, 1.0),
        # The row may stay where it waits if no other one comes.
        (CODE_RETIRE, None, 0.8),
        (CODE_DROP, None, 0.0),
    ],
)
def test_damaged_sequences_are_refused(dropped, added, share, monkeypatch):
    """A word is left out or replaced."""
    found = total = 0
    for planned in planned_nets(range(40), input_mode="rows", paths=1):
        words = [list(sequence_words(s)) if s.streamed is not None else [] for s in planned.plan.steps]
        places = [(s, i) for s, own in enumerate(words) for i, w in enumerate(own) if w & 0xF000 == dropped]
        for step, i in places[::7]:
            changed = [] if added is None else [added | words[step][i] & 0x0FFF]
            broken = [*words[step][:i], *changed, *words[step][i + 1 :]]

            def played(own, _step=planned.plan.steps[step], _broken=broken):
                return iter(_broken) if own is _step else step_kernels.sequence_words(own)

            monkeypatch.setattr(plan_check, "sequence_words", played)
            found += refused(planned) is not None
            total += 1
            monkeypatch.undo()
    assert found >= max(5, share * total)


@pytest.mark.parametrize("mode", ["resident", "rows"])
def test_rings_with_a_row_less_are_refused(mode):
    found = 0
    for planned in planned_nets(range(30), schedule="stream", input_mode=mode):
        for i, step in enumerate(planned.plan.steps):
            for value, ring in step.rings.items():
                if ring.slots > 1:
                    rings = dict(step.rings) | {value: replace(ring, slots=ring.slots - 1)}
                    steps = list(planned.plan.steps)
                    steps[i] = replace(step, rings=rings)
                    assert refused(planned, replace(planned.plan, steps=tuple(steps))), (step.name, value)
                    found += 1
    assert found > 10


def test_memory_that_a_call_uses_twice_is_refused():
    """Scratch memory over the output and over the driver's state."""
    found = 0
    for planned in planned_nets(range(20)):
        plan = planned.plan
        for scratch in (b for b in plan.buffers if b.kind == "scratch" and b.size_bytes >= 4):
            node = next(n for s in plan.steps for n in s.nodes if n.name == scratch.name.split(":")[0])
            if f"{node.name}:sums" in {b.name for b in plan.buffers}:
                continue  # its first kernel may use the memory of what its second one writes
            strip = [
                b
                for b in plan.alive(scratch.first_step)
                if b.kind in ("state", "tensor") or b.strip == scratch.strip
            ]
            for other in (b for b in strip if b.name in (node.output, ":state")):
                i = plan.buffers.index(scratch)
                buffers = (*plan.buffers[:i], replace(scratch, offset=other.offset), *plan.buffers[i + 1 :])
                assert refused(planned, replace(plan, buffers=buffers)), (scratch.name, other.name)
                found += 1
    assert found > 10


def test_an_output_may_overtake_its_input_by_its_lead_and_no_more():
    net = Net(0)
    net.values["x"] = TensorType((12, 12, 4), "int8", Quantization(1.0, 0))
    op = Conv2D(net.int8(4, 3, 3, 4), net.requantize(4, 36), padding=Padding(1, 1, 1, 1))
    program = net.program(net.add(op, "x"))
    planning = planning_for(program, SCALAR)
    planned = planning.plan(Wish(schedule="layer", input="resident"))
    (lead,) = planning.kernels["n0"].layer[0].leads()
    assert lead == 96
    at = planned.plan.offsets["v0"]
    assert planned.plan.offsets["x"] - at == lead
    assert refused(planned) is None
    assert refused(planned, moved(planned.plan, "v0", "tensor", at + 4)) == (
        f"the plan is wrong: step 0, node n0, row 1 writes {at + 52} .. {at + 99} over its input at {at + 96}"
    )


def test_an_output_outside_of_the_arena_is_refused():
    (planned,) = planned_nets([3], schedule="layer", paths=1)
    node, end = planned.plan.steps[0].nodes[0], planned.plan.arena_bytes
    message = refused(planned, moved(planned.plan, node.output, "tensor", end))
    assert message.startswith(f"the plan is wrong: step 0, node {node.name}, row 0 writes {end} .. ")
