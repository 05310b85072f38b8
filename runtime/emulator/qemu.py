"""QEMU as a device: a bounded start, its serial console on a pseudo-terminal, and a certain end."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from edgewright.errors import DeviceError
from edgewright.runtime.emulator.guarded_process import GuardedProcess

QEMU = "qemu-system-arm"
QEMU_PACKAGE = "qemu-system-arm"
START_TIMEOUT_S = 30.0
POLL_S = 0.005
END_WAIT_S = 0.3  # its pseudo-terminal is gone a little before it
CONSOLE = re.compile(r"char device redirected to (\S+) \(label serial\d+\)\n?")


def find_qemu() -> str:
    """Path of the emulator's executable.

    Raises:
        DeviceError: EW-TOOL-MISSING.
    """
    found = shutil.which(QEMU)
    if not found:
        raise DeviceError("EW-TOOL-MISSING", f"{QEMU} is not installed", f"apt install {QEMU_PACKAGE}")
    return found


def qemu_command(
    machine: str,
    elf: Path | None,
    *,
    serial_index: int = 0,
    plugin: str | None = None,
    extra: Sequence[str] = (),
) -> list[str]:
    """Command line of an emulated board.

    Args:
        machine: QEMU's machine name (`-M`).
        elf: Firmware loaded at start; None starts an empty machine (a debugger loads it).
        serial_index: Which of the machine's UARTs is the console.
        plugin: Value of `-plugin`.
        extra: Further arguments.
    """
    command = [QEMU, "-M", machine, "-display", "none", "-monitor", "none"]
    command += ["-serial", "null"] * serial_index + ["-serial", "pty"]
    if elf is not None:
        command += ["-kernel", str(elf)]
    if plugin is not None:
        command += ["-plugin", plugin]
    return [*command, *extra]


class Qemu:
    """A running emulator; a context manager that kills it.

    Args:
        command: From `qemu_command`.
        start_timeout_s: How long the start may take.

    Raises:
        DeviceError: EW-TOOL-MISSING; EW-EMU-START with what QEMU wrote.
    """

    def __init__(self, command: Sequence[str], *, start_timeout_s: float = START_TIMEOUT_S) -> None:
        self.command = [find_qemu(), *command[1:]]
        self._process = GuardedProcess(self.command)
        try:
            self.console = self._await_console(start_timeout_s)
        except BaseException:
            self.close()
            raise

    def _await_console(self, timeout_s: float) -> str:
        deadline = time.monotonic() + timeout_s
        while True:
            status = self._process.exit_status()
            found = CONSOLE.search(self._process.output())
            if found:
                return found[1]
            if status is not None:
                raise DeviceError(
                    "EW-EMU-START", f"{self._shown()} ended with status {status}: {self.messages()}"
                )
            if time.monotonic() > deadline:
                raise DeviceError(
                    "EW-EMU-START",
                    f"{self._shown()} opened no console within {timeout_s:g} s: {self.messages()}",
                )
            time.sleep(POLL_S)

    def _shown(self) -> str:
        return " ".join(["QEMU", *self.command[1:3]])

    @property
    def pid(self) -> int:
        return self._process.pid

    def messages(self) -> str:
        """What QEMU said, its line about the console apart."""
        return CONSOLE.sub("", self._process.output()).strip()[-2000:] or "(it wrote nothing)"

    def failure(self) -> DeviceError | None:
        """The error to report if the emulator has ended by itself, or does so at once."""
        deadline = time.monotonic() + END_WAIT_S
        while (status := self._process.exit_status()) is None:
            if time.monotonic() > deadline:
                return None
            time.sleep(POLL_S)
        return DeviceError("EW-EMU-EXIT", f"the emulator ended with status {status}: {self.messages()}")

    def close(self) -> None:
        self._process.close()

    def __enter__(self) -> Qemu:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
