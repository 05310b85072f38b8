"""A device in Python behind a pseudo-terminal: the monitor's protocol, with faults on demand."""

from __future__ import annotations

import os
import select
import threading
import time
import tty
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from edgewright.converter.program import Program

BOOT = "m-timestamp-mode-performance\r\nm-lap-us-5\r\nm-init-done\r\nm-ready\r\n"
LOAD_IDLE_S = 0.6
NEED_RESIDENT_INPUT = {"load", "run", "bench", "begin", "step", "layer", "profile"}


@dataclass
class Faults:
    """What goes wrong. Commands are full texts without the %, e.g. "ew output"."""

    mute: bool = False  # answers nothing at all
    replies: dict[str, bytes] = field(default_factory=dict)  # raw reply instead of the real one
    reset_at: str = ""  # restarts in the middle of this command's reply
    corrupt_outputs: int = 0  # so many `ew output` replies carry a flipped bit
    corrupt_loads: int = 0  # so many loads fail their CRC
    short_loads: int = 0  # so many loads lose their last byte
    corrupt_rows: int = 0  # so many rows fail their CRC
    short_rows: int = 0  # so many rows lose their last byte
    extra_bytes: int = 0  # so many bytes come in front of the next row
    wrong_element: int | None = None  # output element that is off by one
    wrong_layer: int | None = None  # layer whose first element is off by one
    one_inference_a_load: bool = False  # firmware that keeps no copy of the input
    spam: bytes = b""  # sent all the time
    sha256: str = ""


class SimulatedDevice:
    """Runs a program behind `self.port`.

    Args:
        program: Its golden arithmetic computes the outputs.
        faults: Changed by tests also while it runs.
        cycles: Whether it has a cycle counter.
        passes: How often the input is pushed row by row; 0 where it is loaded as a whole.
    """

    def __init__(
        self, program: Program, faults: Faults | None = None, *, cycles: bool = True, passes: int = 0
    ) -> None:
        self.program = program
        self.passes = passes
        self.rows = program.values[program.inputs[0].value].shape[0]
        self.faults = faults or Faults()
        self.cycles = cycles
        self.commands: list[str] = []
        self.input: bytes | None = None
        self.output: bytes | None = None
        self.next_layer = -1
        self.values: dict = {}
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(5)
        for fd in (self._master, self._slave):
            if fd >= 0:
                os.close(fd)
        self._master = self._slave = -1

    def unplug(self) -> None:
        """The device disappears while the port is open."""
        self._stop.set()
        self._thread.join(5)
        os.close(self._master)
        self._master = -1

    def send(self, data: bytes) -> None:
        while data:
            _, ready, _ = select.select([], [self._master], [], 0.5)
            if not ready:
                return
            data = data[os.write(self._master, data[:512]) :]

    # ---- the monitor ----

    def _read(self, timeout_s: float) -> bytes:
        ready, _, _ = select.select([self._master], [], [], timeout_s)
        return os.read(self._master, 4096) if ready else b""

    def _serve(self) -> None:
        self._pending = b""
        while not self._stop.is_set():
            if self.faults.spam:
                self.send(self.faults.spam)
            self._pending += self._read(0.02)
            while b"%" in self._pending:
                text, self._pending = self._pending.split(b"%", 1)
                command = "".join(chr(c) for c in text if 32 <= c < 127)
                self.commands.append(command)
                if not self.faults.mute:
                    self._execute(command)

    def _execute(self, command: str) -> None:
        if command in self.faults.replies:
            self.send(self.faults.replies[command])
            return
        if command and command == self.faults.reset_at:
            self.faults.reset_at = ""
            self.input = self.output = None
            self.send(b"m-ew-half-[\r\n" + BOOT.encode())
            return
        words = command.split()
        lines = self._reply(words) if words else []
        if lines is not None:
            self.send("".join(line + "\r\n" for line in [*lines, "m-ready"]).encode())

    def _reply(self, words: list[str]) -> list[str] | None:
        if words == ["name"]:
            return ["m-name-dut-[simulated]"]
        if words == ["timestamp"]:
            return ["m-lap-us-123"]
        if self.passes and words[:1] == ["ew"] and words[1:2] and words[1] in NEED_RESIDENT_INPUT:
            return ["e-[This firmware takes the input by rows: ew rows]"]
        handler = getattr(self, f"_ew_{words[1]}", None) if words[0] == "ew" and len(words) > 1 else None
        return handler(words[2:]) if handler else [f"e-[Unknown command: {words[0]}]"]

    def _ew_info(self, _: list[str]) -> list[str]:
        fields = {
            "model": self.program.name,
            "sha256": self.faults.sha256 or self.program.source_sha256,
            "version": "0.1.0",
            "board": "mps2-an386",
            "input-bytes": self._bytes(self.program.inputs),
            "output-bytes": self._bytes(self.program.outputs),
            "layers": len(self.program.nodes),
            "clock-hz": 25_000_000,
            "load-limit": self._bytes(self.program.inputs),
        }
        if self.passes:
            row_bytes = self._bytes(self.program.inputs) // self.rows
            fields |= {"input": "rows", "input-rows": self.rows, "input-row-bytes": row_bytes}
            fields["passes"] = self.passes
        return [f"m-ew-{key}-[{value}]" for key, value in fields.items()]

    def _bytes(self, ports) -> int:
        return sum(self.program.values[p.value].size_bytes for p in ports)

    def _ew_load(self, words: list[str]) -> list[str]:
        size, crc = int(words[0]), int(words[1], 16)
        self.send(f"m-ew-send-[{size}]\r\n".encode())
        data, self._pending = self._pending, b""
        last = time.monotonic()
        want = size + 1 if self.faults.short_loads else size
        while len(data) < want and time.monotonic() - last < LOAD_IDLE_S:
            got = self._read(0.05)
            if got:
                data += got
                last = time.monotonic()
        if self.faults.short_loads:
            self.faults.short_loads -= 1
            return ["e-[load timeout]"]
        data, self._pending = data[:size], data[size:]
        if len(data) < size:
            return ["e-[load timeout]"]
        if self.faults.corrupt_loads:
            self.faults.corrupt_loads -= 1
            data = bytes([data[0] ^ 1]) + data[1:]
        if zlib.crc32(data) != crc:
            return ["e-[crc mismatch]"]
        self.input = data
        return ["m-ew-load-done"]

    def _ew_rows(self, _: list[str]) -> list[str]:
        """Every pass must bring the same rows."""
        self.output = None
        passes = []
        for number in range(self.passes * self.rows):
            self.send(f"m-ew-row-[{number}]\r\n".encode())
            row, problem = self._receive_row(self._bytes(self.program.inputs) // self.rows)
            if problem:
                return [f"e-[row {number}: {problem}]"]
            passes.append(row)
        frames = {b"".join(passes[i : i + self.rows]) for i in range(0, len(passes), self.rows)}
        if len(frames) != 1:
            return ["e-[The passes differ]"]
        (self.input,) = frames
        return self._ew_run(["1"])

    def _receive_row(self, row_bytes: int) -> tuple[bytes, str]:
        data, self._pending = self._pending, b""
        data += bytes(self.faults.extra_bytes)
        self.faults.extra_bytes = 0
        want = row_bytes + 4 + bool(self.faults.short_rows)
        last = time.monotonic()
        while len(data) < want and time.monotonic() - last < LOAD_IDLE_S:
            got = self._read(0.05)
            if got:
                data += got
                last = time.monotonic()
        if len(data) < want:
            self.faults.short_rows -= 1
            return b"", "timeout"
        row, crc, self._pending = data[:row_bytes], data[row_bytes : row_bytes + 4], data[row_bytes + 4 :]
        if self.faults.corrupt_rows:
            self.faults.corrupt_rows -= 1
            row = bytes([row[0] ^ 1]) + row[1:]
        return row, "" if zlib.crc32(row) == int.from_bytes(crc, "little") else "crc mismatch"

    def _compute(self, runs: int = 1) -> str | None:
        """Fills `values` and `output`; the reason where it cannot."""
        if self.input is None:
            return "No input is loaded"
        if self.faults.one_inference_a_load and runs != 1:
            return "This firmware keeps no copy of the input: one inference a load"
        start, case = 0, {}
        for port in self.program.inputs:
            kind = self.program.values[port.value]
            raw = np.frombuffer(self.input[start : start + kind.size_bytes], kind.dtype)
            case[port.name] = port.to_source(raw.reshape(kind.shape))
            start += kind.size_bytes
        self.values = self.program.run(case, keep_all=True)
        out = bytearray(b"".join(self.values[p.value].tobytes() for p in self.program.outputs))
        if self.faults.wrong_element is not None:
            out[self.faults.wrong_element] ^= 1
        self.output = bytes(out)
        if self.faults.one_inference_a_load:
            self.input = None
        return None

    def _ew_run(self, words: list[str]) -> list[str]:
        runs = int(words[0])
        problem = self._compute(runs)
        if problem:
            return [f"e-[{problem}]"]
        return [f"m-ew-us-[{1000 * runs}]", f"m-ew-cycles-[{25_000 * runs if self.cycles else 0}]"]

    def _ew_bench(self, _: list[str]) -> list[str]:
        return self._ew_run(["1"])

    def _data(self, data: bytes) -> list[str]:
        lines = [f"m-ew-data-[{data[i : i + 32].hex()}]" for i in range(0, len(data), 32)]
        return [*lines, f"m-ew-crc-[{zlib.crc32(data):08x}]"]

    def _ew_output(self, _: list[str]) -> list[str]:
        if self.output is None:
            return ["e-[There was no inference yet]"]
        lines = self._data(self.output)
        if self.faults.corrupt_outputs:
            self.faults.corrupt_outputs -= 1
            flipped = format(int(lines[0][11], 16) ^ 1, "x")
            lines[0] = lines[0][:11] + flipped + lines[0][12:]
        return lines

    def _ew_begin(self, _: list[str]) -> list[str]:
        problem = self._compute()
        if problem:
            return [f"e-[{problem}]"]
        self.next_layer = 0
        return []

    def _ew_step(self, words: list[str]) -> list[str]:
        if int(words[0]) != self.next_layer:
            return ["e-[Steps run in order after 'ew begin']"]
        self.next_layer += 1
        return []

    def _ew_layer(self, words: list[str]) -> list[str]:
        index = int(words[0])
        if index + 1 != self.next_layer:
            return ["e-[Only the output of the step that ran last can be read]"]
        data = bytearray(self.values[self.program.nodes[index].output].tobytes())
        if index == self.faults.wrong_layer:
            data[0] ^= 1
        return self._data(bytes(data))

    def _ew_profile(self, _: list[str]) -> list[str]:
        problem = self._compute()
        if problem:
            return [f"e-[{problem}]"]
        each = 12_000 if self.cycles else 0
        return [f"m-ew-layer-[{i}]-[{each + i if each else 0}]" for i in range(len(self.program.nodes))]

    def _ew_memory(self, _: list[str]) -> list[str]:
        values = {"arena-bytes": 48, "arena-used": 40, "stack-bytes": 4096, "stack-used": 512}
        return [f"m-ew-{k}-[{v}]" for k, v in (values | {"run-stack-used": 100}).items()]

    def _ew_reset(self, _: list[str]) -> None:
        self.input = self.output = None
        self.send(BOOT.encode())
        return None


@contextmanager
def simulated(
    program: Program, faults: Faults | None = None, *, cycles: bool = True, passes: int = 0
) -> Iterator[SimulatedDevice]:
    device = SimulatedDevice(program, faults, cycles=cycles, passes=passes)
    try:
        yield device
    finally:
        device.close()
