"""Where time lies in the inputs and outputs of a program."""

from __future__ import annotations

from dataclasses import replace

from edgewright.converter.program import Port, Program, TensorType
from edgewright.errors import ModelError, UsageError


def time_input(program: Program, axis: str = "time") -> Port:
    """The input whose rows are time steps.

    Raises:
        UsageError: EW-STREAM-AXIS for another axis than "time".
        ModelError: EW-STREAM-AXIS where the program has no such input.
    """
    if axis != "time":
        raise UsageError("EW-STREAM-AXIS", f"stream axis {axis!r} is unknown", hint="the axis is 'time'")
    if len(program.inputs) != 1:
        names = ", ".join(p.name for p in program.inputs) or "none"
        raise ModelError(
            "EW-STREAM-AXIS",
            f"time streaming needs a model with one input, this one has {len(program.inputs)}: {names}",
        )
    port = program.inputs[0]
    rows, columns, channels = program.values[port.value].shape
    if rows == 1:
        raise ModelError(
            "EW-STREAM-AXIS",
            f"input {port.name} {port.source_shape} has one row of {columns} columns and {channels} channels",
            hint="time has to be the first axis after the batch: transpose the model's input",
        )
    with_rows(port, rows, 1)
    return port


def with_rows(port: Port, rows: int, new_rows: int) -> Port:
    """The port of a value of which only `new_rows` of its `rows` rows pass.

    Raises:
        ModelError: EW-STREAM-AXIS where no single axis of the source is the rows.
    """
    permuted = [port.source_shape[a] for a in port.axes]
    place = next((i for i, size in enumerate(permuted) if size != 1), 0)
    if permuted[place] != rows:
        if rows == new_rows:
            return port
        raise ModelError(
            "EW-STREAM-AXIS",
            f"{port.name} {port.source_shape} has no axis of its own for the {rows} time steps",
            hint="reshape it in front of the model, so that time is an axis",
        )
    shape = list(port.source_shape)
    shape[port.axes[place]] = new_rows
    return replace(port, source_shape=tuple(shape))


def of_rows(tensor: TensorType, rows: int) -> TensorType:
    """The type of `rows` rows of a value."""
    return replace(tensor, shape=(rows, *tensor.shape[1:]))
