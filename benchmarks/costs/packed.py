"""Random layers with packed weights: those of `convolutions.py` with other weights."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.costs import convolutions
from benchmarks.costs.shapes import Case, Rng
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.ops.weight_format import WEIGHT_FORMATS
from edgewright.converter.program import Array

FORMATS = [f for f in WEIGHT_FORMATS.values() if f.packed]


def packed_conv(rng: Rng) -> Case:
    return _packed(rng, convolutions.conv(rng))


def packed_narrow(rng: Rng) -> Case:
    return _packed(rng, convolutions.narrow(rng))


def packed_depthwise(rng: Rng) -> Case:
    return _packed(rng, convolutions.depthwise(rng))


def packed_fully_connected(rng: Rng) -> Case:
    return _packed(rng, convolutions.fully_connected(rng))


def _packed(rng: Rng, case: Case) -> Case:
    op, types = case
    assert isinstance(op, Conv2D | DepthwiseConv2D | FullyConnected)
    stored = FORMATS[rng.integers(len(FORMATS))]
    weights: Array = stored.step * rng.integers(0, stored.levels, op.weights.shape) + stored.offset
    return replace(op, weights=weights.astype("int8"), weight_format=stored.name), types
