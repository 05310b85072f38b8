"""Text lines over a serial stream with a bound on every wait and on every length."""

from __future__ import annotations

import time
from typing import Protocol

import serial

from edgewright.errors import DeviceError

# Longest line a monitor sends is a data line of about 80 characters; results of wide models are longer.
MAX_LINE_BYTES = 64 * 1024
READ_BYTES = 4096


class Stream(Protocol):
    """What is used of pyserial's Serial. `read` returns after its own short time-out at the latest."""

    @property
    def in_waiting(self) -> int: ...
    def read(self, size: int = 1) -> bytes: ...
    def write(self, data: bytes) -> int | None: ...


class LineStream:
    """Reads CR LF terminated ASCII lines and writes bytes; what pyserial raises becomes a DeviceError.

    Args:
        stream: An open port whose reads time out within a fraction of a second.
        name: Port name for messages.
    """

    def __init__(self, stream: Stream, name: str) -> None:
        self.name = name
        self._stream = stream
        self._buffer = b""

    def write(self, data: bytes) -> None:
        """Send everything.

        Raises:
            DeviceError: EW-DEV-TIMEOUT where the port takes no more bytes, EW-DEV-LOST where it is gone.
        """
        try:
            self._stream.write(data)
        except serial.SerialTimeoutException as error:
            raise DeviceError(
                "EW-DEV-TIMEOUT", f"{self.name} takes no more data (while sending {len(data)} bytes)"
            ) from error
        except (serial.SerialException, OSError) as error:
            raise self._lost(error) from error

    def read_line(self, timeout_s: float) -> str | None:
        """The next line without its line end, None where none is complete in time.

        Raises:
            DeviceError: EW-DEV-PROTOCOL for bytes that are no ASCII text or an endless line.
        """
        deadline = time.monotonic() + timeout_s
        while b"\n" not in self._buffer:
            if len(self._buffer) > MAX_LINE_BYTES:
                text = self.discard()
                raise DeviceError(
                    "EW-DEV-PROTOCOL", f"{self.name} sent {len(text)} bytes without a line end: {text[:60]!r}"
                )
            if time.monotonic() > deadline:
                return None
            self._buffer += self._receive()
        line, self._buffer = self._buffer.split(b"\n", 1)
        line = line.rstrip(b"\r")
        if any(not 32 <= byte < 127 for byte in line):
            raise DeviceError(
                "EW-DEV-PROTOCOL",
                f"{self.name} sent bytes that are not text: {line[:60]!r}",
                "check the baud rate, and that the edgewright firmware is on the board",
            )
        return line.decode("ascii")

    def discard(self) -> bytes:
        """Drop what has arrived so far and return it."""
        data, self._buffer = self._buffer, b""
        for _ in range(256):  # a device that never stops talking must not hold us here
            waiting = self._receive(wait=False)
            if not waiting:
                break
            data += waiting
        return data

    def discard_until_quiet(self, quiet_s: float, limit_s: float) -> bytes:
        """Drop what arrives until nothing has come for `quiet_s`, at most for `limit_s`."""
        data = self.discard()
        end = time.monotonic() + limit_s
        quiet = time.monotonic() + quiet_s
        while time.monotonic() < min(quiet, end):
            got = self._receive()
            if got:
                data += got
                quiet = time.monotonic() + quiet_s
        return data[-MAX_LINE_BYTES:]

    def _receive(self, wait: bool = True) -> bytes:
        try:
            if not wait and not self._stream.in_waiting:
                return b""
            first = self._stream.read(1)  # returns with the first byte; more would wait for the time-out
            return first + self._stream.read(min(self._stream.in_waiting, READ_BYTES)) if first else b""
        except (serial.SerialException, OSError) as error:
            raise self._lost(error) from error

    def _lost(self, error: Exception) -> DeviceError:
        return DeviceError(
            "EW-DEV-LOST", f"the connection to {self.name} broke: {error}", "is the board still plugged in?"
        )
