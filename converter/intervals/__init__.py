"""Which int8 values can occur where: intervals, carried through the quantized arithmetic."""

from edgewright.converter.intervals.propagate import reachable
from edgewright.converter.intervals.reach import Reach

__all__ = ["Reach", "reachable"]
