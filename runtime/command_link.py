"""Commands and replies of the MLPerf Tiny / EEMBC serial protocol.

A command ends with `%`; the device replies with lines ending in CR LF and closes each command with
`m-ready`. Every wait is bounded. After a failure the next command first resynchronises.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from edgewright.errors import DeviceError, UsageError
from edgewright.runtime.line_stream import LineStream
from edgewright.runtime.replies import Fields

MAX_COMMAND_CHARS = 80
MAX_HEARD_BYTES = 4096
BOOT_LINES = ("m-timestamp-mode-performance", "m-init-done")
QUIET_S = 0.05

# Ctrl-C ends a run under way, the % a half-sent command.
INTERRUPT = b"\x03%"


@dataclass(frozen=True)
class Timeouts:
    """Bounds of all waits, in seconds.

    Args:
        attempts_s: For an answer to `name%`, one a try. The last ones are longer than the two seconds
            after which a device gives up a binary load: sending again and again would keep it alive.
        line_s: For the next line of a reply.
        load_s: For the end of a binary load, whose tail may still be in the host's buffers.
        run_s: For one inference, or one step of it, or one row that is pushed.
        boot_s: For the start message after a reset.
    """

    attempts_s: tuple[float, ...] = (1.5, 2.5, 2.5)
    line_s: float = 5.0
    load_s: float = 10.0
    run_s: float = 120.0
    boot_s: float = 3.0


PROBE = Timeouts(attempts_s=(0.5, 1.0), line_s=1.0)


class CommandLink:
    """Commands and replies through one open port."""

    def __init__(self, lines: LineStream, timeouts: Timeouts | None = None) -> None:
        self._timeouts = timeouts or Timeouts()
        self._lines = lines
        self._in_step = False

    def synchronise(self) -> str:
        """Bring both sides to the start of a command, whatever the device was doing.

        Returns:
            The device's name (`m-name-dut-[...]`).

        Raises:
            DeviceError: EW-DEV-TIMEOUT for silence, EW-DEV-PROTOCOL for an answer of another kind.
        """
        heard = self._lines.discard_until_quiet(QUIET_S, 1.0)
        for timeout_s in self._timeouts.attempts_s:
            self._lines.write(INTERRUPT + b"name%")
            name, received = self._await_name(timeout_s)
            heard += received
            if name is not None:
                self._barrier()
                self._in_step = True
                return name
        waited = f"{sum(self._timeouts.attempts_s):g} s"
        if heard:
            raise DeviceError(
                "EW-DEV-PROTOCOL",
                f"{self._lines.name} answers within {waited}, but not as the monitor does: {heard[:80]!r}",
                "check that the firmware is flashed and the baud rate is the board's",
            )
        raise DeviceError(
            "EW-DEV-TIMEOUT",
            f"{self._lines.name} does not answer (waited {waited})",
            "check that the firmware is flashed, the port is the board's console, and reset the board",
        )

    def _await_name(self, timeout_s: float) -> tuple[str | None, bytes]:
        """(the name or None, everything heard meanwhile)."""
        heard = b""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                line = self._lines.read_line(deadline - time.monotonic())
            except DeviceError as error:
                if error.code != "EW-DEV-PROTOCOL":
                    raise
                # Half a line, or noise of another baud rate: name it if nothing better follows.
                heard += error.message.encode()
                continue
            if line is None:
                return None, heard[:MAX_HEARD_BYTES]
            heard += line.encode() + b"\n"
            if line.startswith("m-name-dut-["):
                return line.removeprefix("m-name-dut-[").removesuffix("]"), heard

    def _barrier(self) -> None:
        """Read past all replies still under way: the one to `timestamp` is the last."""
        self._lines.write(b"timestamp%")
        previous, line = "", self._lines.read_line(self._timeouts.line_s)
        deadline = time.monotonic() + self._timeouts.line_s
        while line is not None and time.monotonic() < deadline:
            if line == "m-ready" and previous.startswith("m-lap-us-"):
                return
            previous, line = line, self._lines.read_line(self._timeouts.line_s)
        raise DeviceError(
            "EW-DEV-PROTOCOL", f"{self._lines.name} gave its name but does not answer 'timestamp'"
        )

    def command(
        self, text: str, *, timeout_s: float | None = None, lines_limit: int = 1000, slow_lines: int = 4
    ) -> Fields:
        """Send a command and read its reply.

        Args:
            text: The command without its terminator.
            timeout_s: How long the device may be silent; `line_s` where None.
            lines_limit: Most lines the reply may have.
            slow_lines: How many of them may take as long as that: the bound of the whole reply.

        Raises:
            DeviceError: EW-DEV-TIMEOUT, EW-DEV-PROTOCOL, EW-DEV-RESET, EW-DEV-REFUSED, EW-DEV-LOST.
        """
        self._begin(text)
        return self._reply(text, "m-ready", timeout_s or self._timeouts.line_s, lines_limit, slow_lines)

    def _begin(self, text: str) -> None:
        if len(text) >= MAX_COMMAND_CHARS or not text.isascii() or "%" in text:
            raise UsageError("EW-DEV-COMMAND", f"not a command of the monitor: {text[:100]!r}")
        if not self._in_step:
            self.synchronise()
        self._in_step = False  # until the reply is complete
        unasked = self._lines.discard()
        if any(line.encode() in unasked for line in BOOT_LINES):
            raise self._reset(text)
        self._lines.write(text.encode("ascii") + b"%")

    def _reply(
        self, text: str, last: str, timeout_s: float, lines_limit: int = 10, slow_lines: int = 4
    ) -> Fields:
        """Lines up to one that starts with `last`, or up to `m-ready` after an error line."""
        lines: list[str] = []
        refusal: str | None = None
        deadline = time.monotonic() + timeout_s * slow_lines
        while True:
            line = self._lines.read_line(timeout_s)
            if line is None or time.monotonic() > deadline:
                raise self._timeout(text, timeout_s, lines)
            if line in BOOT_LINES:
                raise self._reset(text)
            lines.append(line)
            if line == "m-ready" or (refusal is None and line.startswith(last)):
                self._in_step = line == "m-ready"
                break
            if line.startswith("e-["):
                refusal = refusal or line.removeprefix("e-[").removesuffix("]")
            elif not line.startswith("m-"):
                raise Fields(text, [line]).unexpected("is not of this protocol")
            if len(lines) > lines_limit:
                raise Fields(text, lines).unexpected(f"has more than {lines_limit} lines")
        if refusal is not None:
            raise DeviceError("EW-DEV-REFUSED", f"the device refused '{text}': {refusal}", reply=refusal)
        return Fields(text, lines)

    def _timeout(self, text: str, timeout_s: float, lines: list[str]) -> DeviceError:
        got = f"; it had sent {' | '.join(lines[-3:])!r}" if lines else ""
        return DeviceError(
            "EW-DEV-TIMEOUT",
            f"{self._lines.name} did not complete '{text}' within {timeout_s:g} s{got}",
            "reset the board; a model that needs longer wants a longer time-out",
        )

    def _reset(self, text: str) -> DeviceError:
        return DeviceError(
            "EW-DEV-RESET",
            f"the device restarted during '{text}'",
            "look for a watchdog, a supply that breaks down under load, a stack that overflows",
        )
