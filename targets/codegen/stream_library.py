"""Emission of the self-contained C library of a time-streamed program.

`<name>_stream.h`, `<name>_stream.c` (kernels and schedule of a call), `<name>_stream_weights.c` and the
micro-kernel headers used. C11, no malloc, no libc beyond memcpy and memset.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from edgewright import __version__
from edgewright.converter.program import Array, Port
from edgewright.converter.streaming import StreamedProgram, TimeStream
from edgewright.errors import WorkError
from edgewright.targets.codegen.constants import C_TYPES, Constants
from edgewright.targets.codegen.library import copy_headers, render
from edgewright.targets.codegen.schedule_tables import LARGEST, Tables, comment, table_row
from edgewright.targets.codegen.step_kernels import Place, StepOp
from edgewright.targets.codegen.stream_calls import Call, stream_calls
from edgewright.targets.codegen.stream_memory import POSITIONS, StreamMemory, kept, place_stream
from edgewright.targets.cpu import CpuClass

DRIVER = "ew_hop.h"


def emit_stream_library(
    streamed: StreamedProgram,
    cpu: CpuClass,
    folder: Path,
    *,
    memory: StreamMemory | None = None,
    stack_bytes: int | None = None,
) -> StreamMemory:
    """Write the library into `folder` (created).

    Args:
        streamed: The program of one call.
        cpu: CPU class.
        folder: Where the files go.
        memory: Where everything lies, from `place_stream`; made here by default.
        stack_bytes: Upper bound of the stack of a call, stated in the header.

    Returns:
        Where everything lies.
    """
    placed = memory or place_stream(stream_calls(streamed, cpu))
    name = library_name(streamed)
    constants = Constants(name)
    tables = Tables(headers={DRIVER})
    tables.ops = [table_row(_step_op(placed, call), tables, constants) for call in placed.calls.calls]
    values = _values(placed, tables, constants) | {"stack_bytes": stack_bytes}
    folder.mkdir(parents=True, exist_ok=True)
    for template, file in (
        ("stream_model.h.j2", f"{name}.h"),
        ("stream_model.c.j2", f"{name}.c"),
        ("weights.c.j2", f"{name}_weights.c"),
    ):
        (folder / file).write_text(render(template, values))
    copy_headers(tables.headers, folder)
    return placed


def library_name(streamed: StreamedProgram) -> str:
    """Start of the names of files and functions: a project may hold the library of windows too."""
    return f"{streamed.window.name}_stream"


def _step_op(placed: StreamMemory, call: Call) -> StepOp:
    """A kernel with its places."""
    kernel, output = call.kernel, call.node.output
    return StepOp(
        node=call.node,
        kernel=kernel,
        inputs=tuple(_source(placed, call, position) for position in range(len(call.node.inputs))),
        output=Place(placed.offsets[output], kernel.out_row_bytes, kernel.out_rows),
        out_rows=kernel.out_rows,
        out_row_bytes=kernel.out_row_bytes,
        scratch=placed.offsets.get(f"{call.node.name}:scratch", 0),
    )


def _source(placed: StreamMemory, call: Call, position: int) -> Place:
    """Where a kernel reads an input: in flash, in a ring from a row on, or at an offset."""
    name, read, view = call.node.inputs[position], call.reads[position], call.kernel.inputs[position]
    streamed = placed.calls.streamed
    if name in streamed.constants:
        return Place(0, view.row_bytes, view.rows, constant=streamed.constants[name][read.start : read.stop])
    if placed.calls.in_ring(name, read):
        index = next(i for i, h in enumerate(placed.histories) if h.value == name)
        return Place(read.start, view.row_bytes, view.rows, source=index)
    return Place(placed.address(name, read.start), view.row_bytes, view.rows)


def _values(placed: StreamMemory, tables: Tables, constants: Constants) -> dict[str, Any]:
    """What the templates show."""
    streamed, cpu = placed.calls.streamed, placed.calls.cpu
    name = library_name(streamed)
    steps = streamed.tensor(streamed.input.value)
    return {
        "name": name,
        "NAME": name.upper(),
        "source": streamed.window.name,
        "sha256": streamed.window.source_sha256,
        "version": __version__,
        "cpu": cpu.name,
        "alignment": cpu.alignment,
        "arena_bytes": placed.arena_bytes,
        "state_bytes": placed.state_bytes,
        "hop": streamed.hop,
        "step_bytes": steps.row_bytes,
        "window": streamed.window_rows,
        "warm_up": streamed.warm_up_calls,
        "delay": streamed.after,
        "driver": DRIVER,
        "positions": placed.offsets.get(POSITIONS, 0),
        "histories": _histories(placed, constants),
        "ops": tables.ops,
        "input": _port(placed, streamed.input, ""),
        "outputs": [
            _port(placed, port, "" if len(streamed.outputs) == 1 else f"_{i}")
            for i, port in enumerate(streamed.outputs)
        ],
        "headers": sorted(tables.headers - {DRIVER}),
        "kernels": list(tables.sources.values()),
        "weights": constants.weights,
        "tables": constants.tables,
        "max_rows": tables.max_rows,
    }


def _histories(placed: StreamMemory, constants: Constants) -> list[dict[str, Any]]:
    """Rows of the table of histories."""
    streamed = placed.calls.streamed
    silence = TimeStream(streamed).rings
    found = []
    for history in placed.histories:
        value = streamed.values[history.value]
        if value.tensor.shape[0] > LARGEST:
            raise WorkError(
                "EW-CODEGEN-SIZE",
                f"{history.value} keeps {value.tensor.shape[0]} rows; the driver counts to {LARGEST}",
            )
        row = _silent_row(history.value, silence[history.value])
        fields = [placed.offsets[kept(history.value)], placed.offsets[history.value], value.tensor.row_bytes]
        fields += [value.history, value.new_rows, history.after, int(history.linear)]
        found.append(
            {"fields": [*fields, constants.symbol(row, weights=False)], "title": comment(history.value)}
        )
    return found


def _silent_row(name: str, rows: Array) -> Array:
    """The row that a value holds everywhere after silence: all rows of a value that moves are made alike."""
    if not (rows == rows[0]).all():
        raise WorkError("EW-CODEGEN-SILENCE", f"the rows of {name} differ after silence")
    return np.ascontiguousarray(rows[0])


def _port(placed: StreamMemory, port: Port, suffix: str) -> dict[str, Any]:
    value = placed.calls.streamed.values[port.value]
    t = value.tensor
    quantization = f", scale {t.scale:.8g}, zero point {t.zero_point}" if t.quantization else ""
    return {
        "suffix": suffix,
        "bytes": value.new_rows * t.row_bytes,
        "ctype": C_TYPES[t.dtype],
        "offset": placed.new_rows(port.value),
        "comment": f"{t.dtype} {[value.new_rows, *t.shape[1:]]} (time, columns, channels){quantization}",
    }
