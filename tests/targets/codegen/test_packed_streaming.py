"""Networks whose layers have packed weights of mixed formats, in all kinds of schedules."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest

from edgewright.converter.program import Program
from edgewright.runtime.inputs import random_cases
from edgewright.targets.cpu import CPU_CLASSES, SCALAR
from tests.targets.codegen.packed_cases import FORMATS, with_format
from tests.targets.codegen.plan_player import wrong_plans
from tests.targets.codegen.row_nets import random_net
from tests.targets.codegen.test_streaming_host import plans_of

SOAK = int(os.environ.get("EDGEWRIGHT_SOAK", "1"))


def packed_net(seed: int) -> Program:
    """A random network; its layers with weights take turns with the formats, int8 among them."""
    program, rng, nodes = random_net(seed), np.random.default_rng([seed, 31]), []
    for node in program.nodes:
        name = str(rng.choice([*FORMATS, "int8"]))
        if hasattr(node.op, "weight_format") and name != "int8":
            node = replace(node, op=with_format(node.op, name, rng))
        nodes.append(node)
    return replace(program, nodes=tuple(nodes))


@pytest.mark.parametrize("seed", range(2 * SOAK))
def test_streams_equal_golden(seed, tmp_path):
    program = packed_net(seed)
    program.verify()
    plans = plans_of(program, SCALAR, seed, most=1, random=1)
    assert not wrong_plans(plans, random_cases(program, 3, seed)[2], tmp_path)


@pytest.mark.parametrize("cpu", CPU_CLASSES.values(), ids=lambda c: c.name)
def test_nothing_is_overwritten(cpu):
    kinds = set()
    for seed in range(1000, 1000 + 2 * SOAK):
        for planned in plans_of(packed_net(seed), cpu, seed):
            kinds |= {(s.schedule, s.strips > 1) for s in planned.plan.steps}
    assert ("stream", True) in kinds
