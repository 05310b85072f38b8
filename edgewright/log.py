"""The project's one logger: everything that is not a result goes to stderr through it."""

from __future__ import annotations

import logging
import sys

LOGGER = logging.getLogger("edgewright")


class _StderrHandler(logging.Handler):
    """Writes to whatever `sys.stderr` is at that moment (tests and progress bars replace it)."""

    def emit(self, record: logging.LogRecord) -> None:
        prefix = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
        try:
            print(f"{prefix}{self.format(record)}", file=sys.stderr, flush=True)
        except (OSError, ValueError):  # stderr is closed: there is nobody to tell
            self.handleError(record)


def configure(*, debug: bool = False) -> None:
    """Send the log to stderr: warnings and progress notes, with `debug` everything."""
    LOGGER.setLevel(logging.DEBUG if debug else logging.INFO)
    LOGGER.propagate = False
    logging.raiseExceptions = debug
    if not any(isinstance(h, _StderrHandler) for h in LOGGER.handlers):
        LOGGER.addHandler(_StderrHandler())
