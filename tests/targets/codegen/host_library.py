"""Compile an emitted library with the host's compiler and call it."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import numpy as np

from edgewright.converter.program import Program
from edgewright.converter.schedule import plan
from edgewright.targets.codegen.library import emit_library, kernel_tasks
from edgewright.targets.cpu import CpuClass

WARNINGS = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror"]


def emit(program: Program, cpu: CpuClass, folder: Path):
    """Plan and emit; returns the plan."""
    tasks = kernel_tasks(program, cpu)
    layout = plan(
        program,
        {t.node.name: t.kernel.scratch_bytes for t in tasks},
        alignment=cpu.alignment,
        time_limit_s=2,
        leads={t.node.name: t.kernel.leads() for t in tasks},
    )
    emit_library(program, layout, tasks, cpu, folder)
    return layout


def run_on_host(program: Program, cpu: CpuClass, folder: Path, inputs: dict[str, np.ndarray], flags=()):
    """Outputs by port name, of the library compiled for the host."""
    layout = emit(program, cpu, folder)
    library = folder / "library.so"
    sources = [folder / f"{program.name}.c", folder / f"{program.name}_weights.c"]
    subprocess.run(
        ["cc", *WARNINGS, *flags, "-shared", "-fPIC", "-o", library, *sources], check=True, cwd=folder
    )
    arena = np.zeros(layout.arena_bytes + 16, np.uint8)
    start = -arena.ctypes.data % 16
    memory = arena[start : start + layout.arena_bytes]
    offsets = layout.offsets
    for port in program.inputs:
        t = program.values[port.value]
        raw = port.to_value(inputs[port.name], t.shape).tobytes()
        memory[offsets[port.value] : offsets[port.value] + len(raw)] = np.frombuffer(raw, np.uint8)
    run = ctypes.CDLL(str(library))[f"{program.name}_run"]
    run.argtypes = [ctypes.c_void_p]
    run.restype = None
    run(memory.ctypes.data)
    outputs = {}
    for port in program.outputs:
        t = program.values[port.value]
        raw = memory[offsets[port.value] : offsets[port.value] + t.size_bytes].tobytes()
        outputs[port.name] = port.to_source(np.frombuffer(raw, t.dtype).reshape(t.shape))
    return outputs
