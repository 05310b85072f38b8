"""All rewrites together on random programs: every output stays bit for bit."""

from __future__ import annotations

import os

import numpy as np
import pytest

from edgewright.converter.rewrites import rewrite_with_savings
from edgewright.converter.rewrites.merge_duplicates import merge_duplicates
from edgewright.converter.rewrites.prune_channels import prune_channels
from edgewright.converter.summary import summarize
from tests.converter.rewrites.random_programs import inputs_for, random_program

COUNT = 60 * int(os.environ.get("EDGEWRIGHT_SOAK", "1"))


@pytest.mark.parametrize("seed", range(COUNT))
def test_outputs_stay(seed):
    program = random_program(seed, steps=int(np.random.default_rng(seed).integers(4, 16)))
    small, savings = rewrite_with_savings(program)
    tight = merge_duplicates(prune_channels(program, 1), 1)
    tight.verify()
    for x in inputs_for(program, np.random.default_rng(seed), 5):
        before, after, least = program.run({"x": x}), small.run({"x": x}), tight.run({"x": x})
        assert before.keys() == after.keys() == least.keys()
        assert all(np.array_equal(before[k], after[k]) for k in before)
        assert all(np.array_equal(before[k], least[k]) for k in before)
    assert program.macs - small.macs == sum(s.macs for s in savings)
    assert len(program.nodes) - len(small.nodes) == sum(s.nodes for s in savings)
    gone = summarize(program).weights_bytes - summarize(small).weights_bytes
    assert gone == sum(s.weights_bytes for s in savings)
    assert {n.name for n in small.nodes} <= {n.name for n in program.nodes}
    assert small.inputs == program.inputs
    assert [(p.name, small.values[p.value].shape) for p in small.outputs] == [
        (p.name, program.values[p.value].shape) for p in program.outputs
    ]
