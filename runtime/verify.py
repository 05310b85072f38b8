"""Verification: a device's outputs against the exact integer reference, byte for byte."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from edgewright.converter.program import Array, Node, Program
from edgewright.errors import DeviceError
from edgewright.runtime.build_folder import BuildFolder
from edgewright.runtime.devices.device import Device
from edgewright.runtime.inputs import Case, case_bytes

REFERENCE = "edgewright golden (TFLite reference arithmetic)"
OUTPUTS_ONLY = "the input comes by rows: only the outputs could be compared, not each step"
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Difference:
    """The first element where a device differs from the reference.

    Args:
        case: Index of the input.
        where: Name of the output, or of the step's last layer.
        index: Position of the element, in the output's source shape or the layer's HWC shape.
        device: The device's value.
        reference: The reference's value.
    """

    case: int
    where: str
    index: tuple[int, ...]
    device: float
    reference: float

    def __str__(self) -> str:
        return (
            f"case {self.case}, {self.where}{list(self.index)}: "
            f"device {self.device:g}, reference {self.reference:g}"
        )


@dataclass(frozen=True)
class VerifyResult:
    """Outcome of a verification.

    Args:
        reference: What was compared with.
        cases: Inputs run.
        outputs: Output elements compared, over all cases.
        mismatches: Output elements that differ.
        max_abs_diff: Largest difference, in quantization steps (or real units for float outputs).
        bad_cases: Cases with at least one difference.
        first_bad: The first difference in an output.
        first_bad_layer: The first difference after a step, where steps were compared.
        layers_compared: Number of steps (layers, or several that are streamed) compared per case, 0 where
            they were not.
        seconds: Wall time.
        note: Why steps that were asked for were not compared; empty where they were.
    """

    reference: str
    cases: int
    outputs: int
    mismatches: int
    max_abs_diff: float
    bad_cases: int
    first_bad: Difference | None = None
    first_bad_layer: Difference | None = None
    layers_compared: int = 0
    seconds: float = 0.0
    note: str = ""

    @property
    def ok(self) -> bool:
        return self.mismatches == 0 and self.first_bad_layer is None


@dataclass
class _Tally:
    outputs: int = 0
    mismatches: int = 0
    max_abs_diff: float = 0.0
    bad_cases: set[int] = field(default_factory=set)
    first_bad: Difference | None = None

    def compare(self, case: int, where: str, device: Array, reference: Array) -> None:
        """Count the elements of `device` that are not the bytes of `reference`."""
        self.outputs += reference.size
        differing = differing_elements(device, reference)
        count = int(differing.sum())
        if not count:
            return
        self.mismatches += count
        self.bad_cases.add(case)
        wide = np.abs(device.astype(np.float64) - reference.astype(np.float64))[differing]
        self.max_abs_diff = max(self.max_abs_diff, float(np.nan_to_num(wide, nan=np.inf).max()))
        if self.first_bad is None:
            index = tuple(int(i) for i in np.argwhere(differing)[0])
            self.first_bad = Difference(case, where, index, float(device[index]), float(reference[index]))


def differing_elements(a: Array, b: Array) -> Array:
    """Mask of the elements whose bytes differ (two NaNs of the same bits are equal, 0.0 and -0.0 differ)."""
    width = np.dtype(f"u{a.dtype.itemsize}")
    differing: Array = np.ascontiguousarray(a).view(width) != np.ascontiguousarray(b).view(width)
    return differing


def verify(
    build: BuildFolder,
    cases: Sequence[Case],
    device: Device,
    *,
    layers: bool = False,
    progress: Progress | None = None,
    program: Program | None = None,
) -> VerifyResult:
    """Run cases on a device and compare every output element with the reference.

    Args:
        build: The build the device runs.
        cases: From `inputs.load_cases` or `inputs.random_cases`.
        device: Opened.
        layers: Compare after each step too; stops a case at its first difference. Not possible where the
            input comes by rows: the result's note then says so.
        progress: Called with (done, total), counted in cases, or in rows where the input comes by rows.
        program: The build's program, where the caller has loaded it already.

    Raises:
        DeviceError: whatever the device's connection raises.
    """
    program = program or build.program()
    rows = device.info().input_rows
    steps = _step_nodes(build, program) if layers and rows is None else []
    parts = rows.pushes if rows else 1
    tally = _Tally()
    first_layer: Difference | None = None
    begin = time.monotonic()
    for index, case in enumerate(cases):
        inputs = case_bytes(program, case)
        values = program.run(case, keep_all=True)
        if steps:
            device.load(inputs)
            bad = _compare_layers(device, steps, values, index)
            first_layer = first_layer or bad
        # Loads again: small firmware keeps no copy of the input.
        outputs = device.infer(inputs, _within(progress, index * parts, len(cases) * parts))
        _compare_outputs(tally, program, values, outputs, index)
        if progress:
            progress((index + 1) * parts, len(cases) * parts)
    return VerifyResult(
        reference=REFERENCE,
        cases=len(cases),
        outputs=tally.outputs,
        mismatches=tally.mismatches,
        max_abs_diff=tally.max_abs_diff,
        bad_cases=len(tally.bad_cases),
        first_bad=tally.first_bad,
        first_bad_layer=first_layer,
        layers_compared=len(steps),
        seconds=time.monotonic() - begin,
        note=OUTPUTS_ONLY if layers and rows else "",
    )


def _within(progress: Progress | None, before: int, total: int) -> Progress | None:
    """Progress of one case as part of all."""
    if progress is None:
        return None
    tell = progress
    return lambda done, _: tell(before + done, total)


def _compare_outputs(
    tally: _Tally, program: Program, values: Mapping[str, Array], outputs: bytes, case: int
) -> None:
    sizes = [program.values[p.value].size_bytes for p in program.outputs]
    if len(outputs) != sum(sizes):
        raise DeviceError("EW-DEV-PROTOCOL", f"{len(outputs)} bytes of output; the program has {sum(sizes)}")
    start = 0
    for port, size in zip(program.outputs, sizes, strict=True):
        reference = values[port.value]
        have = _from_bytes(outputs[start : start + size], reference)
        tally.compare(case, port.name, port.to_source(have), port.to_source(reference))
        start += size


def _from_bytes(data: bytes, like: Array) -> Array:
    """Device bytes as an array of the shape and type of `like`."""
    return np.frombuffer(data, like.dtype.newbyteorder("<")).astype(like.dtype).reshape(like.shape)


def _step_nodes(build: BuildFolder, program: Program) -> list[Node]:
    """The program's node whose output each step of the device leaves."""
    by_output = {node.output: node for node in program.nodes}
    nodes = []
    for layer in build.layers:
        node = by_output.get(str(layer.get("output_value")))
        if node is None:
            raise DeviceError(
                "EW-DEV-MODEL",
                f"step {layer.get('name')} of the build is not in its program",
                "build again: edgewright build",
            )
        nodes.append(node)
    return nodes


def _compare_layers(
    device: Device, steps: Sequence[Node], values: Mapping[str, Array], case: int
) -> Difference | None:
    """Run the loaded case step by step up to the first that differs."""
    device.begin()
    for number, node in enumerate(steps):
        device.step(number)
        reference = values[node.output]
        have = _from_bytes(device.layer_output(number, reference.nbytes), reference)
        tally = _Tally()
        tally.compare(case, node.name, have, reference)
        if tally.first_bad is not None:
            return tally.first_bad
    return None
