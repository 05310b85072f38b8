"""Whether the data fits the range that a quantized model's inputs can hold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgewright.quantize.accuracy.layers import LayerMeter
from edgewright.quantize.data import InputType

# Shares of values: beyond this much the data is not what the model was calibrated with.
MANY_OUTSIDE = 0.01


def input_notes(meters: Sequence[LayerMeter]) -> tuple[str, ...]:
    """A sentence for each graph input whose values often lie outside its range."""
    notes = []
    for meter in meters:
        kind = meter.pair.quantization
        if meter.pair.op == "Input" and kind is not None:
            notes += outside_note(meter.pair.tensor, meter.outside, meter.elements, kind)
    return tuple(notes)


def outside_note(name: str, outside: int, elements: int, kind: InputType) -> list[str]:
    """The sentence, or nothing where few values lie outside."""
    if outside <= MANY_OUTSIDE * elements:
        return []
    limits, q = np.iinfo(kind.dtype), kind.quantization
    low, high = ((end - q.zero_point) * q.scale for end in (limits.min, limits.max))
    share = 100 * outside / elements
    return [
        f"{share:.1f} % of the values of input {name} lie outside {low:.4g} .. {high:.4g}, all that the "
        "quantized model can tell apart: is the preprocessing the one it was calibrated with?"
    ]
