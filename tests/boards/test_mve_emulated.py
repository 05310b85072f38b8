"""Kernels for Helium on the emulated Cortex-M55, in every variant offered, equal golden bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from edgewright.targets.codegen.kernels.depthwise_mve import depthwise_mve_kernels
from tests.boards.emulated_kernels import check, cpu_of, seeds
from tests.targets.codegen.mve_cases import KINDS, mve_program
from tests.targets.codegen.planes_cases import layer
from tests.targets.codegen.side_by_side import forced

BOARD = "mps3-an547"


@seeds
@pytest.mark.parametrize("kind", KINDS)
def test_kernels_equal_golden(kind, seed, tmp_path):
    check(BOARD, tmp_path, *mve_program(kind, seed, 8, cpu_of(BOARD)))


def test_wide_strides_leave_pixels_unread(tmp_path):
    """Depthwise: the last pixels of the run have no place in a strip."""
    rng = np.random.default_rng(5)
    parameters = [
        ((10, 12, 16), (10, 1), (1, 3)),
        ((12, 12, 16), (8, 1), (1, 4)),
        ((12, 10, 16), (1, 10), (3, 1)),
        ((13, 15, 8), (5, 3), (1, 4)),
    ]
    layers = [layer(rng, *given) for given in parameters]
    cases = [(op, (x,)) for op, x in layers]
    check(BOARD, tmp_path, *forced("strips", cases, depthwise_mve_kernels, rng))
