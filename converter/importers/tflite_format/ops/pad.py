"""PAD and PADV2 -> Pad with a constant."""

from __future__ import annotations

import numpy as np

from edgewright.converter.importers.tflite_format.conversion import Conversion
from edgewright.converter.importers.tflite_format.flatbuffer import damaged
from edgewright.converter.importers.tflite_format.refusal import refused
from edgewright.converter.importers.tflite_format.schema import Operator
from edgewright.converter.importers.tflite_format.tensors import PERMUTATION, Layout

_LARGEST_PADDING = 1 << 20


def pad(op: Operator, c: Conversion) -> None:
    """Adds the amounts [rank, (before, after)] around a tensor; the real 0 where no value is given."""
    rank = len(c.tensor(op, 0).shape)
    amounts = c.ints(op, 1, "the paddings")
    if len(amounts) != 2 * rank or any(not 0 <= a <= _LARGEST_PADDING for a in amounts):
        raise damaged(op.label, f"paddings {list(amounts)} for {rank} dimensions")
    layout = c.layout_for(op, (0,))
    order = PERMUTATION[layout] if layout is Layout.CHANNELS_FIRST else range(rank)
    pads = [amounts[2 * a] for a in order] + [amounts[2 * a + 1] for a in order]
    inputs = [c.real(op, 0, layout), c.int_constant(op, "pads", pads)]
    inputs.append(c.float_constant(op, "value", _value(op, c) if c.has_input(op, 2) else 0.0))
    c.finish(op, c.node(op, "Pad", inputs, {"mode": "constant"}), layout)


def _value(op: Operator, c: Conversion) -> float:
    """The real value of PADV2's third input."""
    tensor = c.tensor(op, 2)
    data = c.values.constant(op, tensor.index, "the padding value")
    if data.size != 1:
        raise damaged(op.label, f"{data.size} padding values")
    number = float(data.reshape(-1)[0])
    if tensor.dtype == "float32":
        return number
    if tensor.scales.size != 1:
        raise refused(op, f"{tensor.label} is {tensor.dtype} without a quantization", tensor)
    return float(np.float32(tensor.scales[0]) * np.float32(number - int(tensor.zero_points[0])))
