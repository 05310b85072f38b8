"""Verification against the reference, in right and in wrong devices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgewright.errors import DeviceError
from edgewright.runtime.build_folder import BuildFolder, open_build
from edgewright.runtime.devices.device import Device
from edgewright.runtime.devices.transport import SerialTransport
from edgewright.runtime.inputs import random_cases
from edgewright.runtime.verify import VerifyResult, differing_elements, verify
from tests.runtime.simulated_device import Faults, simulated
from tests.runtime.tiny_program import tiny_program, write_build

CASES = 6


@pytest.fixture
def build(tmp_path: Path) -> BuildFolder:
    return open_build(write_build(tmp_path))


def verified(build: BuildFolder, faults: Faults, **options) -> VerifyResult:
    program = tiny_program()
    with simulated(program, faults) as sim, Device(SerialTransport(sim.port, 115_200)) as device:
        return verify(build, random_cases(program, CASES), device, program=program, **options)


def test_equal(build: BuildFolder) -> None:
    done: list[tuple[int, int]] = []
    result = verified(build, Faults(), progress=lambda *count: done.append(count))
    assert result.ok
    assert (result.cases, result.outputs, result.mismatches, result.max_abs_diff) == (CASES, CASES * 24, 0, 0)
    assert done == [(i + 1, CASES) for i in range(CASES)]


def test_a_wrong_element_is_found_where_it_is(build: BuildFolder) -> None:
    # Element 7 of the device's HWC output [3, 4, 2] is row 0, column 3, channel 1.
    result = verified(build, Faults(wrong_element=7))
    assert not result.ok
    assert (result.mismatches, result.bad_cases, result.max_abs_diff) == (CASES, CASES, 1)
    assert result.first_bad is not None
    assert (result.first_bad.case, result.first_bad.where, result.first_bad.index) == (0, "y", (0, 1, 0, 3))
    assert abs(result.first_bad.device - result.first_bad.reference) == 1
    assert "case 0, y[0, 1, 0, 3]" in str(result.first_bad)


def test_layers_equal(build: BuildFolder) -> None:
    result = verified(build, Faults(), layers=True)
    assert result.ok and result.layers_compared == 2


@pytest.mark.parametrize(("layer", "name"), [(0, "first"), (1, "second")])
def test_the_first_wrong_layer_is_named(build: BuildFolder, layer: int, name: str) -> None:
    result = verified(build, Faults(wrong_layer=layer), layers=True)
    assert not result.ok and result.mismatches == 0
    assert result.first_bad_layer is not None
    assert (result.first_bad_layer.where, result.first_bad_layer.index) == (name, (0, 0, 0))


def test_firmware_that_keeps_no_input(build: BuildFolder) -> None:
    assert verified(build, Faults(one_inference_a_load=True), layers=True).ok


def test_a_build_whose_layers_are_not_the_programs(tmp_path: Path) -> None:
    layers = [{"name": "other", "output_value": "nowhere"}]
    build = open_build(write_build(tmp_path, layers=layers))
    with pytest.raises(DeviceError) as caught:
        verified(build, Faults(), layers=True)
    assert caught.value.code == "EW-DEV-MODEL"


def test_differences_are_of_bytes() -> None:
    nan = np.array([np.nan, 0.0, 1.0], np.float32)
    same = nan.copy()
    assert not differing_elements(nan, same).any()
    assert differing_elements(nan, np.array([np.nan, -0.0, 1.0], np.float32)).tolist() == [False, True, False]
