"""Generated kernels, compiled for the host, equal golden bit for bit on random ops of every kind."""

from __future__ import annotations

import os

import numpy as np
import pytest

from edgewright.targets.cpu import SCALAR
from tests.targets.codegen.host_library import run_planned
from tests.targets.codegen.op_cases import KINDS, make_program
from tests.targets.codegen.side_by_side import plan_in_order

CASES = 40 * int(os.environ.get("EDGEWRIGHT_SOAK", "1"))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_kernel_equals_golden(kind, tmp_path):
    program, inputs = make_program(kind, seed=1, count=CASES)
    want = program.run(inputs)
    got, _ = run_planned(plan_in_order(program, SCALAR, costs="m3"), tmp_path, inputs)
    wrong = [
        (node.name, node.op)
        for node in program.nodes
        if not np.array_equal(got[node.output], want[node.output], equal_nan=True)
    ]
    assert not wrong, wrong[:3]
