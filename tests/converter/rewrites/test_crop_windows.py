"""Taps at the edges of windows that see only padding, or have no weight."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.rewrites.crop_windows import crop_windows
from tests.converter.rewrites.programs import Q, Sketch, requantize, same_after, weights


def _conv(size, **attributes):
    return Conv2D(weights(3, *size, 4), requantize(3), input_zero_point=Q.zero_point, **attributes)


def _depthwise(size, **attributes):
    return DepthwiseConv2D(weights(*size, 4), requantize(4), input_zero_point=Q.zero_point, **attributes)


@pytest.mark.parametrize("make", [_conv, _depthwise])
@pytest.mark.parametrize(
    "shape,size,padding,want",
    [
        ((3, 3, 4), (7, 7), Padding(3, 3, 3, 3), (5, 5)),
        ((1, 1, 4), (3, 3), Padding(1, 1, 1, 1), (1, 1)),
        ((1, 6, 4), (3, 3), Padding(1, 1, 1, 1), (1, 3)),
        ((2, 2, 4), (3, 3), Padding(0, 1, 0, 1), (2, 2)),
        ((6, 5, 4), (3, 3), Padding(1, 1, 1, 1), (3, 3)),
        ((2, 2, 4), (1, 1), Padding(2, 1, 2, 1), (1, 1)),
    ],
)
def test_taps_in_the_padding(make, shape, size, padding, want):
    s = Sketch(shape)
    stride = (2, 2) if padding.top == 0 else (1, 1)
    y = s.add(make(size, padding=padding, stride=stride), "x")
    (node,) = same_after(s.program(y), [crop_windows]).nodes
    assert node.op.window == want


@pytest.mark.parametrize("stride", [(1, 1), (2, 1), (3, 2)])
@pytest.mark.parametrize("dilation", [(1, 1), (2, 2)])
@pytest.mark.parametrize("padding", [Padding(), Padding(1, 1, 1, 1), Padding(2, 0, 0, 2)])
def test_taps_without_weight(stride, dilation, padding):
    s = Sketch((9, 8, 4))
    op = _depthwise((3, 3), stride=stride, dilation=dilation, padding=padding)
    op.weights[0], op.weights[:, 2] = 0, 0
    y = s.add(op, "x")
    (node,) = same_after(s.program(y), [crop_windows]).nodes
    fewer_rows = padding.top >= dilation[0]
    # A smaller window must not fit in more often at the far end.
    assert node.op.window[0] == (2 if fewer_rows else 3) and node.op.window[1] <= 3
    assert node.op.weights.size <= op.weights.size


def test_windows_without_any_weight():
    s = Sketch()
    op = _conv((3, 3), padding=Padding(1, 1, 1, 1))
    op.weights[:] = 0
    (node,) = same_after(s.program(s.add(op, "x")), [crop_windows]).nodes
    assert node.op.window == (1, 1) or node.op.weights.size < op.weights.size


@pytest.mark.parametrize("seed", range(40))
def test_random_windows(seed):
    rng = np.random.default_rng(seed)
    s = Sketch((*(int(n) for n in rng.integers(1, 5, 2)), 4))
    size = tuple(int(n) for n in rng.integers(1, 6, 2))
    dilation, stride = ((int(rng.integers(1, 3)), int(rng.integers(1, 3))) for _ in range(2))
    padding = Padding(*(int(n) for n in rng.integers(4, 9, 4)))
    op = replace(_depthwise(size), padding=padding, dilation=dilation, stride=stride)
    for axis in (0, 1):
        if rng.random() < 0.5:
            np.moveaxis(op.weights, axis, 0)[int(rng.integers(size[axis]))] = 0
    y = s.add(op, "x")
    (node,) = same_after(s.program(y), [crop_windows]).nodes
    assert node.op.weights.size <= op.weights.size
