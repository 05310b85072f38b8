"""Measuring on hardware: cycles and time from the board, never mixed with estimates."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewright.errors import DeviceError, WorkError
from edgewright.runtime.build_folder import BuildFolder, open_build
from edgewright.runtime.devices.device import Device
from edgewright.runtime.devices.transport import SerialTransport
from edgewright.runtime.measure import Latency, bench
from tests.runtime.simulated_device import Faults, simulated
from tests.runtime.tiny_program import tiny_manifest, tiny_program, write_build


@pytest.fixture
def build(tmp_path: Path) -> BuildFolder:
    return open_build(write_build(tmp_path))


def measured(
    build: BuildFolder, faults: Faults | None = None, *, cycles: bool = True, runs: int = 4
) -> Latency:
    program = tiny_program()
    with (
        simulated(program, faults, cycles=cycles) as sim,
        Device(SerialTransport(sim.port, 115_200)) as device,
    ):
        return bench(build, device, runs=runs, program=program)


def test_with_a_cycle_counter(build: BuildFolder) -> None:
    latency = measured(build)
    assert (latency.source, latency.board, latency.runs) == ("device", "mps2-an386", 4)
    assert (latency.cycles, latency.latency_us) == (25_000, 1000.0)
    assert (latency.instructions, latency.estimated_cycles, latency.cycle_model) == (None, None, None)
    assert [(c.name, c.cycles) for c in latency.layers] == [("first", 12_000), ("second", 12_001)]
    assert all(c.estimated_cycles is None for c in latency.layers)


def test_with_a_timer_only(build: BuildFolder) -> None:
    latency = measured(build, cycles=False)
    assert (latency.cycles, latency.latency_us) == (None, 1000.0)
    assert all(c.cycles is None for c in latency.layers)


def test_firmware_that_keeps_no_input(build: BuildFolder) -> None:
    latency = measured(build, Faults(one_inference_a_load=True))
    assert (latency.runs, latency.cycles) == (4, 25_000)


def test_a_hang_in_a_series_is_bounded_by_the_first_run(
    build: BuildFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgewright.runtime.measure.MIN_TIMEOUT_S", 0.3)
    with pytest.raises(DeviceError) as caught:
        measured(build, Faults(replies={"ew run 4": b""}))
    assert caught.value.code == "EW-DEV-TIMEOUT"


def test_other_layers_than_the_builds(tmp_path: Path) -> None:
    build = open_build(write_build(tmp_path, layers=tiny_manifest()["layers"][:1]))
    with pytest.raises(WorkError) as caught:
        measured(build)
    assert caught.value.code == "EW-BENCH-LAYERS"
