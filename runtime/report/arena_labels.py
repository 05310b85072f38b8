"""The words in a picture of the arena: names of steps below it, names of buffers where there is room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edgewright.converter.schedule.memory_plan import Step
from edgewright.converter.short_names import short_names
from edgewright.runtime.report.arena_timeline import Area, Span
from edgewright.runtime.report.figure_style import INK, SOFT

AXES_WIDTH_IN = 10.9
LABEL_PT = 7.5
# Width of a character relative to the font's size, on average and a little more.
CHARACTER = 0.62
SAMPLES = 200


@dataclass(frozen=True)
class StepName:
    """The name of a step below the axes."""

    at: float
    text: str
    upright: bool
    colour: str


def step_names(spans: Sequence[Span]) -> list[StepName]:
    """Beside each other where they are short enough, else upright; none where they would overlap."""
    short = short_names((n.name for s in spans for n in s.step.nodes), limit=22)
    found: list[StepName] = []
    for span in spans:
        text, middle = step_label(span.step, short), (span.begin + span.end) / 2
        upright = text_width(text) > span.end - span.begin
        colour = SOFT if span.step.streamed is None else INK
        before = found[-1].at if found else -1.0
        if not upright or (middle - before) * AXES_WIDTH_IN * 72 > LABEL_PT + 1:
            found.append(StepName(middle, text, upright, colour))
    return found


def text_width(text: str) -> float:
    """Width of a label in units of the time axis, a little more than it takes."""
    return len(text) * CHARACTER * LABEL_PT / 72 / AXES_WIDTH_IN


def step_label(step: Step, short: Mapping[str, str]) -> str:
    """What runs in a step."""
    if step.streamed is None:
        return short[step.nodes[0].name]
    parts = [f"{len(step.nodes)} layer{'s' if len(step.nodes) > 1 else ''}"]
    if step.patches is not None:
        parts.append("{}x{} patches".format(*step.patches))
    elif step.strips > 1:
        parts.append(f"{step.strips} strips")
    return "rows: " + ", ".join(parts) if step.patches is None else ", ".join(parts)


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
