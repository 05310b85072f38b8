"""AVERAGE_POOL_2D and MAX_POOL_2D."""

from __future__ import annotations

from collections.abc import Callable

import tflite

from edgewright.converter.importers.tflite_format.conversion import Conversion
from edgewright.converter.importers.tflite_format.flatbuffer import damaged
from edgewright.converter.importers.tflite_format.ops.window import explicit_pads
from edgewright.converter.importers.tflite_format.schema import Operator
from edgewright.converter.importers.tflite_format.tensors import Layout


def pool(op_type: str) -> Callable[[Operator, Conversion], None]:
    """Conversion to a pooling; padding counts in neither the mean nor the maximum."""

    def convert(op: Operator, c: Conversion) -> None:
        options = op.options(tflite.Pool2DOptions)
        x = c.tensor(op, 0)
        if options is None or len(x.shape) != 4:
            raise damaged(op.label, f"it has no options, or an input of shape {list(x.shape)}")
        stride_v, stride_h, height, width = (
            c.step(op, name, options.number(name))
            for name in ("StrideH", "StrideW", "FilterHeight", "FilterWidth")
        )
        size, window, strides = (x.shape[1], x.shape[2]), (height, width), (stride_v, stride_h)
        pads = explicit_pads(op, options.number("Padding"), size, window, strides)
        attributes = {"kernel_shape": window, "strides": strides, "pads": pads}
        result = c.node(op, op_type, [c.real(op, 0, Layout.CHANNELS_FIRST)], attributes)
        c.finish(op, result, Layout.CHANNELS_FIRST, options.number("FusedActivationFunction"))

    return convert
