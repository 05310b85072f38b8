"""Compile an emitted time-streaming library with the host's compiler and push a signal through it."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import numpy as np

from edgewright.converter.streaming import StreamedProgram, windowed
from edgewright.targets.codegen.stream_library import emit_stream_library, library_name
from edgewright.targets.codegen.stream_memory import StreamMemory
from edgewright.targets.cpu import CpuClass
from tests.targets.codegen.host_library import PAINT, WARNINGS

GUARD = 64


class HostStream:
    """A stream in the emitted C.

    Args:
        streamed: The program of one call.
        cpu: Class of core; "dsp" needs flags that let its kernels run on the host.
        folder: For library and shared object.
        in_place: Write the new rows where the library takes them, instead of passing their address.
    """

    def __init__(
        self, streamed: StreamedProgram, cpu: CpuClass, folder: Path, flags=(), *, in_place: bool = False
    ) -> None:
        self.streamed, self.in_place = streamed, in_place
        self.memory: StreamMemory = emit_stream_library(streamed, cpu, folder)
        name = library_name(streamed)
        library, sources = folder / "stream.so", [folder / f"{name}.c", folder / f"{name}_weights.c"]
        command = ["cc", *WARNINGS, *flags, "-shared", "-fPIC", "-o", library, *sources]
        subprocess.run(command, check=True, cwd=folder)
        loaded = ctypes.CDLL(str(library))
        self._push, init = loaded[f"{name}_push"], loaded[f"{name}_init"]
        self._push.argtypes, self._push.restype = [ctypes.c_void_p, ctypes.c_void_p], None
        init.argtypes, init.restype = [ctypes.c_void_p], None
        size = self.memory.arena_bytes + GUARD
        raw = np.zeros(size + 16, np.uint8)
        start = -raw.ctypes.data % 16
        self.arena = raw[start : start + size]
        self.arena[:] = PAINT[:size]
        init(self.arena.ctypes.data)

    def push(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Outputs by port name, [new rows, columns, channels]."""
        data = np.frombuffer(np.ascontiguousarray(rows).tobytes(), np.uint8)
        address = data.ctypes.data
        if self.in_place:
            at = self.memory.new_rows(self.streamed.input.value)
            self.arena[at : at + len(data)] = data
            address = self.arena.ctypes.data + at
        self._push(self.arena.ctypes.data, address)
        return {p.name: self._output(p.value) for p in self.streamed.outputs}

    def _output(self, name: str) -> np.ndarray:
        value = self.streamed.values[name]
        shape = (value.new_rows, *value.tensor.shape[1:])
        at = self.memory.new_rows(name)
        raw = self.arena[at : at + value.new_rows * value.tensor.row_bytes].tobytes()
        return np.frombuffer(raw, value.tensor.dtype).reshape(shape)

    def check_guard(self) -> None:
        end = self.memory.arena_bytes
        assert (self.arena[end:] == PAINT[end : end + GUARD]).all(), "written behind the arena"


def assert_equals_windows(stream: HostStream, signal: np.ndarray) -> int:
    """Every warm call equals window inference bit for bit; returns the number of windows compared."""
    streamed, hop = stream.streamed, stream.streamed.hop
    want = windowed(streamed.window, signal, hop)
    calls = [stream.push(signal[at : at + hop]) for at in range(0, len(signal) - hop + 1, hop)]
    assert len(calls) - len(want) == streamed.warm_up_calls - 1
    for got, window in zip(calls[len(calls) - len(want) :], want, strict=True):
        for name, rows in got.items():
            assert np.array_equal(rows, window[name][-len(rows) :]), name
    stream.check_guard()
    return len(want)
