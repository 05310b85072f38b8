"""Random networks built to be streamed: line buffers of every kind, branches with different delays."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgewright.converter.ops import tables
from edgewright.converter.ops.average_pool import AveragePool
from edgewright.converter.ops.base import OpKind, Padding
from edgewright.converter.ops.binary import Add, Mul
from edgewright.converter.ops.concat import Concat
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.ops.max_pool import MaxPool
from edgewright.converter.ops.mean import Mean
from edgewright.converter.ops.pad import Pad
from edgewright.converter.ops.requantize import Requantize
from edgewright.converter.ops.reshape import Reshape
from edgewright.converter.ops.resize_nearest import ResizeNearest
from edgewright.converter.ops.slice import Slice
from edgewright.converter.ops.softmax import Softmax
from edgewright.converter.program import Array, Node, Port, Program, Quantization, TensorType

LARGEST = 6000


class Net:
    """Grows a program; values are int8 and spread over their range, so that a wrong row shows.

    Args:
        seed: Of everything.
    """

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng([77, seed])
        self.values: dict[str, TensorType] = {}
        self.constants: dict[str, Array] = {}
        self.nodes: list[Node] = []
        self.last = "x"
        shape = (self.number(4, 22), self.number(3, 18), self.number(1, 7))
        self.values["x"] = TensorType(shape, "int8", self.quantization())

    def number(self, low: int, high: int) -> int:
        """low <= number < high."""
        return int(self.rng.integers(low, high))

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def quantization(self) -> Quantization:
        return Quantization(1.0, int(self.rng.choice([-128, 0, self.number(-60, 60)])))

    def add(self, op: OpKind, *inputs: str) -> str:
        name = f"v{len(self.nodes)}"
        self.values[name] = op.output_type(*(self.values[v] for v in inputs))
        self.nodes.append(Node(f"n{len(self.nodes)}", op, inputs, name))
        return name

    def requantize(self, outputs: int, depth: int, *, once: bool = False) -> Requantize:
        scales = np.float32(self.rng.uniform(0.7, 1.5, outputs) / (128 * np.sqrt(depth)))
        bias = self.rng.integers(-3000, 3000, outputs).astype(np.int32)
        if once:
            return Requantize.for_fully_connected(
                1.0, scales[:1], self.quantization(), bias, (None, None), channels=outputs
            )
        return Requantize.for_conv(1.0, scales, self.quantization(), bias, (None, None))

    def int8(self, *shape: int) -> Array:
        return self.rng.integers(-128, 128, shape).astype(np.int8)

    def window(
        self, v: str, *, same: bool
    ) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int], Padding]:
        """Kernel, stride, dilation, padding; with `same` the output has the rows and columns of the input."""
        rows, columns, _ = self.values[v].shape
        kernel = tuple(int(k) for k in self.rng.choice([1, 2, 3, 3, 3, 5, 7], 2))
        dilation = tuple(self.number(2, 4) if self.chance(0.2) else 1 for _ in range(2))
        reach = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        sides = []
        for r, n in zip(reach, (rows, columns), strict=True):
            first = self.number(0, r + 1)
            if same:
                sides += [first, r - first]
                continue
            second = self.number(0, r + 1)
            # The kernel may be larger than the input, but not than the input with its border.
            sides += [first, max(second, r + 1 - n - first)]
        if same:
            return kernel, (1, 1), dilation, Padding(*sides)
        return kernel, (self.number(1, 4), self.number(1, 3)), dilation, Padding(*sides)

    def conv(self, v: str, *, same: bool = False, outputs: int = 0) -> str:
        kernel, stride, dilation, padding = self.window(v, same=same)
        if self.chance(0.25):
            kernel, dilation, padding = (1, 1), (1, 1), Padding()
        channels = self.values[v].shape[2]
        outputs = outputs or self.number(1, 10)
        groups = channels if outputs % channels == 0 and self.chance(0.1) else 1
        depth = kernel[0] * kernel[1] * channels // groups
        return self.add(
            Conv2D(
                self.int8(outputs, *kernel, channels // groups),
                self.requantize(outputs, depth),
                stride,
                dilation,
                padding,
                groups,
                self.values[v].zero_point,
            ),
            v,
        )

    def depthwise(self, v: str, *, same: bool = False) -> str:
        kernel, stride, dilation, padding = self.window(v, same=same)
        if self.chance(0.5):
            kernel, dilation, padding = (3, 3), (1, 1), Padding(1, 1, 1, 1)
        multiplier = 1 if same or self.chance(0.7) else self.number(2, 4)
        outputs = self.values[v].shape[2] * multiplier
        return self.add(
            DepthwiseConv2D(
                self.int8(*kernel, outputs),
                self.requantize(outputs, kernel[0] * kernel[1]),
                stride,
                dilation,
                padding,
                multiplier,
                self.values[v].zero_point,
            ),
            v,
        )

    def pool(self, v: str) -> str:
        rows, columns, _ = self.values[v].shape
        kernel = (min(rows, self.number(1, 4)), min(columns, self.number(1, 4)))
        sides = [self.number(0, k) for k in (kernel[0], kernel[0], kernel[1], kernel[1])]
        op = MaxPool if self.chance(0.5) else AveragePool
        return self.add(op(kernel, (self.number(1, 4), self.number(1, 3)), Padding(*sides)), v)

    def lookup(self, v: str) -> str:
        return self.add(tables.requantize(self.values[v].quantization, self.quantization()), v)

    def binary(self, a: str, b: str) -> str:
        qa, qb = (self.values[v].quantization for v in (a, b))
        if self.chance(0.3):
            scale = Quantization(60.0, self.quantization().zero_point)
            return self.add(Mul.from_types(qa, qb, scale, (None, None)), a, b)
        sign = 1 if self.chance(0.7) else -1
        wide = Quantization(1.5, self.quantization().zero_point)
        y = self.add(Add.from_types(qa, qb, wide, (None, None), sign), a, b)
        return self.add(tables.requantize(wide, self.quantization()), y)

    def with_constant(self, v: str) -> str:
        shape = tuple(n if self.chance(0.5) else 1 for n in self.values[v].shape)
        name = f"c{len(self.constants)}"
        self.values[name] = TensorType(shape, "int8", self.quantization())
        self.constants[name] = self.int8(*shape)
        return self.binary(*((v, name) if self.chance(0.7) else (name, v)))

    def gate(self, v: str) -> str:
        s = self.add(Mean.from_types(self.values[v], (0, 1), self.quantization()), v)
        if self.chance(0.5):
            s = self.conv(s, same=True, outputs=self.values[v].shape[2])
        return self.binary(v, s)

    def residual(self, v: str, depth: int = 0) -> str:
        """v + f(v), where f may hold a residual of its own."""
        channels, y = self.values[v].shape[2], v
        for _ in range(self.number(1, 3)):
            y = (
                self.depthwise(y, same=True)
                if self.chance(0.4)
                else self.conv(y, same=True, outputs=channels)
            )
            if depth < 2 and self.chance(0.3):
                y = self.residual(y, depth + 1)
        return self.binary(y, v) if self.chance(0.5) else self.binary(v, y)

    def concat(self, v: str) -> str:
        """Branches with different delays."""
        axis, zero = self.number(0, 3), self.values[v].quantization
        channels = self.values[v].shape[2]
        branches = [v] if self.chance(0.5) else []
        while len(branches) < 2:
            y = v
            for _ in range(self.number(1, 3)):
                y = self.conv(y, same=True, outputs=channels)
            branches.append(self.add(tables.requantize(self.values[y].quantization, zero), y))
        self.rng.shuffle(branches)
        return self.add(Concat(axis), *branches)

    def resize(self, v: str) -> str:
        rows, columns, _ = self.values[v].shape
        repeat = self.number(1, 3)
        row = np.arange(rows * repeat) // repeat
        column = np.sort(self.rng.integers(0, columns, self.number(1, 2 * columns + 1)))
        return self.add(ResizeNearest(row.astype(np.int32), column.astype(np.int32)), v)

    def pad(self, v: str) -> str:
        sides = Padding(*(self.number(0, 3) for _ in range(4)))
        return self.add(Pad(sides, self.number(0, 2), self.number(0, 2), self.number(-128, 128)), v)

    def slice(self, v: str) -> str:
        shape = self.values[v].shape
        begin = tuple(self.number(0, min(3, n)) for n in shape)
        end = tuple(self.number(max(b + 1, n - 2), n + 1) for b, n in zip(begin, shape, strict=True))
        return self.add(Slice(begin, end, (self.number(1, 3), self.number(1, 3), 1)), v)

    def reshape(self, v: str) -> str:
        """Rows that stay, and rows that do not."""
        rows, columns, channels = self.values[v].shape
        shape = (rows, 1, columns * channels) if self.chance(0.3) else (rows, columns * channels, 1)
        return self.add(Reshape(shape), v)

    def tail(self, v: str) -> str:
        rows, columns, _ = self.values[v].shape
        kind = self.number(0, 4)
        if kind == 0:
            v = self.add(Mean.from_types(self.values[v], (0, 1), self.quantization()), v)
        elif kind == 1:
            v = self.add(AveragePool((rows, columns), (1, 1)), v)
        elif kind == 2:
            v = self.add(Mean.from_types(self.values[v], (0,), self.quantization()), v)
        v = self.add(Reshape((1, 1, self.values[v].elements)), v)
        outputs = self.number(2, 9)
        w = self.int8(outputs, self.values[v].shape[2])
        requantize = self.requantize(outputs, w.shape[1], once=True)
        v = self.add(FullyConnected(w, requantize, self.values[v].zero_point), v)
        return self.add(Softmax.from_scale(0.02, 1.0), v) if self.chance(0.5) else v

    def program(self, *outputs: str) -> Program:
        def port(name: str) -> Port:
            return Port(name, name, self.values[name].shape, (0, 1, 2))

        return Program(
            name="net",
            source_sha256="0" * 64,
            inputs=(port("x"),),
            outputs=tuple(port(v) for v in outputs),
            values=self.values,
            nodes=tuple(self.nodes),
            constants=self.constants,
        )


STEPS: tuple[tuple[float, Callable[[Net, str], str]], ...] = (
    (6, Net.conv),
    (4, Net.depthwise),
    (3, Net.residual),
    (2, Net.concat),
    (2, Net.pool),
    (1, Net.lookup),
    (1, Net.with_constant),
    (1, Net.gate),
    (1, Net.resize),
    (1, Net.pad),
    (1, Net.slice),
    (1, Net.reshape),
)


def random_net(seed: int) -> Program:
    """A network of about ten operations with one or two outputs; every value is used."""
    net = Net(seed)
    weights = np.array([w for w, _ in STEPS])
    value = "x"
    for _ in range(net.number(2, 6)):
        step = STEPS[net.rng.choice(len(STEPS), p=weights / weights.sum())][1]
        known = dict(net.values), dict(net.constants), list(net.nodes)
        grown = step(net, value)
        if max(net.values[n.output].size_bytes for n in net.nodes) > LARGEST:
            net.values, net.constants, net.nodes = known
            continue
        value = grown
    if not net.nodes:
        value = net.conv(value)
    inside = [n.output for n in net.nodes if n.op.kind != "reshape"]
    if net.chance(0.6):
        value = net.tail(value)
    second = {inside[net.number(0, len(inside))]} - {value} if net.chance(0.4) else set()
    return net.program(value, *second)
