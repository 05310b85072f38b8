"""Measuring: what an inference costs, whole and by step, and where the figure comes from.

On an emulator instruction counts are exact and cycles are estimated for a zero-wait-state core; on
hardware cycles and time are measured. A `Latency` is one or the other, never a mixture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from edgewright.converter.program import Program
from edgewright.errors import DeviceError, WorkError
from edgewright.runtime.build_folder import BuildFolder
from edgewright.runtime.devices.device import Device
from edgewright.runtime.devices.opening import emulated_firmware
from edgewright.runtime.emulator.cycle_counter import CycleCounter, Passage
from edgewright.runtime.inputs import case_bytes, random_cases
from edgewright.runtime.replies import InputRows, RunTime, sum_times
from edgewright.targets.board import load_board

EMULATOR_RUNS = 1
DEVICE_RUNS = 20
SLACK = 3.0  # how much longer than expected a series of runs may take before we give up
MIN_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class LayerCost:
    """Cost of one step (a layer, or several streamed); the first two on an emulator, else `cycles`.

    Args:
        name: Of the build's step.
        instructions: Executed instructions, exact (emulator).
        estimated_cycles: For a zero-wait-state core (emulator).
        cycles: Counted by the board (hardware).
    """

    name: str
    instructions: int | None = None
    estimated_cycles: int | None = None
    cycles: int | None = None


@dataclass(frozen=True)
class Latency:
    """Cost of one inference, the mean of `runs`.

    Args:
        source: "emulator": counts and an estimate; "device": a measurement on a board.
        board: Id of the board that ran, emulated or real.
        runs: Inferences measured.
        instructions: Executed instructions (emulator).
        estimated_cycles: For a zero-wait-state core (emulator); None where its CPU has no timing table.
        cycle_model: Name of that table.
        cycles: Counted by the board (hardware); None where it has no counter.
        clock_hz: Clock that turned cycles into time.
        latency_us: An estimate on emulators, measured on hardware; None where neither is to be had.
        layers: In the order of the build's steps; empty where the input comes by rows, which runs them
            all in one.
    """

    source: Literal["emulator", "device"]
    board: str
    runs: int
    instructions: int | None
    estimated_cycles: int | None
    cycle_model: str | None
    cycles: int | None
    clock_hz: int
    latency_us: float | None
    layers: tuple[LayerCost, ...] = ()


def bench(
    build: BuildFolder,
    device: Device,
    *,
    runs: int | None = None,
    seed: int = 0,
    program: Program | None = None,
) -> Latency:
    """Measure a model on a device with a random input.

    Args:
        build: The build the device runs.
        device: Opened; an emulator with `count=True`.
        runs: Inferences; by default 1 on an emulator, whose counts repeat exactly, else 20.
        seed: Of the input.
        program: The build's program, where the caller has loaded it already.

    Raises:
        DeviceError: EW-EMU-COUNT where an emulator does not count, or as the connection raises.
        WorkError: EW-BENCH-LAYERS where the device profiles other layers than the build lists.
    """
    program = program or build.program()
    inputs = case_bytes(program, random_cases(program, 3, seed)[2])  # the first two are constant
    if device.emulated:
        return _bench_emulator(build, device, inputs, runs or EMULATOR_RUNS)
    return _bench_device(build, device, inputs, runs or DEVICE_RUNS)


def _bench_emulator(build: BuildFolder, device: Device, inputs: bytes, runs: int) -> Latency:
    counter = device.counter
    if counter is None:
        raise DeviceError("EW-EMU-COUNT", "this emulator was started without instruction counts")
    target, emulated = load_board(build.board), load_board(emulated_firmware(build).board)
    # The stand-in's estimate is the target's only where both have the same core; its clock never counts.
    same_core = target.cpu == emulated.cpu
    counter.take()
    for _ in range(runs):
        device.load(inputs)  # each time: small firmware keeps no copy of the input
        device.bench()
    rows = device.info().input_rows
    passages = _inferences(counter, runs, rows)
    cycles = _mean_cycles(passages)
    return Latency(
        source="emulator",
        board=emulated.id,
        runs=runs,
        instructions=round(sum(p.instructions for p in passages) / runs),
        estimated_cycles=cycles,
        cycle_model=counter.model,
        cycles=None,
        clock_hz=target.clock_hz,
        latency_us=cycles / target.clock_hz * 1e6 if cycles is not None and same_core else None,
        layers=() if rows else _count_steps(build, device, counter, inputs),
    )


def _count_steps(
    build: BuildFolder, device: Device, counter: CycleCounter, inputs: bytes
) -> tuple[LayerCost, ...]:
    device.load(inputs)
    device.profile()
    passages = _passages(counter, "layer", len(build.layers))
    return tuple(
        LayerCost(name, instructions=p.instructions, estimated_cycles=p.cycles)
        for name, p in zip(_layer_names(build), passages, strict=True)
    )


def _inferences(counter: CycleCounter, runs: int, rows: InputRows | None) -> list[Passage]:
    """Counts by inference; one by rows is the sum of its beginning and of all its rows."""
    parts = 1 + rows.pushes if rows else 1
    found = _passages(counter, "run", runs * parts)
    return [_sum(found[i : i + parts]) for i in range(0, len(found), parts)]


def _sum(parts: Sequence[Passage]) -> Passage:
    cycles = [p.cycles for p in parts if p.cycles is not None]
    return Passage(parts[0].pair, sum(p.instructions for p in parts), sum(cycles) if cycles else None)


def _passages(counter: CycleCounter, pair: str, expected: int) -> list[Passage]:
    found = [p for p in counter.take() if p.pair == pair]
    if len(found) != expected:
        raise WorkError(
            "EW-BENCH-LAYERS" if pair == "layer" else "EW-BENCH-RUNS",
            f"the emulator counted {len(found)} passages of '{pair}' where {expected} belong",
            "the firmware is not of this build: build it again",
        )
    return found


def _mean_cycles(passages: Sequence[Passage]) -> int | None:
    counted = [p.cycles for p in passages if p.cycles is not None]
    return round(sum(counted) / len(counted)) if counted else None


def _time_runs(device: Device, inputs: bytes, runs: int) -> RunTime:
    """Time `runs` inferences, all in one command where the firmware keeps a copy of the input."""
    device.load(inputs)
    first = device.run()  # its time also bounds the wait for the others
    device.load(inputs)
    try:
        return device.run(runs, timeout_s=MIN_TIMEOUT_S + SLACK * runs * first.total_us / 1e6)
    except DeviceError as error:
        if error.code != "EW-DEV-REFUSED" or runs == 1:
            raise
    times = [first]
    while len(times) < runs:
        device.load(inputs)
        times.append(device.run())
    return sum_times(times)


def _bench_device(build: BuildFolder, device: Device, inputs: bytes, runs: int) -> Latency:
    timed = _time_runs(device, inputs, runs)
    info = device.info()
    cycles = round(timed.cycles / runs) if timed.cycles is not None else None
    return Latency(
        source="device",
        board=info.board,
        runs=runs,
        instructions=None,
        estimated_cycles=None,
        cycle_model=None,
        cycles=cycles,
        clock_hz=info.clock_hz,
        # The cycle counter is finer than a timer's microseconds.
        latency_us=cycles / info.clock_hz * 1e6 if cycles is not None else timed.total_us / runs,
        layers=() if info.input_rows else _time_steps(build, device, inputs),
    )


def _time_steps(build: BuildFolder, device: Device, inputs: bytes) -> tuple[LayerCost, ...]:
    device.load(inputs)
    cycles = device.profile()
    if len(cycles) != len(build.layers):
        raise WorkError(
            "EW-BENCH-LAYERS",
            f"the device has {len(cycles)} steps, the build {len(build.layers)}",
            "flash it again",
        )
    return tuple(LayerCost(name, cycles=c) for name, c in zip(_layer_names(build), cycles, strict=True))


def _layer_names(build: BuildFolder) -> list[str]:
    return [str(layer["name"]) for layer in build.layers]
