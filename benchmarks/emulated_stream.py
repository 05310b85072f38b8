"""A time-streaming library on an emulated board: a bare-metal program compares every step and is counted."""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgewright.converter.program import Array
from edgewright.converter.streaming import StreamedProgram
from edgewright.errors import WorkError
from edgewright.runtime.emulator.cycle_counter import CycleCounter, plugin_path
from edgewright.runtime.emulator.qemu import find_qemu
from edgewright.targets.board import Board
from edgewright.targets.board_header import linker_script
from edgewright.targets.codegen.stream_library import emit_stream_library, library_name
from edgewright.targets.codegen.stream_memory import StreamMemory
from edgewright.targets.compiler import (
    OBJECT_FLAGS,
    PREFIX,
    WARNINGS,
    compile_library,
    compile_objects,
    cpu_flags,
    run_tool,
)
from edgewright.targets.costs import cycle_model
from edgewright.targets.cpu import cpu_class
from edgewright.targets.toolchain import FIRMWARE

MAIN = Path(__file__).with_suffix(".c")
STACK_BYTES = 8192
RUN_TIMEOUT_S = 300.0


@dataclass(frozen=True)
class EmulatedStream:
    """What the board found.

    Args:
        compared: Calls whose outputs were compared, the warm ones.
        mismatches: Calls of which any output differed.
        arena_used_bytes: High-water mark of the arena.
        stack_used_bytes: High-water mark of the stack, below the frame of the test program.
        instructions: Of every call.
        cycles: Estimated cycles of every call; None where the core has no timing table.
    """

    compared: int
    mismatches: int
    arena_used_bytes: int
    stack_used_bytes: int
    instructions: tuple[int, ...]
    cycles: tuple[int, ...] | None


def run_emulated(
    streamed: StreamedProgram, board: Board, signal: Array, expected: list[dict[str, Array]]
) -> tuple[EmulatedStream, StreamMemory]:
    """Push a signal on an emulated board.

    Args:
        streamed: The program of one call.
        board: A board with an emulator.
        signal: [time, columns, channels] of the input's dtype; a multiple of the hop.
        expected: Outputs of the warm calls by port name, whole windows.

    Raises:
        WorkError: EW-BENCH-EMULATED where the program did not end as it should; EW-TOOLCHAIN-*.
    """
    with tempfile.TemporaryDirectory(prefix="edgewright-stream-") as name:
        folder = Path(name)
        memory = emit_stream_library(streamed, cpu_class(board.features, board.cpu), folder / "library")
        _write_test(streamed, signal, expected, folder / "test")
        elf = _link(board, folder)
        return _run(board, elf, folder), memory


def _write_test(
    streamed: StreamedProgram, signal: Array, expected: list[dict[str, Array]], folder: Path
) -> None:
    """`stream_under_test.h` and the data as C."""
    name = library_name(streamed)
    calls = len(signal) // streamed.hop
    suffixes = [""] if len(streamed.outputs) == 1 else [f"_{i}" for i in range(len(streamed.outputs))]
    outputs = " ".join(f"F({name}_output{s}, {name.upper()}_OUTPUT{s}_BYTES)" for s in suffixes)
    wanted = b"".join(
        call[p.name][-streamed.values[p.value].new_rows :].tobytes()
        for call in expected
        for p in streamed.outputs
    )
    data = {"signal": signal[: calls * streamed.hop].tobytes(), "expected": wanted}
    lines = [
        f'#include "{name}.h"',
        f"#define STREAM_CALLS {calls}u",
        *(f"#define STREAM_{n} {name.upper()}_{n}" for n in ("ARENA_BYTES", "INPUT_BYTES", "WARM_UP_CALLS")),
        f"#define STREAM_INIT {name}_init",
        f"#define STREAM_PUSH {name}_push",
        f"#define STREAM_OUTPUTS(F) {outputs}",
        *(f"extern const uint8_t stream_{n}[{len(b)}];" for n, b in data.items()),
    ]
    arrays = [f"const uint8_t stream_{n}[{len(b)}] = {{{','.join(map(str, b))}}};" for n, b in data.items()]
    folder.mkdir()
    (folder / "stream_under_test.h").write_text("\n".join(lines) + "\n")
    (folder / "data.c").write_text('#include "stream_under_test.h"\n' + "\n".join(arrays) + "\n")


def _link(board: Board, folder: Path) -> Path:
    library = compile_library(folder / "library", board, folder / "objects")
    includes = [folder / "library", folder / "test", FIRMWARE / "cortex_m"]
    flags = [*cpu_flags(board), "-Os", *OBJECT_FLAGS, *WARNINGS, *(f"-I{i}" for i in includes)]
    sources = [MAIN, folder / "test" / "data.c", FIRMWARE / "cortex_m" / "startup.c"]
    objects = compile_objects(sources, folder / "test" / "objects", flags)
    script, elf = folder / "link.ld", folder / "stream.elf"
    script.write_text(linker_script(board, STACK_BYTES, has_boot2=False))
    link = [*cpu_flags(board), "-nostartfiles", "-static", "-Wl,--gc-sections", f"-T{script}"]
    run_tool([f"{PREFIX}gcc", *link, *objects, *library, "-lm", "-o", elf], "EW-TOOLCHAIN-LINK")
    return elf


def _run(board: Board, elf: Path, folder: Path) -> EmulatedStream:
    assert board.emulator is not None, board.id
    qemu = find_qemu()
    counter = CycleCounter(plugin_path(qemu), elf, cycle_model(board.cpu), folder)
    command = [qemu, "-M", board.emulator.machine, "-display", "none", "-monitor", "none", "-serial", "null"]
    command += ["-semihosting-config", "enable=on,target=native", "-kernel", str(elf)]
    command += ["-plugin", counter.argument(), *board.emulator.args]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise WorkError("EW-BENCH-EMULATED", f"no end within {RUN_TIMEOUT_S:g} s") from error
    said = dict(re.findall(r"^(\w+) (\d+)$", done.stdout + done.stderr, re.MULTILINE))
    passages = [p for p in counter.take() if p.pair == "run"]
    if done.returncode or said.keys() != {"stack", "arena", "compared", "mismatches"} or not passages:
        raise WorkError("EW-BENCH-EMULATED", f"status {done.returncode}: {done.stdout}{done.stderr}"[:500])
    cycles = tuple(p.cycles for p in passages if p.cycles is not None)
    return EmulatedStream(
        compared=int(said["compared"]),
        mismatches=int(said["mismatches"]),
        arena_used_bytes=int(said["arena"]),
        stack_used_bytes=int(said["stack"]),
        instructions=tuple(p.instructions for p in passages),
        cycles=cycles or None,
    )


def seeded_signal(rows: int, columns: int, channels: int, seed: int = 0) -> Array:
    """Noise whose loudness swells and fades, int8."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 60, (rows, columns, channels))
    swell = np.sin(np.arange(rows) / 37)[:, None, None]
    return np.clip(noise * swell - 40, -128, 127).astype(np.int8)
