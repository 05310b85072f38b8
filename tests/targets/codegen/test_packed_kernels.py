"""Kernels with packed weights, compiled for the host, equal golden bit for bit."""

from __future__ import annotations

import os

import numpy as np
import pytest

from edgewright.targets.cpu import SCALAR
from tests.targets.codegen.host_library import run_on_host
from tests.targets.codegen.packed_cases import FORMATS, KINDS, make_packed_program

CASES = 16 * int(os.environ.get("EDGEWRIGHT_SOAK", "1"))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("kind", KINDS)
def test_kernel_equals_golden(kind, name, tmp_path):
    program, inputs = make_packed_program(kind, name, seed=1, count=CASES)
    want = program.run(inputs)
    # Not all outputs are constant or saturated, or the comparison would say little.
    assert np.mean([np.unique(want[n.output]).size > 4 for n in program.nodes]) > 0.1
    got = run_on_host(program, SCALAR, tmp_path, inputs)
    wrong = [(n.name, n.op) for n in program.nodes if not np.array_equal(got[n.output], want[n.output])]
    assert not wrong, wrong[:3]
