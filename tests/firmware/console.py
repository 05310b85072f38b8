"""A board's firmware in QEMU and its serial console, as small as the tests of the firmware need it."""

from __future__ import annotations

import time
from pathlib import Path

import serial

from edgewright.runtime.emulator.qemu import Qemu, qemu_command
from edgewright.targets.board import Board

REPLY_TIMEOUT_S = 20.0
LOAD_TIMEOUT_S = 3.0


class Console:
    """A running emulator; a context manager."""

    def __init__(self, board: Board, elf: Path, extra: tuple[str, ...] = ()) -> None:
        assert board.emulator is not None
        emulator = board.emulator
        self.qemu = Qemu(
            qemu_command(emulator.machine, elf, serial_index=emulator.serial, extra=(*emulator.args, *extra))
        )
        self.port = serial.Serial(self.qemu.console, 115200, timeout=REPLY_TIMEOUT_S, exclusive=True)
        # The boot messages may or may not have been sent before the port was open.
        self.synchronize()

    def __enter__(self) -> Console:
        return self

    def __exit__(self, *_: object) -> None:
        self.port.close()
        self.qemu.close()

    def write(self, data: bytes) -> None:
        self.port.write(data)

    def line(self) -> str:
        raw = self.port.readline()
        assert raw.endswith(b"\n"), f"no line within {REPLY_TIMEOUT_S} s, only {raw!r}"
        return raw.decode("ascii").rstrip("\r\n")

    def ask(self, command: str, raw: bytes = b"") -> list[str]:
        """Reply lines without m-ready; `raw` follows the line m-ew-send."""
        self.write(command.encode() + b"%")
        lines = []
        while (line := self.line()) != "m-ready":
            lines.append(line)
            if line.startswith("m-ew-send-["):
                self.write(raw)
        return lines

    def synchronize(self) -> None:
        """End whatever is half done and drop its replies, up to that to an unknown command of our own.

        An aborted binary load may swallow the command: it is over after two silent seconds.
        """
        for attempt in range(5):
            word = f"sync-{attempt}-{time.monotonic_ns()}"
            self.write(f"%{word}%".encode())
            self.port.timeout = LOAD_TIMEOUT_S
            while (raw := self.port.readline()) and word.encode() not in raw:
                pass
            self.port.timeout = REPLY_TIMEOUT_S
            if raw and self.line() == "m-ready":
                return
        raise AssertionError("the monitor does not come back")
