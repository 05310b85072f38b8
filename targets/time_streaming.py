"""Time streaming of a model on a board: what a call computes, its memory and cost, and its library."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgewright.converter.program import Array, Program, TensorType
from edgewright.converter.streaming import (
    Alignment,
    Deviation,
    NodeTime,
    PaddingPolicy,
    StreamAnalysis,
    StreamedProgram,
    analyse,
    deviation,
    stream_program,
)
from edgewright.errors import UsageError
from edgewright.targets.board import Board
from edgewright.targets.build import atomic_folder
from edgewright.targets.codegen.stream_calls import Call, stream_calls
from edgewright.targets.codegen.stream_library import emit_stream_library, library_name
from edgewright.targets.codegen.stream_memory import StreamMemory, place_stream
from edgewright.targets.compiler import compile_library
from edgewright.targets.costs import copy_cycles, cycle_model, estimate_kernel_cycles
from edgewright.targets.cpu import cpu_class
from edgewright.targets.stack import library_stack

MANIFEST = "stream.json"
SCHEMA_VERSION = 1
SIGNAL_HINT = "finite real numbers, or elements of the input's own type"


@dataclass(frozen=True)
class StreamWish:
    """How a model is to be streamed.

    Args:
        hop: New time steps in a call.
        axis: "time".
        padding: What to do with ops that pad in time.
        alignment: What to do with ops whose stride does not fit the hop.
    """

    hop: int
    axis: str = "time"
    padding: PaddingPolicy = "refuse"
    alignment: Alignment = "refuse"


@dataclass(frozen=True, eq=False)
class PlannedStream:
    """A model streamed on a board.

    Args:
        program: The model.
        board: Where it runs.
        wish: How it is streamed.
        analysis: Of the model: its findings are what makes streaming inexact.
        window: Of the program to which streaming is exact; the model's where nothing was replaced.
        memory: Kernels of a call and where everything lies.
    """

    program: Program
    board: Board
    wish: StreamWish
    analysis: StreamAnalysis
    window: StreamAnalysis
    memory: StreamMemory

    @property
    def streamed(self) -> StreamedProgram:
        return self.memory.calls.streamed

    def call_cycles(self, call: Call) -> float | None:
        """Estimated cycles of a kernel in a call; None where the core has no timing table."""
        costs = cycle_model(self.board.cpu)
        return None if costs is None else estimate_kernel_cycles(call.kernel, costs)

    @property
    def estimated_cycles(self) -> float | None:
        """Of a call: its kernels, and the copies of what is kept."""
        costs = cycle_model(self.board.cpu)
        if costs is None:
            return None
        total = sum(estimate_kernel_cycles(c.kernel, costs) for c in self.memory.calls.calls)
        for history in self.memory.histories:
            value = self.streamed.values[history.value]
            rows = value.new_rows + (value.history if history.linear else 0)
            total += rows * copy_cycles(value.tensor.row_bytes, costs)
        return total


def analyse_stream(program: Program, wish: StreamWish) -> StreamAnalysis:
    """What a call computes of every op of a model, and what makes that inexact.

    Raises:
        UsageError: EW-STREAM-AXIS, EW-STREAM-HOP.
        ModelError: EW-STREAM-AXIS.
    """
    return analyse(program, wish.hop, wish.axis, padding=wish.padding, alignment=wish.alignment)


def plan_stream(program: Program, board: Board, wish: StreamWish) -> PlannedStream:
    """Choose kernels and lay out the arena.

    Raises:
        UsageError: EW-STREAM-AXIS, EW-STREAM-HOP, EW-STREAM-POLICY.
        ModelError: EW-STREAM-AXIS, EW-STREAM-INEXACT.
    """
    streamed = stream_program(program, wish.hop, wish.axis, padding=wish.padding, alignment=wish.alignment)
    memory = place_stream(stream_calls(streamed, cpu_class(board.features, board.cpu)))
    return PlannedStream(
        program, board, wish, analyse_stream(program, wish), analyse_stream(streamed.window, wish), memory
    )


def build_stream(planned: PlannedStream, out: Path) -> dict[str, Any]:
    """Write `out`/library and `out`/stream.json; returns the manifest.

    The library is compiled for the board once, which checks it and bounds its stack. There is no monitor
    firmware for it.

    Raises:
        WorkError: EW-TOOLCHAIN-*, EW-STACK-*.
        UsageError: EW-OUT-EXISTS, EW-OUT-WRITE.
        DeviceError: EW-TOOL-MISSING.
    """
    streamed, memory, cpu = planned.streamed, planned.memory, planned.memory.calls.cpu
    with atomic_folder(out, MANIFEST) as folder:
        library, objects = folder / "library", folder / "objects"
        emit_stream_library(streamed, cpu, library, memory=memory)
        compiled = compile_library(library, planned.board, objects)
        stack = library_stack(compiled, f"{library_name(streamed)}_push", planned.board, objects)
        shutil.rmtree(objects)
        # The header states the bound, which only the compiler knows.
        emit_stream_library(streamed, cpu, library, memory=memory, stack_bytes=stack.bytes)
        manifest = {"schema_version": SCHEMA_VERSION, "stack_bytes": stack.bytes} | stream_to_json(planned)
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
    return manifest


def stream_to_json(planned: PlannedStream) -> dict[str, Any]:
    """The figures of a planned stream."""
    streamed, memory = planned.streamed, planned.memory
    cycles = planned.estimated_cycles
    return {
        "model": planned.program.name,
        "board": planned.board.id,
        "cpu_class": memory.calls.cpu.name,
        **asdict(planned.wish),
        **analysis_to_json(planned.analysis),
        "window_steps": streamed.window_rows,
        "before_steps": streamed.before,
        "delay_steps": streamed.after,
        "warm_up_calls": streamed.warm_up_calls,
        "macs": streamed.macs,
        "window_macs": planned.program.macs,
        "state_bytes": memory.state_bytes,
        "input_kept_bytes": streamed.values[streamed.input.value].state_bytes,
        "arena_bytes": memory.arena_bytes,
        "arena_optimal": memory.arena_bytes == memory.bound_bytes,
        "estimated_cycles": None if cycles is None else round(cycles),
        "ops": [_op_to_json(time) | _op_cost(planned, time) for time in planned.window.nodes],
    }


def analysis_to_json(analysis: StreamAnalysis) -> dict[str, Any]:
    """What a call computes of every op, and the findings."""
    return {
        "exact": analysis.exact,
        "findings": [asdict(f) for f in analysis.findings],
        "ops": [_op_to_json(time) for time in analysis.nodes],
    }


def _op_to_json(time: NodeTime) -> dict[str, Any]:
    """What a call computes of a node."""
    return {
        "name": time.node.name,
        "kind": time.node.op.kind,
        "rows": time.rows,
        "new_rows": time.new_rows,
        "reason": time.reason,
    }


def _op_cost(planned: PlannedStream, time: NodeTime) -> dict[str, Any]:
    """Kernel, cost and kept bytes of a node; rows that are only cut run nothing."""
    name = time.node.name
    call = next((c for c in planned.memory.calls.calls if c.node.name == name), None)
    cycles = None if call is None else planned.call_cycles(call)
    value = planned.streamed.values.get(time.node.output)
    return {
        "macs": sum(
            s.node.op.macs(*planned.streamed.slabs(s)) for s in planned.streamed.nodes if s.node.name == name
        ),
        "estimated_cycles": None if cycles is None else round(cycles),
        "kept_bytes": value.state_bytes if value is not None else 0,
        "kernel": call.kernel.family if call is not None else None,
    }


def measure_deviation(planned: PlannedStream, signal: Array) -> Mapping[str, Deviation]:
    """How far a stream of some data is from window inference of the model, by output port."""
    return deviation(planned.program, planned.streamed, signal)


def load_signal(path: Path, tensor: TensorType) -> Array:
    """A signal of an input, from a .npy file.

    Args:
        path: Array [time, ...] with the elements of a time step in the program's order, of the input's
            dtype, or real numbers, which are quantized.
        tensor: Type of the input.

    Returns:
        [time, columns, channels] of the input's dtype.

    Raises:
        UsageError: EW-STREAM-SIGNAL.
    """
    try:
        # Mapped, a header that promises more than the file has is refused before anything is allocated.
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UsageError("EW-STREAM-SIGNAL", f"cannot read {path}: {error}", "a .npy file") from error
    _, columns, channels = tensor.shape
    if not isinstance(array, np.ndarray) or array.ndim < 2 or array[0:1].size != columns * channels:
        shape = array.shape if isinstance(array, np.ndarray) else "an archive"
        raise UsageError(
            "EW-STREAM-SIGNAL",
            f"{path}: {shape} is not [time, {columns}, {channels}]",
            f"one row of {columns * channels} numbers a time step",
        )
    signal = array.reshape(-1, columns, channels)
    if signal.dtype == np.dtype(tensor.dtype):
        return signal
    if signal.dtype.kind != "f":
        raise UsageError(
            "EW-STREAM-SIGNAL", f"{path} holds {signal.dtype}, the input is {tensor.dtype}", SIGNAL_HINT
        )
    if not np.isfinite(signal).all():
        raise UsageError("EW-STREAM-SIGNAL", f"{path} holds numbers that are not finite", SIGNAL_HINT)
    if tensor.dtype == "float32":
        return signal.astype(np.float32)
    limits = np.iinfo(tensor.dtype)
    levels = np.round(signal / tensor.scale) + tensor.zero_point
    return np.clip(levels, limits.min, limits.max).astype(tensor.dtype)
