"""What a rewrite makes smaller."""

from __future__ import annotations

from dataclasses import dataclass

from edgewright.converter.program import Program
from edgewright.converter.summary import summarize


@dataclass(frozen=True)
class Saving:
    """What is gone after a rewrite; a negative number is an increase.

    Args:
        rewrite: Name of the rewrite, e.g. "prune_channels".
        nodes: Operations.
        macs: Multiply-accumulates of one inference.
        weights_bytes: Bytes of constants: weights, biases, tables, constant operands.
        channels: Channels of the values that are computed before and after.
    """

    rewrite: str
    nodes: int = 0
    macs: int = 0
    weights_bytes: int = 0
    channels: int = 0

    def __add__(self, other: Saving) -> Saving:
        """Both together, called after the first."""
        return Saving(
            self.rewrite,
            self.nodes + other.nodes,
            self.macs + other.macs,
            self.weights_bytes + other.weights_bytes,
            self.channels + other.channels,
        )

    def __bool__(self) -> bool:
        """Whether anything changed in number."""
        return any((self.nodes, self.macs, self.weights_bytes, self.channels))


def saving(rewrite: str, before: Program, after: Program) -> Saving:
    """The difference between two programs."""
    both = {n.output for n in before.nodes} & {n.output for n in after.nodes}
    return Saving(
        rewrite=rewrite,
        nodes=len(before.nodes) - len(after.nodes),
        macs=before.macs - after.macs,
        weights_bytes=summarize(before).weights_bytes - summarize(after).weights_bytes,
        channels=sum(before.values[v].shape[2] - after.values[v].shape[2] for v in both),
    )
