"""Compile an emitted library with the host's compiler and call it."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import numpy as np

from edgewright.converter.program import Program
from edgewright.converter.schedule import Plan, Wish
from edgewright.targets.codegen.library import emit_library
from edgewright.targets.cpu import CpuClass
from edgewright.targets.planning import Planned, planning_for

WARNINGS = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror"]
LAYERS = Wish(schedule="layer", input="resident")
# Differs from byte to byte, so that memory that is read before it is written shows up.
PAINT = (np.arange(1 << 20, dtype=np.uint32) * 197 + 0x5A).astype(np.uint8)


def emit(program: Program, cpu: CpuClass, folder: Path, wish: Wish = LAYERS):
    """Plan and emit; returns the plan."""
    planned = planning_for(program, cpu).plan(wish)
    emit_planned(planned, folder)
    return planned.plan


def emit_planned(planned: Planned, folder: Path) -> None:
    emit_library(planned.program, planned.plan, planned.kernels, planned.cpu, folder)


def run_on_host(program: Program, cpu: CpuClass, folder: Path, inputs: dict[str, np.ndarray], flags=()):
    """Outputs by port name, of the library compiled for the host, layer by layer."""
    return run_planned(planning_for(program, cpu).plan(LAYERS), folder, inputs, flags)[0]


def run_planned(planned: Planned, folder: Path, inputs: dict[str, np.ndarray], flags=(), *, fetch=False):
    """(outputs by port name, arena after the run) of a planned program on the host.

    Args:
        fetch: Whether rows of the input are fetched by a callback instead of pushed.
    """
    emit_planned(planned, folder)
    program, plan = planned.program, planned.plan
    library = folder / "library.so"
    sources = [folder / f"{program.name}.c", folder / f"{program.name}_weights.c"]
    subprocess.run(
        ["cc", *WARNINGS, *flags, "-shared", "-fPIC", "-o", library, *sources], check=True, cwd=folder
    )
    guard = 64
    arena = np.zeros(plan.arena_bytes + 16 + guard, np.uint8)
    start = -arena.ctypes.data % 16
    memory = arena[start : start + plan.arena_bytes + guard]
    memory[:] = PAINT[: len(memory)]
    loaded = ctypes.CDLL(str(library))
    if plan.input_mode == "rows":
        _push(loaded, program, plan, memory, inputs, fetch)
    else:
        for port in program.inputs:
            raw = port.to_value(inputs[port.name], program.values[port.value].shape).tobytes()
            at = plan.offsets[port.value]
            memory[at : at + len(raw)] = np.frombuffer(raw, np.uint8)
        run = loaded[f"{program.name}_run"]
        run.argtypes, run.restype = [ctypes.c_void_p], None
        run(memory.ctypes.data)
    end = plan.arena_bytes
    assert (memory[end:] == PAINT[end : end + guard]).all(), "written behind the arena"
    outputs = {}
    for port in program.outputs:
        t = program.values[port.value]
        at = plan.offsets[port.value]
        raw = memory[at : at + t.size_bytes].tobytes()
        outputs[port.name] = port.to_source(np.frombuffer(raw, t.dtype).reshape(t.shape))
    return outputs, memory[:end]


def _push(loaded, program: Program, plan: Plan, memory, inputs, fetch: bool) -> None:
    (port,) = program.inputs
    kind = program.values[port.value]
    value = port.to_value(inputs[port.name], kind.shape)
    rows = [np.frombuffer(row.tobytes(), np.uint8) for row in value]
    if fetch:
        signature = ctypes.CFUNCTYPE(
            None, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_void_p
        )

        def read(_, row, first, count, to):
            piece = rows[row][first : first + count]
            assert len(piece) == count
            ctypes.memmove(to, piece.ctypes.data, count)

        run_rows = loaded[f"{program.name}_run_rows"]
        run_rows.argtypes, run_rows.restype = [ctypes.c_void_p, signature, ctypes.c_void_p], None
        run_rows(memory.ctypes.data, signature(read), None)
        return
    begin, push = loaded[f"{program.name}_begin"], loaded[f"{program.name}_push_row"]
    begin.argtypes, begin.restype = [ctypes.c_void_p], None
    push.argtypes, push.restype = [ctypes.c_void_p, ctypes.c_void_p], ctypes.c_int
    begin(memory.ctypes.data)
    answers = [push(memory.ctypes.data, row.ctypes.data) for _ in range(plan.passes) for row in rows]
    assert answers == [0] * (len(answers) - 1) + [1]
