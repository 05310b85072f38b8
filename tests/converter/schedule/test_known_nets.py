"""Arenas of the MLPerf Tiny networks: what earlier releases needed layer by layer is never exceeded."""

from __future__ import annotations

import pytest

from edgewright.converter.schedule import Wish
from edgewright.targets.build import load_program_of
from edgewright.targets.cpu import DSP
from edgewright.targets.plan_check import check_plan
from edgewright.targets.planning import planning_for
from tests.shared import shared_path

# Bytes on a core with DSP instructions, of the last release whose planner knew only whole tensors.
LAYER_ARENAS = {
    "pretrainedResnet_quant": 34_656,
    "kws_ref_model": 10_560,
    "vww_96_int8": 37_248,
    "ad01_int8": 768,
    "str_ww_ref_model": 3_968,
}


@pytest.mark.parametrize(("model", "arena"), LAYER_ARENAS.items())
def test_layer_schedules_need_no_more_than_before(model, arena):
    program = load_program_of(shared_path(f"models/mlperf_tiny/{model}.tflite"))
    planned = planning_for(program, DSP).plan(Wish(schedule="layer", input="resident", arena_bytes=arena))
    assert planned.plan.arena_bytes <= arena
    check_plan(program, planned.plan, planned.kernels, DSP)
