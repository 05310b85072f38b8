"""Random programs over time, and the comparison of their stream with window inference."""

from __future__ import annotations

import numpy as np

from edgewright.converter.ops.average_pool import AveragePool
from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.binary import Add
from edgewright.converter.ops.concat import Concat
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.ops.max_pool import MaxPool
from edgewright.converter.ops.mean import Mean
from edgewright.converter.ops.pad import Pad
from edgewright.converter.ops.reshape import Reshape
from edgewright.converter.ops.resize_nearest import ResizeNearest
from edgewright.converter.ops.slice import Slice
from edgewright.converter.ops.window import same_padding
from edgewright.converter.program import Program
from edgewright.converter.streaming import StreamedProgram, run_stream, windowed
from tests.converter.rewrites.programs import Q, Sketch, requantize, weights


class TimeSketch(Sketch):
    """A sketch with ops of random weights; every value has the quantization Q."""

    def __init__(self, rng: np.random.Generator, shape=(24, 1, 3)) -> None:
        super().__init__(shape, Q)
        self.rng = rng

    def rows(self, name: str) -> int:
        return self.values[name].shape[0]

    def seed(self) -> int:
        return int(self.rng.integers(2**31))

    def conv(self, x, taps=3, outputs=3, *, stride=1, dilation=1, same=False) -> str:
        rows, _, channels = self.values[x].shape
        return self.add(
            Conv2D(
                weights(outputs, taps, 1, channels, seed=self.seed()),
                requantize(outputs, seed=self.seed()),
                stride=(stride, 1),
                dilation=(dilation, 1),
                padding=self.padding(rows, taps, stride, dilation, same),
                input_zero_point=Q.zero_point,
            ),
            x,
        )

    def depthwise(self, x, taps=3, *, stride=1, dilation=1, same=False) -> str:
        rows, _, channels = self.values[x].shape
        return self.add(
            DepthwiseConv2D(
                weights(taps, 1, channels, seed=self.seed()),
                requantize(channels, seed=self.seed()),
                stride=(stride, 1),
                dilation=(dilation, 1),
                padding=self.padding(rows, taps, stride, dilation, same),
                input_zero_point=Q.zero_point,
            ),
            x,
        )

    def pool(self, x, taps=2, *, stride=1, same=False, kind=MaxPool) -> str:
        padding = self.padding(self.rows(x), taps, stride, 1, same)
        return self.add(kind((taps, 1), (stride, 1), padding), x)

    @staticmethod
    def padding(rows, taps, stride, dilation, same) -> Padding:
        if not same:
            return Padding()
        both = same_padding((rows, 1), (taps, 1), (stride, 1), (dilation, 1))
        return Padding(both.top, both.bottom)

    def crop(self, x, begin, rows) -> str:
        _, columns, channels = self.values[x].shape
        return self.add(Slice((begin, 0, 0), (begin + rows, columns, channels)), x)

    def add_values(self, a, b) -> str:
        return self.add(Add.from_types(Q, Q, Q), a, b)

    def dense(self, x, outputs=3) -> str:
        channels = self.values[x].shape[2]
        op = FullyConnected(
            weights(outputs, channels, seed=self.seed()), requantize(outputs, seed=self.seed()), Q.zero_point
        )
        return self.add(op, x)

    def flatten(self, x) -> str:
        return self.add(Reshape((1, 1, self.values[x].elements)), x)

    def mean(self, x) -> str:
        return self.add(Mean.from_types(self.values[x], (0,), Q), x)


def random_program(rng: np.random.Generator, *, same: float = 0.0) -> Program:
    """A few blocks over time, then something over all of time or an output for every step.

    Args:
        rng: Generator.
        same: Probability that a window op pads.
    """
    sketch = TimeSketch(rng, (int(rng.integers(16, 30)), 1, int(rng.integers(1, 4))))
    x = "x"
    for _ in range(int(rng.integers(2, 5))):
        if sketch.rows(x) < 8:
            break
        x = _random_block(sketch, x, bool(rng.random() < same))
    outputs = [_random_end(sketch, x, int(rng.integers(5)))]
    if rng.random() < 0.2 and x not in ("x", *outputs):
        outputs.append(x)
    return sketch.program(*outputs)


def _random_block(sketch: TimeSketch, x: str, same: bool) -> str:
    rng = sketch.rng
    taps, dilation = int(rng.integers(1, 4)), int(rng.integers(1, 3))
    match int(rng.integers(9)):
        case 0 | 1:
            return sketch.conv(x, taps, dilation=dilation, same=same)
        case 2:
            return sketch.depthwise(x, taps, dilation=dilation, same=same)
        case 3:
            return sketch.conv(x, taps, stride=2, same=same)
        case 4:
            kind = MaxPool if rng.random() < 0.5 else AveragePool
            return sketch.pool(
                x, 2 + int(rng.integers(2)), stride=int(rng.integers(1, 3)), same=same, kind=kind
            )
        case 5:
            top, bottom = (int(n) for n in rng.integers(0, 3, 2))
            return sketch.add(Pad(Padding(top, bottom) if same else Padding(left=0), value=Q.zero_point), x)
        case 6:
            return _repeated(sketch, x)
        case _:
            return _branches(sketch, x, same)


def _repeated(sketch: TimeSketch, x: str) -> str:
    """Upsampling by 2 in time, then a convolution that brings the rows down again."""
    indices = np.arange(2 * sketch.rows(x), dtype=np.int32) // 2
    up = sketch.add(ResizeNearest(indices, np.zeros(1, np.int32)), x)
    return sketch.conv(up, 3, stride=2)


def _branches(sketch: TimeSketch, x: str, same: bool) -> str:
    """Two branches that look unequally far, cropped to the same rows, joined by an addition or concat."""
    rng = sketch.rng
    channels = sketch.values[x].shape[2]
    left = sketch.conv(x, 3, channels, dilation=int(rng.integers(1, 3)), same=same)
    right = sketch.depthwise(x, 2, same=same) if rng.random() < 0.5 else x
    rows = min(sketch.rows(left), sketch.rows(right))
    left, right = (
        v if sketch.rows(v) == rows else sketch.crop(v, int(rng.integers(sketch.rows(v) - rows + 1)), rows)
        for v in (left, right)
    )
    return sketch.add_values(left, right) if rng.random() < 0.6 else sketch.add(Concat(2), left, right)


def _random_end(sketch: TimeSketch, x: str, choice: int) -> str:
    match choice:
        case 0:
            return sketch.dense(sketch.flatten(x))
        case 1:
            return sketch.dense(sketch.mean(x))
        case 2:
            return sketch.dense(sketch.pool(x, sketch.rows(x), kind=AveragePool))
        case 3:
            return sketch.dense(sketch.crop(x, sketch.rows(x) - 1, 1))
        case _:
            return sketch.dense(x)


def random_signal(rng: np.random.Generator, program: Program, rows: int) -> np.ndarray:
    _, columns, channels = program.values[program.inputs[0].value].shape
    return rng.integers(-128, 128, (rows, columns, channels)).astype(np.int8)


def assert_streams_exactly(
    streamed: StreamedProgram, signal: np.ndarray, program: Program | None = None
) -> int:
    """Every warm call equals window inference; returns the number of windows compared."""
    want = windowed(program or streamed.window, signal, streamed.hop)
    calls = run_stream(streamed, signal)
    assert len(calls) == len(signal) // streamed.hop
    assert len(calls) - len(want) == streamed.warm_up_calls - 1
    for got, window in zip(calls[len(calls) - len(want) :], want, strict=True):
        assert got.keys() == window.keys()
        for name, rows in got.items():
            assert np.array_equal(rows, window[name][-len(rows) :]), name
    return len(want)
