"""Random graphs from ONNX to compiled C: planner, aliases, in-place ops and kernels together, bit for bit."""

from __future__ import annotations

import os

import numpy as np
import pytest

from edgewright.converter.lower import check_model, lower
from edgewright.converter.rewrites import rewrite
from edgewright.runtime.inputs import random_cases
from edgewright.targets.cpu import SCALAR
from tests.converter.lower.qdq import imported
from tests.converter.lower.test_random_graphs import random_model
from tests.targets.codegen.host_library import run_on_host

COUNT = 15 * int(os.environ.get("EDGEWRIGHT_SOAK", "1"))


@pytest.mark.parametrize("seed", range(COUNT))
def test_generated_code_equals_golden(seed, tmp_path):
    source = imported(random_model(1000 + seed))
    if check_model(source):
        pytest.skip("this graph is refused, which tests/converter/lower covers")
    program = rewrite(lower(source))
    case = random_cases(program, 3, seed)[2]
    want = program.run(case)
    got = run_on_host(program, SCALAR, tmp_path, case)
    assert want
    for name, array in want.items():
        np.testing.assert_array_equal(got[name], array, err_msg=name)
