"""Random layers for the compact kernels."""

from __future__ import annotations

import numpy as np

from edgewright.targets.codegen.kernels.compact import compact_kernels
from edgewright.targets.cpu import CpuClass
from tests.targets.codegen import lean_cases, op_cases
from tests.targets.codegen.op_cases import Case
from tests.targets.codegen.side_by_side import Forced, forced

KINDS = (op_cases.conv, op_cases.pointwise, op_cases.depthwise, op_cases.fully_connected)


def cases(seed: int, count: int) -> list[Case]:
    """`count` layers of every kind, and as many with narrow clamps and other zero points."""
    rng = np.random.default_rng([seed, 21])
    return [kind(rng) for kind in KINDS for _ in range(count)] + lean_cases.cases(seed, max(1, count // 3))


def compact_program(seed: int, count: int, cpu: CpuClass) -> Forced:
    """A program with a node for every case that has a compact kernel."""
    rng = np.random.default_rng([seed, 22])
    return forced("compact", cases(seed, count), lambda op, x: compact_kernels(op, cpu, x), rng)
