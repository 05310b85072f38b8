"""An external command of a flashing method, run with a bound, its failure a coded error."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from edgewright.errors import DeviceError

OUTPUT_CHARS = 1500


@dataclass(frozen=True)
class Command:
    """One command line.

    Args:
        arguments: Program and arguments; no shell is involved.
        install: What to install where the program is missing.
        timeout_s: How long it may take.
        check: Given all output, says what is wrong although the command ended with status 0, or None.
    """

    arguments: tuple[str, ...]
    install: str
    timeout_s: float = 120.0
    check: Callable[[str], str | None] | None = None

    def __str__(self) -> str:
        return shlex.join(self.arguments)

    def run(self) -> str:
        """Run it.

        Returns:
            Its output.

        Raises:
            DeviceError: EW-TOOL-MISSING, EW-FLASH-TIMEOUT, EW-FLASH-FAILED.
        """
        program = self.arguments[0]
        if shutil.which(program) is None:
            raise DeviceError("EW-TOOL-MISSING", f"{program} is not installed", self.install)
        try:
            done = subprocess.run(
                self.arguments,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=self.timeout_s,
            )
        except subprocess.TimeoutExpired as error:
            raise DeviceError(
                "EW-FLASH-TIMEOUT",
                f"{program} did not end within {self.timeout_s:g} s: {_tail(error.stdout)}",
                "is the board powered and its debug probe connected?",
            ) from error
        except OSError as error:
            raise DeviceError("EW-FLASH-FAILED", f"{program} cannot be run: {error}") from error
        problem = self.check(done.stdout) if self.check and not done.returncode else None
        if done.returncode or problem:
            what = problem or f"ended with status {done.returncode}"
            raise DeviceError(
                "EW-FLASH-FAILED", f"{program}: {what}\n{_tail(done.stdout)}", command=str(self)
            )
        return done.stdout


def _tail(output: str | bytes | None) -> str:
    text = output.decode("utf-8", "replace") if isinstance(output, bytes) else output or ""
    return text.strip()[-OUTPUT_CHARS:] or "(no output)"
