"""A child process that cannot outlive its owner, with its output kept for error messages."""

from __future__ import annotations

import os
import subprocess
import tempfile
import weakref
from collections.abc import Sequence

LOG_LIMIT_BYTES = 64 * 1024
KILL_WAIT_S = 10.0

# Waits until its standard input ends, which it does however the owner dies, then kills the child.
# Without it an owner that is killed leaves an emulator behind that polls its serial port for ever.
GUARD = ["/bin/sh", "-c", 'read -r _; kill -9 "$0" 2>/dev/null']


class GuardedProcess:
    """Runs `command` until `close`, the end of this object, of the interpreter or of its process.

    Args:
        command: Program and arguments; standard input is empty.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child
        # An own session: Ctrl-C reaches the owner only, which then closes the child in order.
        self._child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            self._guard = subprocess.Popen(
                [*GUARD, str(self._child.pid)], stdin=subprocess.PIPE, start_new_session=True
            )
        except BaseException:
            self._child.kill()
            self._child.wait(KILL_WAIT_S)
            raise
        self._finalizer = weakref.finalize(self, _end, self._child, self._guard)

    @property
    def pid(self) -> int:
        return self._child.pid

    def exit_status(self) -> int | None:
        """Status the child ended with, None while it runs."""
        return self._child.poll()

    def output(self) -> str:
        """What the child wrote so far to standard output and error (its last 64 KiB)."""
        size = os.fstat(self._log.fileno()).st_size
        start = max(0, size - LOG_LIMIT_BYTES)
        # pread: the child's write position is shared with this file description.
        return os.pread(self._log.fileno(), LOG_LIMIT_BYTES, start).decode("utf-8", "replace")

    def close(self) -> None:
        """Kill the child and wait for its end; its output stays readable."""
        self._finalizer()


def _end(child: subprocess.Popen[bytes], guard: subprocess.Popen[bytes]) -> None:
    # The guard goes first: afterwards the child's number may be another process's.
    guard.kill()
    if guard.stdin is not None:
        guard.stdin.close()
    child.kill()
    guard.wait(KILL_WAIT_S)
    child.wait(KILL_WAIT_S)
