"""The real firmware on emulated boards, through the pseudo-terminal: verify, measure, reset, faults."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgewright.errors import DeviceError
from edgewright.runtime.build_folder import BuildFolder
from edgewright.runtime.devices.opening import open_device
from edgewright.runtime.devices.transport import EmulatorTransport
from edgewright.runtime.inputs import case_bytes, random_cases
from edgewright.runtime.measure import bench
from edgewright.runtime.report.build_report import build_report
from edgewright.runtime.verify import verify
from tests.runtime.bare_metal import needs
from tests.runtime.fake_build import fake_build, fake_program


@pytest.fixture(autouse=True)
def tools() -> None:
    needs("qemu-system-arm", "arm-none-eabi-gcc", "cc")


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> BuildFolder:
    needs("arm-none-eabi-gcc")
    return fake_build(tmp_path_factory.mktemp("build"), "mps2-an386")


def test_verify_measure_and_report(build: BuildFolder) -> None:
    program = fake_program()
    with open_device(build, count=True) as device:
        assert device.emulated and device.info().board == "mps2-an386"
        verified = verify(build, random_cases(program, 5), device, layers=True, program=program)
        assert verified.ok and verified.outputs == 20 and verified.layers_compared == 2
        first, again = (bench(build, device, runs=2, program=program) for _ in range(2))
        use = device.memory()
    assert first == again  # counts repeat exactly
    assert (first.source, first.cycle_model, first.runs) == ("emulator", "m4", 2)
    assert first.instructions and first.estimated_cycles and first.estimated_cycles > first.instructions
    assert first.latency_us == first.estimated_cycles / 25.0
    assert [c.name for c in first.layers] == ["shift", "combine"]
    assert all(c.instructions and c.estimated_cycles for c in first.layers)
    assert use.run_stack_used_bytes > 0 and use.arena_used_bytes == 20
    report = build_report(build.manifest, verified, first, use)
    assert sum(layer["share"] for layer in report["layers"]) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("board", "model"),
    [("microbit", "m0"), ("mps3-an547", "m55"), ("mps2-an500", None), ("netduinoplus2", "m4")],
)
def test_other_boards(tmp_path: Path, board: str, model: str | None) -> None:
    program = fake_program()
    build = fake_build(tmp_path, board, keep_input=board != "microbit")
    with open_device(build, count=True) as device:
        assert verify(build, random_cases(program, 3), device, layers=True, program=program).ok
        latency = bench(build, device, runs=2, program=program)
    assert latency.cycle_model == model and latency.instructions
    assert (latency.estimated_cycles is None) == (latency.latency_us is None) == (model is None)


def test_a_stand_in_for_hardware(tmp_path: Path) -> None:
    program = fake_program()
    build = fake_build(tmp_path, "nucleo-l4r5zi", emulator="mps2-an386")
    said: list[str] = []
    with open_device(build, count=True, notify=said.append) as device:
        latency = bench(build, device, program=program)
    assert len(said) == 1 and "stands in" in said[0]
    assert (latency.board, latency.clock_hz) == ("mps2-an386", 120_000_000)
    assert latency.estimated_cycles is not None and latency.latency_us == latency.estimated_cycles / 120


def test_a_stand_in_of_another_core_gives_no_time(tmp_path: Path) -> None:
    build = fake_build(tmp_path, "raspberry-pi-pico", emulator="mps2-an385")
    with open_device(build, count=True) as device:
        latency = bench(build, device, program=fake_program())
    assert latency.cycle_model == "m3" and latency.estimated_cycles and latency.latency_us is None


def test_without_counts_it_says_so(build: BuildFolder) -> None:
    with open_device(build) as device, pytest.raises(DeviceError) as caught:
        bench(build, device, program=fake_program())
    assert caught.value.code == "EW-EMU-COUNT"


def test_reset_and_death(build: BuildFolder) -> None:
    data = case_bytes(fake_program(), {"in": np.arange(8, dtype=np.int8).reshape(1, 8)})
    with open_device(build) as device:
        device.load(data)
        device.reset()
        with pytest.raises(DeviceError, match="No input is loaded"):
            device.run()
        device.load(data)
        assert isinstance(device.transport, EmulatorTransport)
        os.kill(device.transport.process_id, signal.SIGKILL)
        with pytest.raises(DeviceError) as caught:
            device.run()
        assert caught.value.code == "EW-EMU-EXIT"


def test_a_damaged_transfer_is_noticed_by_the_firmware(build: BuildFolder) -> None:
    with open_device(build) as device:
        client = device._client
        with pytest.raises(DeviceError) as caught:
            client._begin("ew load 8 00000000")
            client._reply("ew load 8 00000000", "m-ew-send-[", 5.0)
            client._lines.write(bytes(8))
            client._reply("ew load 8 00000000", "m-ready", 5.0)
        assert caught.value.details["reply"] == "crc mismatch"
        client._begin("ew load 8 00000000")  # and is left half done
        client._in_step = False
        assert device.infer(bytes(8)) == bytes(4)


def test_another_model_on_the_emulator(build: BuildFolder) -> None:
    other = dict(build.manifest) | {"model": {"name": "x", "sha256": "ab" * 32, "macs": 1}}
    with pytest.raises(DeviceError) as caught:
        open_device(replace(build, manifest=other))
    assert caught.value.code == "EW-DEV-MODEL"
