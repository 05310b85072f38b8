"""Random networks of binary and int8 layers, from ONNX to compiled C in every schedule, bit for bit."""

from __future__ import annotations

import os

import numpy as np
import pytest

from edgewright.converter.lower import lower
from edgewright.converter.rewrites import rewrite
from edgewright.converter.schedule import Wish
from edgewright.runtime.inputs import random_cases
from edgewright.targets.cpu import SCALAR
from edgewright.targets.planning import planning_for
from tests.converter.lower.binary_nets import random_binary_net
from tests.converter.lower.qdq import imported
from tests.targets.codegen.host_library import LAYERS, run_planned

COUNT = 12 * int(os.environ.get("EDGEWRIGHT_SOAK", "1"))
WISHES = {
    "layer": LAYERS,
    "stream": Wish(schedule="stream", input="resident"),
    "rows": Wish(schedule="stream", input="rows"),
}


@pytest.mark.parametrize("seed", range(COUNT))
def test_every_schedule_equals_golden(seed, tmp_path):
    model, _ = random_binary_net(seed)
    program = rewrite(lower(imported(model)))
    case = random_cases(program, 3, seed)[2]
    (want,) = program.run(case).values()
    for name, wish in WISHES.items():
        folder = tmp_path / name
        folder.mkdir()
        planned = planning_for(program, SCALAR).plan(wish)
        (got,) = run_planned(planned, folder, case)[0].values()
        np.testing.assert_array_equal(got, want, err_msg=name)
