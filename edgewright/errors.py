"""The exception tree of everything a user can cause: a stable code, a message, a hint, an exit code.

Exit codes: 1 the work failed (mismatch, over budget), 2 usage, 3 device or tool not found,
4 unsupported or damaged model.
"""

from __future__ import annotations


class EdgewrightError(Exception):
    """An expected failure.

    Args:
        code: Stable identifier users can search for, `EW-AREA-WHAT`.
        message: What happened, with the failing value or node.
        hint: What to do about it; never a guess at the cause.
        details: Values a program wants to read (they appear in `--json`).
    """

    exit_code = 1

    def __init__(self, code: str, message: str, hint: str = "", **details: object) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.details = details

    def __str__(self) -> str:
        return f"{self.code}  {self.message}" + (f"\n  hint: {self.hint}" if self.hint else "")


class UsageError(EdgewrightError):
    """The command line, an input file or a configuration value is wrong."""

    exit_code = 2


class WorkError(EdgewrightError):
    """The work was done and failed: a mismatch, over budget, a build that does not link."""

    exit_code = 1


class DeviceError(EdgewrightError):
    """A device, port or external tool is missing, busy, silent or not the expected one."""

    exit_code = 3


class ModelError(EdgewrightError):
    """The model file is damaged, of another kind, or holds what is not supported."""

    exit_code = 4
