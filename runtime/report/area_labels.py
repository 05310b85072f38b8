"""Where the name of an area of the arena has room."""

from __future__ import annotations

import numpy as np

from edgewright.runtime.report.arena_timeline import Area

SAMPLES = 200


def label_place(area: Area, width: float, height: float) -> tuple[float, float] | None:
    """Middle of the largest rectangle inside an area that holds a text; None where none does.

    Args:
        area: The area.
        width: Of the text, in units of time.
        height: Of the text, in bytes.
    """
    times = np.array([m[0] for m in area.moments])
    begin, end = times[0], times[-1]
    if end - begin < width:
        return None
    # Where an edge jumps two moments have the same time; a sample lies between them.
    at = begin + (np.arange(SAMPLES) + 0.5) / SAMPLES * (end - begin)
    low = np.interp(at, times, [m[1] for m in area.moments])
    high = np.interp(at, times, [m[2] for m in area.moments])
    best: tuple[float, float, float] | None = None
    for first in range(SAMPLES):
        bottom, top = np.maximum.accumulate(low[first:]), np.minimum.accumulate(high[first:])
        lengths = (np.arange(len(bottom)) + 1) / SAMPLES * (end - begin)
        space = np.where((lengths >= width) & (top - bottom >= height), lengths * (top - bottom), 0.0)
        last = int(space.argmax())
        if space[last] > 0 and (best is None or space[last] > best[0]):
            middle = (at[first] + at[first + last]) / 2
            best = float(space[last]), float(middle), float(bottom[last] + top[last]) / 2
    return None if best is None else best[1:]
