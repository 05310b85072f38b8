"""Bands: which bytes of a buffer are in use at each event of a step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from edgewright.converter.schedule.events import Events, Simulation

Kind = Literal["tensor", "ring", "newest", "sums", "scratch", "state"]


@dataclass(frozen=True)
class Band:
    """Memory of a segment: which of its bytes are in use at each event.

    Args:
        name: Value, `<value>:newest` or `<node>:scratch`.
        kind: What lies there.
        size_bytes: Rounded up to the alignment.
        used: For each event, whether any byte is in use.
        lower: For each event, first byte in use: a tensor's rows die from the first on.
        upper: For each event, end of the bytes in use: a tensor's rows are written from the first on.
    """

    name: str
    kind: Kind
    size_bytes: int
    used: npt.NDArray[np.bool_]
    lower: Events | None = None
    upper: Events | None = None

    def weight(self) -> Events:
        """Bytes in use at each event."""
        top = self.size_bytes if self.upper is None else self.upper
        bottom = 0 if self.lower is None else self.lower
        return np.where(self.used, np.asarray(top - bottom, np.int64), 0)


def shrinking_band(simulation: Simulation, name: str, size_bytes: int, rows: int, row_bytes: int) -> Band:
    """A tensor whose rows are no longer needed once the segment has read them."""
    lives, events = simulation.lives[name], np.arange(len(simulation.sequence))
    freed = lives.first_alive(events)
    return Band(name, "tensor", size_bytes, freed < rows, lower=freed * row_bytes)


def growing_band(simulation: Simulation, name: str, size_bytes: int, row_bytes: int) -> Band:
    """A tensor that the segment writes row by row."""
    made = simulation.lives[name].made
    written = np.searchsorted(made, np.arange(len(simulation.sequence)), side="right")
    upper = np.minimum(written * row_bytes, size_bytes)
    upper[written == len(made)] = size_bytes
    return Band(name, "tensor", size_bytes, written > 0, upper=upper)


def round_up(size_bytes: int, alignment: int) -> int:
    """Next multiple of the alignment."""
    return -(-size_bytes // alignment) * alignment
