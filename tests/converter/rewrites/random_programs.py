"""Random programs with what rewrites look for: dead, constant and equal channels, clamps that never act."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgewright.converter.ops import tables
from edgewright.converter.ops.average_pool import AveragePool
from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.binary import Add, Mul
from edgewright.converter.ops.concat import Concat
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.ops.lookup import Lookup
from edgewright.converter.ops.max_pool import MaxPool
from edgewright.converter.ops.mean import Mean
from edgewright.converter.ops.pad import Pad
from edgewright.converter.ops.requantize import Requantize
from edgewright.converter.ops.reshape import Reshape
from edgewright.converter.ops.resize_nearest import ResizeNearest
from edgewright.converter.ops.slice import Slice
from edgewright.converter.ops.softmax import Softmax
from edgewright.converter.ops.transpose import Transpose
from edgewright.converter.program import Program, Quantization, TensorType
from tests.converter.rewrites.programs import Sketch

PARTS = ("bias", "multiplier", "shift")
LIMIT = 40_000
"""Elements of a value; larger ones are not grown further."""


class RandomProgram:
    """Grows a program; the next operation mostly reads one of the last values."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        shape = tuple(int(n) for n in self.rng.integers(1, 8, 3))
        self.sketch = Sketch(shape, self.quantization())
        self.made = ["x"]

    def program(self, steps: int = 10) -> Program:
        for _ in range(steps):
            values = self.made[-3:]
            value = values[int(self.rng.integers(len(values)))]
            if self.sketch.values[value].elements < LIMIT:
                step = STEPS[int(self.rng.integers(len(STEPS)))]
                made = step(self, value, self.sketch.values[value])
                self.made += [made] if made else []
        outputs = {self.made[-1], self.made[int(self.rng.integers(len(self.made)))]} - {"x"}
        return self.sketch.program(*sorted(outputs)) if outputs else RandomProgram.program(self, steps)

    # What operations are made of

    def quantization(self) -> Quantization:
        zero = int(self.rng.choice([-128, -128, 127, int(self.rng.integers(-128, 128))]))
        return Quantization(float(np.float32(2.0 ** self.rng.uniform(-7, -2))), zero)

    def window(self, x: TensorType) -> dict:
        """Window, stride, dilation and padding that fit."""
        size = [int(self.rng.integers(1, min(n, 3) + 1)) for n in x.shape[:2]]
        fits = all((w - 1) * 2 < n for w, n in zip(size, x.shape, strict=False))
        dilation = (2, 2) if fits and self.rng.random() < 0.2 else (1, 1)
        border = self.rng.integers(0, 3, 4) if self.rng.random() < 0.7 else np.zeros(4, int)
        stride = tuple(int(n) for n in self.rng.integers(1, 3, 2))
        return {
            "size": tuple(size),
            "stride": stride,
            "dilation": dilation,
            "padding": Padding(*(int(b) for b in border)),
        }

    def weights(self, *shape: int, axis: int) -> np.ndarray:
        """int8, with rows of the axis of zeros, small ones, and copies of others."""
        w = self.rng.integers(-127, 128, shape)
        w = np.moveaxis(w // int(self.rng.choice([1, 1, 8, 40])), axis, 0)
        for channel in range(len(w)):
            kind = self.rng.random()
            if kind < 0.2:
                w[channel] = 0
            elif kind < 0.3:
                w[channel] = np.sign(w[channel])
            elif kind < 0.5:
                w[channel] = w[int(self.rng.integers(len(w)))]
        return np.ascontiguousarray(np.moveaxis(w, 0, axis)).astype(np.int8)

    def requantize(self, x: TensorType, channels: int, terms: int) -> Requantize:
        output = self.quantization()
        scales = np.full(channels, 0.02)
        odd = self.rng.random(channels)
        scales = np.where(odd < 0.15, 2.0**-30, np.where(odd > 0.93, 8.0, scales))
        bias = self.rng.integers(-1, 2, channels) * self.rng.choice([0, 300, 20_000, 2**29], channels)
        bounds = (None, None) if self.rng.random() < 0.4 else (0.0, None if self.rng.random() < 0.5 else 3.0)
        made = Requantize.for_conv(x.scale, scales / max(1, terms) ** 0.5, output, bias, bounds)
        if self.rng.random() < 0.5:  # the same for all, so that channels of equal weights are equal
            same = {name: np.full_like(part, part[0]) for name, part in vars(made).items() if name in PARTS}
            made = replace(made, **same)
        return made

    # Operations

    def conv(self, value: str, x: TensorType) -> str:
        w = self.window(x)
        outputs = int(self.rng.integers(1, 14))
        groups = int(self.rng.choice([g for g in (1, 1, 1, 2, 3) if x.shape[2] % g == 0]))
        outputs = -(-outputs // groups) * groups
        taken = self.weights(outputs, *w.pop("size"), x.shape[2] // groups, axis=0)
        if groups == 1:
            unread = self.rng.random(x.shape[2]) < 0.1
            taken[..., unread] = 0
        requantize = self.requantize(x, outputs, taken[0].size)
        return self.sketch.add(
            Conv2D(taken, requantize, groups=groups, input_zero_point=x.zero_point, **w), value
        )

    def pointwise(self, value: str, x: TensorType) -> str:
        w = self.weights(int(self.rng.integers(1, 14)), 1, 1, x.shape[2], axis=0)
        requantize = self.requantize(x, len(w), x.shape[2])
        return self.sketch.add(Conv2D(w, requantize, input_zero_point=x.zero_point), value)

    def depthwise(self, value: str, x: TensorType) -> str:
        w, multiplier = self.window(x), int(self.rng.choice([1, 1, 1, 2]))
        taken = self.weights(*w.pop("size"), x.shape[2] * multiplier, axis=2)
        requantize = self.requantize(x, taken.shape[2], 4)
        op = DepthwiseConv2D(taken, requantize, multiplier=multiplier, input_zero_point=x.zero_point, **w)
        return self.sketch.add(op, value)

    def dense(self, value: str, x: TensorType) -> str:
        w = self.weights(int(self.rng.integers(1, 10)), x.shape[2], axis=0)
        output = self.quantization()
        bias = self.rng.integers(-300, 300, len(w)).astype(np.int32)
        requantize = Requantize.for_fully_connected(
            x.scale, 0.02, output, bias, weights=w, input_zero_point=x.zero_point
        )
        return self.sketch.add(FullyConnected(w, requantize, x.zero_point), value)

    def pool(self, value: str, x: TensorType) -> str:
        w = self.window(x)
        size, padding = w["size"], w["padding"]
        fitting = {
            "top": min(padding.top, size[0] - 1),
            "bottom": min(padding.bottom, size[0] - 1),
            "left": min(padding.left, size[1] - 1),
            "right": min(padding.right, size[1] - 1),
        }
        kind = MaxPool if self.rng.random() < 0.5 else AveragePool
        low = int(self.rng.choice([-128, -128, x.zero_point]))
        return self.sketch.add(kind(size, w["stride"], Padding(**fitting), (low, 127)), value)

    def mean(self, value: str, x: TensorType) -> str:
        axes = [(0, 1), (0, 1), (0,), (1,), (2,)][int(self.rng.integers(5))]
        return self.sketch.add(Mean.from_types(x, axes, self.quantization()), value)

    def table(self, value: str, x: TensorType) -> str:
        q, output = x.quantization, self.quantization()
        moved = Quantization(q.scale, int(np.clip(q.zero_point + self.rng.integers(-9, 10), -128, 127)))
        choices = [
            tables.relu(q, q, (0.0, None)),
            tables.relu(q, q, (None, 2.0)),
            tables.requantize(q, output),
            tables.requantize(q, moved),
            tables.sigmoid(q, Quantization(1 / 256, -128)),
            tables.relu(q, q, (-0.5, 0.5)),
            Lookup(np.arange(-128, 128, dtype=np.int8), "int8", "int8", output, "reinterpret"),
            Lookup(self.rng.integers(-128, 128, 256).astype(np.int8), "int8", "int8", output, "any"),
        ]
        return self.sketch.add(choices[int(self.rng.integers(len(choices)))], value)

    def join(self, value: str, x: TensorType) -> str:
        same = [v for v in self.made if self.sketch.values[v].shape == x.shape]
        single = [v for v in self.made if self.sketch.values[v].shape in ((1, 1, x.shape[2]), (1, 1, 1))]
        others = same + single
        other = others[int(self.rng.integers(len(others)))]
        kind = Add if self.rng.random() < 0.7 else Mul
        extra = {"sign": -1} if kind is Add and self.rng.random() < 0.3 else {}
        bounds = (None, None) if self.rng.random() < 0.5 else (0.0, 4.0)
        types = (x.quantization, self.sketch.values[other].quantization, self.quantization())
        return self.sketch.add(kind.from_types(*types, bounds, **extra), value, other)

    def concat(self, value: str, x: TensorType) -> str | None:
        axis = int(self.rng.choice([0, 1, 2, 2, 2]))

        def fits(t: TensorType) -> bool:
            rest = [n for i, n in enumerate(t.shape) if i != axis]
            return (
                rest == [n for i, n in enumerate(x.shape) if i != axis] and t.quantization == x.quantization
            )

        others = [v for v in self.made if fits(self.sketch.values[v])]
        other = others[int(self.rng.integers(len(others)))]
        return self.sketch.add(Concat(axis), value, other)

    def pad(self, value: str, x: TensorType) -> str:
        channels = self.rng.integers(0, 3, 2) if self.rng.random() < 0.3 else (0, 0)
        fill = int(self.rng.choice([x.zero_point, x.zero_point, -128, 5]))
        border = Padding(*(int(b) for b in self.rng.integers(0, 2, 4)))
        return self.sketch.add(Pad(border, int(channels[0]), int(channels[1]), fill), value)

    def slice(self, value: str, x: TensorType) -> str:
        ends = []
        for size in x.shape:
            first, last = (int(i) for i in self.rng.integers(0, size, 2))
            step = int(self.rng.choice([1, 1, 1, 2])) * (1 if last >= first else -1)
            ends.append((first, last + (1 if step > 0 else -1), step))
        begin, end, step = (tuple(e[i] for e in ends) for i in range(3))
        return self.sketch.add(Slice(begin, end, step), value)

    def reshape(self, value: str, x: TensorType) -> str:
        rows, columns, channels = x.shape
        choices = [(1, 1, x.elements), (1, rows * columns, channels), (rows, 1, columns * channels)]
        choices += [(rows, columns * channels, 1), (x.elements, 1, 1), (1, 1, x.elements)]
        return self.sketch.add(Reshape(choices[int(self.rng.integers(len(choices)))]), value)

    def resize(self, value: str, x: TensorType) -> str:
        rows, columns = (np.repeat(np.arange(n), 2).astype(np.int32) for n in x.shape[:2])
        return self.sketch.add(ResizeNearest(rows, columns), value)

    def transpose(self, value: str, x: TensorType) -> str:
        axes = [(1, 0, 2), (0, 2, 1), (2, 0, 1)][int(self.rng.integers(3))]
        shape = tuple(x.shape[a] for a in axes)
        return self.sketch.add(Transpose(x.shape, axes, shape), value)

    def softmax(self, value: str, x: TensorType) -> str:
        return self.sketch.add(Softmax.from_scale(x.scale), value)


STEPS = [
    *[RandomProgram.conv] * 3,
    *[RandomProgram.pointwise] * 4,
    *[RandomProgram.depthwise] * 4,
    *[RandomProgram.join, RandomProgram.table, RandomProgram.pool, RandomProgram.concat] * 2,
    *[RandomProgram.dense, RandomProgram.mean, RandomProgram.pad, RandomProgram.slice],
    *[RandomProgram.reshape, RandomProgram.resize, RandomProgram.transpose, RandomProgram.softmax],
]


def random_program(seed: int, steps: int = 10) -> Program:
    """The program of a seed."""
    return RandomProgram(seed).program(steps)


def inputs_for(program: Program, rng: np.random.Generator, count: int) -> list[np.ndarray]:
    """Random inputs, some of extremes only, and the two constant extremes."""
    shape = program.inputs[0].source_shape
    samples = [np.full(shape, value, np.int8) for value in (-128, 127)]
    for index in range(count):
        sample = rng.integers(-128, 128, shape)
        samples.append((np.where(sample < 0, -128, 127) if index % 2 else sample).astype(np.int8))
    return samples
