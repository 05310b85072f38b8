"""Random layers for the kernels of cores without DSP instructions."""

from __future__ import annotations

import numpy as np

from edgewright.targets.codegen.kernels.scalar_kernels import scalar_kernels
from edgewright.targets.cpu import SCALAR
from tests.targets.codegen import lean_cases, op_cases
from tests.targets.codegen.op_cases import Case
from tests.targets.codegen.side_by_side import Forced, forced


def scalar_cases(seed: int, count: int) -> list[Case]:
    """Layers of every kind and requantization."""
    rng = np.random.default_rng([seed, 31])
    kinds = (
        op_cases.conv,
        op_cases.pointwise,
        op_cases.depthwise,
        op_cases.depthwise,
        op_cases.fully_connected,
    )
    return [*lean_cases.cases(seed, count), *(kind(rng) for kind in kinds for _ in range(2 * count))]


def scalar_program(seed: int, count: int, most: int | None = None) -> Forced:
    """A program with a node for every kernel of the cases, `most` at most."""
    rng = np.random.default_rng([seed, 32])
    return forced("scalar", scalar_cases(seed, count), lambda op, x: scalar_kernels(op, SCALAR, x), rng, most)
