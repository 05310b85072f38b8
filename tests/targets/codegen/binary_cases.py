"""Random layers of signs, and inputs for them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgewright.converter.ops.base import OpKind, Padding
from edgewright.converter.ops.binarize import Binarize
from edgewright.converter.ops.binary_conv import MAX_FACTOR, BinaryConv2D
from edgewright.converter.ops.bits import bits_type, pack_bits
from edgewright.converter.ops.mean_magnitude import MeanMagnitude
from edgewright.converter.ops.requantize import Requantize
from edgewright.converter.ops.window import output_size
from edgewright.converter.program import Program, Quantization, TensorType
from tests.targets.codegen.side_by_side import Case, Inputs, Rng, int8_values, side_by_side

CHANNELS = (1, 3, 8, 15, 16, 17, 31, 32, 33, 48, 63, 64, 96, 128)
OUTPUTS = (1, 2, 7, 31, 32, 33, 64, 65, 97, 128, 160)


def bits(rng: Rng, *shape: int) -> np.ndarray:
    """Packed random signs of (…, channels); sometimes all equal."""
    share = rng.choice([0.0, 1.0, 0.5, 0.5, 0.5, 0.5])
    return pack_bits(rng.random(shape) < share)


def _geometry(rng: Rng) -> tuple[tuple[int, int], tuple[int, int], dict]:
    window = tuple(int(v) for v in rng.integers(1, 4, 2))
    dilation = tuple(int(v) for v in rng.choice([1, 1, 2], 2))
    size = [int(rng.integers(0, 5)) + d * (k - 1) + 1 for k, d in zip(window, dilation, strict=True)]
    borders = [int(v) for v in rng.integers(0, 3, 4)] if rng.random() < 0.7 else [0] * 4
    steps = {
        "stride": tuple(int(v) for v in rng.integers(1, 3, 2)),
        "dilation": dilation,
        "padding": Padding(*borders),
        "pad_sign": int(rng.integers(-1, 2)),
    }
    return window, (size[0], size[1]), steps


def thresholded(rng: Rng) -> Case:
    window, size, steps = _geometry(rng)
    channels, outputs = int(rng.choice(CHANNELS)), int(rng.choice(OUTPUTS))
    depth = window[0] * window[1] * channels
    reach = int(np.sqrt(depth)) + 2
    thresholds = rng.integers(-reach, reach + 1, outputs)
    extremes = [-(2**31), 2**31 - 1, -depth - 1, -depth, -depth + 1, depth, depth + 1, depth + 2, 0]
    chosen = rng.random(outputs) < 0.3
    thresholds[chosen] = rng.choice(extremes, int(chosen.sum()))
    op = BinaryConv2D(bits(rng, outputs, *window, channels), channels, thresholds.astype(np.int32), **steps)
    return op, (bits_type((*size, channels)),)


def requantized(rng: Rng) -> Case:
    """Shifted sums, or with factors of the image or of the place."""
    window, size, steps = _geometry(rng)
    channels, outputs = int(rng.choice(CHANNELS)), int(rng.choice(OUTPUTS))
    depth = window[0] * window[1] * channels
    kind = str(rng.choice(["shift", "image", "place"]))
    fraction = int(rng.integers(0, 16)) if kind == "shift" else 0
    unit = 2.0**-fraction if kind == "shift" else 1 / 2000
    spread = int(2 ** rng.uniform(0, 30)) + 1
    scale = float(np.sqrt(depth) * rng.uniform(0.005, 0.1))
    call = Requantize.for_conv(
        unit,
        np.float32(rng.uniform(0.2, 2, outputs)),
        Quantization(scale, int(rng.integers(-128, 128))),
        rng.integers(-spread, spread, outputs).astype(np.int32),
        (None, 5.0 * scale) if rng.random() < 0.3 else (None, None),
    )
    op = BinaryConv2D(
        bits(rng, outputs, *window, channels), channels, None, call, fraction_bits=fraction, **steps
    )
    x = bits_type((*size, channels))
    if kind == "shift":
        return op, (x,)
    places = output_size(x.shape, window, op.stride, op.dilation, op.padding)
    return op, (x, TensorType((1, 1, 1) if kind == "image" else (*places, 1), "int32"))


def binarized(rng: Rng) -> Case:
    shape = (*(int(v) for v in rng.integers(1, 6, 2)), int(rng.choice(CHANNELS)))
    thresholds = rng.integers(-128, 129, shape[2])
    if rng.random() < 0.4:
        thresholds[:] = rng.choice([-128, -127, 0, 127, 128])
    return Binarize(thresholds.astype(np.int16)), (TensorType(shape, "int8", Quantization(0.1, 3)),)


def magnitude(rng: Rng) -> Case:
    shape = tuple(int(v) for v in rng.integers(1, 8, 3))
    zero = int(rng.choice([-128, 127, 0, rng.integers(-128, 128)]))
    return MeanMagnitude(zero), (TensorType(shape, "int8", Quantization(0.1, zero)),)


KINDS: dict[str, Callable[[Rng], Case]] = {
    f.__name__: f for f in (thresholded, requantized, binarized, magnitude)
}


def inputs(rng: Rng, op: OpKind, types: tuple[TensorType, ...]) -> list[np.ndarray]:
    """Signs without bits past the last channel, factors of at most `MAX_FACTOR`, int8 with its ends."""
    found = []
    for t in types:
        if t.dtype == "uint32":
            assert isinstance(op, BinaryConv2D)
            found.append(bits(rng, *t.shape[:2], op.channels))
        elif t.dtype == "int32":
            limit = int(rng.choice([3, 2000, MAX_FACTOR]))
            found.append(rng.integers(-limit, limit + 1, t.shape).astype(np.int32))
        else:
            found.append(int8_values(rng, t.shape))
    return found


def binary_program(seed: int, count: int) -> tuple[Program, Inputs]:
    """`count` layers of every kind, side by side."""
    rng = np.random.default_rng(seed)
    cases = (KINDS[kind](rng) for kind in sorted(KINDS) for _ in range(count))
    return side_by_side("binary", cases, rng, inputs)
