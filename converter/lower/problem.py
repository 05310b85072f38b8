"""What keeps a model from being lowered: one `Problem` a node, collected over the whole graph."""

from __future__ import annotations

from dataclasses import dataclass

UNSUPPORTED = "EW-OP-UNSUPPORTED"


@dataclass(frozen=True)
class Problem:
    """A node that cannot be lowered.

    Args:
        node: Name of the node (or graph input/output) in the source model.
        op: Its operator, e.g. "ConvTranspose".
        reason: Why, with the offending value.
        hint: What to do about it.
        code: Stable error code.
    """

    node: str
    op: str
    reason: str
    hint: str = ""
    code: str = UNSUPPORTED

    def __str__(self) -> str:
        return f"node {self.node} ({self.op}): {self.reason}"


class Refused(Exception):
    """Raised while a node is lowered: it becomes a `Problem` of that node, and the walk goes on.

    Args:
        reason: Why, with the offending value.
        hint: What to do about it.
        code: Stable error code.
    """

    def __init__(self, reason: str, hint: str = "", code: str = UNSUPPORTED) -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint
        self.code = code


class Skipped(Exception):
    """An operand is unknown because an earlier node was refused; nothing new to report."""
