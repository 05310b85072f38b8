"""Devices whose input comes by rows: the same calls, other wires; damage, time-outs, counts, reports."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgewright.errors import DeviceError, UsageError
from edgewright.runtime.build_folder import BuildFolder, open_build
from edgewright.runtime.command_link import Timeouts
from edgewright.runtime.devices.device import Device
from edgewright.runtime.devices.opening import open_device
from edgewright.runtime.devices.transport import SerialTransport
from edgewright.runtime.emulator.cycle_counter import Passage
from edgewright.runtime.infer import infer_cases
from edgewright.runtime.inputs import random_cases
from edgewright.runtime.measure import _inferences, bench
from edgewright.runtime.replies import InputRows
from edgewright.runtime.report.build_report import build_report
from edgewright.runtime.report.text import render_text
from edgewright.runtime.verify import OUTPUTS_ONLY, verify
from tests.runtime.bare_metal import needs
from tests.runtime.fake_build import fake_build, fake_program
from tests.runtime.simulated_device import Faults, SimulatedDevice, simulated
from tests.runtime.tiny_program import tiny_manifest, tiny_program, write_build

TIMEOUTS = Timeouts(line_s=1.0, load_s=3.0, run_s=3.0, boot_s=1.0)
DATA = bytes(range(24))
RESULT = bytes((b + 12) % 256 for b in DATA)
ROWS, PASSES = 3, 2
BOUND_S = 12.0


@pytest.fixture
def build(tmp_path: Path) -> BuildFolder:
    return open_build(write_build(tmp_path, plan={"input": "rows", "passes": PASSES}))


def opened(sim: SimulatedDevice) -> Device:
    return Device(SerialTransport(sim.port, 115_200), TIMEOUTS)


def infer_with(faults: Faults) -> tuple[bytes, SimulatedDevice]:
    with simulated(tiny_program(), faults, passes=PASSES) as sim, opened(sim) as device:
        return device.infer(DATA), sim


def test_load_and_run_push_the_rows() -> None:
    with simulated(tiny_program(), passes=PASSES) as sim, opened(sim) as device:
        assert device.info().input_rows == InputRows(rows=ROWS, row_bytes=8, passes=PASSES)
        device.load(DATA)
        assert "ew rows" not in sim.commands
        sent: list[tuple[int, int]] = []
        time_of_runs = device.run(3, progress=lambda *count: sent.append(count))
        assert (time_of_runs.runs, time_of_runs.total_us, time_of_runs.cycles) == (3, 3000, 75_000)
        assert sent == [(i + 1, ROWS * PASSES) for i in range(ROWS * PASSES)] * 3
        assert device.output() == RESULT
        assert sim.input == DATA and sim.commands.count("ew rows") == 3


def test_without_a_load_nothing_is_pushed() -> None:
    with simulated(tiny_program(), passes=PASSES) as sim, opened(sim) as device:
        for prepare in (lambda: None, lambda: (device.load(DATA), device.reset())):
            prepare()
            with pytest.raises(DeviceError, match="No input is loaded"):
                device.run()
        with pytest.raises(UsageError) as caught:
            device.load(DATA[:-1])
        assert caught.value.code == "EW-INPUT-SIZE"
        assert "ew rows" not in sim.commands


@pytest.mark.parametrize(
    "faults", [Faults(corrupt_rows=2), Faults(short_rows=1), Faults(extra_bytes=1)], ids=str
)
def test_a_damaged_frame_is_repeated(faults: Faults) -> None:
    output, sim = infer_with(faults)
    assert output == RESULT
    assert sim.commands.count("ew rows") > 1


def test_a_frame_that_stays_damaged() -> None:
    begin = time.monotonic()
    with pytest.raises(DeviceError) as caught:
        infer_with(Faults(corrupt_rows=100))
    assert caught.value.code == "EW-DEV-CRC" and time.monotonic() - begin < BOUND_S


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (b"", "EW-DEV-TIMEOUT"),
        (b"m-ew-row-[1]\r\n", "EW-DEV-PROTOCOL"),
        (b"m-ready\r\n", "EW-DEV-PROTOCOL"),
        (b"m-ew-row-[0]\r\n", "EW-DEV-TIMEOUT"),
        (b"m-ew-row-[0]\r\nm-timestamp-mode-performance\r\n", "EW-DEV-RESET"),
        (b"e-[The model wrote behind its arena]\r\nm-ready\r\n", "EW-DEV-REFUSED"),
    ],
)
def test_a_wrong_dialogue(reply: bytes, code: str) -> None:
    begin = time.monotonic()
    with pytest.raises(DeviceError) as caught:
        infer_with(Faults(replies={"ew rows": reply}))
    assert caught.value.code == code and time.monotonic() - begin < BOUND_S


@pytest.mark.parametrize(
    "lines",
    [
        ["m-ew-input-[columns]"],
        ["m-ew-input-[rows]"],
        ["m-ew-input-[rows]", "m-ew-input-rows-[3]", "m-ew-input-row-bytes-[8]", "m-ew-passes-[0]"],
        ["m-ew-input-[rows]", "m-ew-input-rows-[3]", "m-ew-input-row-bytes-[7]", "m-ew-passes-[1]"],
    ],
)
def test_an_input_that_cannot_be(lines: list[str]) -> None:
    with simulated(tiny_program()) as sim, opened(sim) as device:
        info = [*sim._ew_info([]), *lines, "m-ready"]
        sim.faults.replies["ew info"] = "".join(line + "\r\n" for line in info).encode()
        with pytest.raises(DeviceError) as caught:
            device.info()
        assert caught.value.code == "EW-DEV-PROTOCOL"


def test_infer_cases() -> None:
    program = tiny_program()
    cases = random_cases(program, 3)
    with simulated(program, passes=PASSES) as sim, opened(sim) as device:
        outputs = infer_cases(program, cases, device)
    assert np.array_equal(outputs["y"], np.stack([program.run(case)["y"] for case in cases]))


@pytest.mark.parametrize("layers", [False, True])
def test_verify(build: BuildFolder, layers: bool) -> None:
    program, parts = tiny_program(), ROWS * PASSES
    done: list[tuple[int, int]] = []
    with simulated(program, passes=PASSES) as sim, opened(sim) as device:
        result = verify(
            build,
            random_cases(program, 2),
            device,
            layers=layers,
            program=program,
            progress=lambda *count: done.append(count),
        )
        assert not {"ew begin", "ew step 0"} & set(sim.commands)
    assert result.ok and result.outputs == 48
    assert (result.layers_compared, result.note) == (0, OUTPUTS_ONLY if layers else "")
    assert sorted(set(done)) == [(i + 1, 2 * parts) for i in range(2 * parts)]


def test_a_wrong_output_is_found(build: BuildFolder) -> None:
    program = tiny_program()
    with simulated(program, Faults(wrong_element=7), passes=PASSES) as sim, opened(sim) as device:
        result = verify(build, random_cases(program, 2), device, program=program)
    assert not result.ok and result.bad_cases == 2


def test_measured_without_steps(build: BuildFolder) -> None:
    program = tiny_program()
    with simulated(program, passes=PASSES) as sim, opened(sim) as device:
        latency = bench(build, device, runs=4, program=program)
        assert "ew profile" not in sim.commands
    assert (latency.runs, latency.cycles, latency.latency_us, latency.layers) == (4, 25_000, 1000.0, ())
    report = build_report(tiny_manifest(), None, latency)
    assert "1.00 ms" in render_text(report) and report["layers"][0]["cycles"] is None


def test_a_device_of_the_other_kind_is_refused(build: BuildFolder) -> None:
    program = tiny_program()
    resident = replace(build, manifest=tiny_manifest())
    for passes, ours, other in ((PASSES, build, resident), (0, resident, build)):
        with simulated(program, passes=passes) as sim:
            open_device(ours, sim.port).close()
            with pytest.raises(DeviceError) as caught:
                open_device(other, sim.port)
            assert caught.value.code == "EW-DEV-MODEL" and "flash" in caught.value.hint


class _Counter:
    def __init__(self, passages: list[Passage]) -> None:
        self.take = lambda: passages


def test_a_frames_passages_are_one_inference() -> None:
    rows = InputRows(rows=2, row_bytes=1, passes=1)
    passages = [Passage("run", n, n + 1) for n in (1, 10, 100, 2, 20, 200)]
    assert _inferences(_Counter(passages), 2, rows) == [Passage("run", 111, 114), Passage("run", 222, 225)]
    uncounted = [Passage("run", n, None) for n in (1, 10, 100)]
    assert _inferences(_Counter(uncounted), 1, rows) == [Passage("run", 111, None)]


@pytest.mark.parametrize("board", ["mps2-an386", "microbit"])
def test_the_real_firmware(tmp_path: Path, board: str) -> None:
    needs("qemu-system-arm", "arm-none-eabi-gcc", "cc")
    program = fake_program()
    build = fake_build(tmp_path, board, by_rows=True)
    with open_device(build, count=True) as device:
        assert device.info().input_rows == InputRows(rows=4, row_bytes=2, passes=2)
        result = verify(build, random_cases(program, 3), device, layers=True, program=program)
        assert result.ok and result.note == OUTPUTS_ONLY
        first, again = (bench(build, device, runs=2, program=program) for _ in range(2))
        use = device.memory()
        with pytest.raises(DeviceError, match="by rows: ew rows"):
            device.profile()
    assert first == again  # counts repeat exactly
    assert first.runs == 2 and first.instructions and first.estimated_cycles and first.layers == ()
    assert use.arena_used_bytes == 20 and 0 < use.run_stack_used_bytes < use.stack_used_bytes
