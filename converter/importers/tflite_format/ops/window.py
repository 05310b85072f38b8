"""Padding of windows that slide over rows and columns."""

from __future__ import annotations

import tflite

from edgewright.converter.importers.tflite_format.flatbuffer import damaged
from edgewright.converter.importers.tflite_format.schema import Operator


def explicit_pads(
    op: Operator,
    padding: int,
    size: tuple[int, int],
    window: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int] = (1, 1),
) -> list[int]:
    """Rows and columns to add, as ONNX wants them: top, left, bottom, right.

    SAME gives ceil(size / stride) outputs. Where the sum is odd, the larger half lies at the
    bottom and right: at stride 2 an even image is padded there only.

    Args:
        op: The operator, for messages.
        padding: `tflite.Padding`.
        size: (height, width) of the input.
        window: (height, width) of the window.
        stride: (vertical, horizontal).
        dilation: (vertical, horizontal).
    """
    if padding == tflite.Padding.VALID:
        return [0, 0, 0, 0]
    if padding != tflite.Padding.SAME:
        raise damaged(op.label, f"padding is {padding}")
    before, after = [], []
    for n, k, s, d in zip(size, window, stride, dilation, strict=True):
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        before.append(total // 2)
        after.append(total - total // 2)
    return before + after
