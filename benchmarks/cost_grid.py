"""The layers whose costs are measured: seeded random shapes of every kind of kernel, all requantizations.

Shapes are those of small networks: rows of 1 to 112 columns, 1 to 384 channels. Work is bounded, so that
one emulator run takes a few dozen layers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from edgewright.converter.ops import tables
from edgewright.converter.ops.average_pool import AveragePool
from edgewright.converter.ops.base import OpKind, Padding
from edgewright.converter.ops.binary import Add, Mul
from edgewright.converter.ops.concat import Concat
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.ops.float_op import FloatOp
from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.ops.max_pool import MaxPool
from edgewright.converter.ops.mean import Mean
from edgewright.converter.ops.pad import Pad
from edgewright.converter.ops.quantize import Dequantize, Quantize
from edgewright.converter.ops.requantize import Requantize
from edgewright.converter.ops.resize_nearest import ResizeNearest
from edgewright.converter.ops.slice import Slice
from edgewright.converter.ops.softmax import Softmax
from edgewright.converter.ops.transpose import Transpose
from edgewright.converter.program import Array, Node, Port, Program, Quantization, TensorType
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel
from edgewright.targets.costs.estimate import copy_work
from edgewright.targets.cpu import SCALAR, CpuClass

Rng = np.random.Generator
Case = tuple[OpKind, tuple[TensorType, ...]]

COLUMNS = (1, 2, 3, 4, 5, 7, 8, 10, 14, 16, 20, 25, 28, 32, 48, 56, 64, 96, 112)
CHANNELS = (1, 2, 3, 4, 5, 8, 12, 16, 17, 24, 30, 32, 40, 64, 96, 128, 192, 256, 384)
WINDOWS = ((1, 1), (1, 1), (3, 3), (3, 3), (5, 5), (7, 7), (1, 3), (3, 1), (10, 4), (2, 2))
DILATION_PROBABILITY = 0.1
MAX_MACS = 150_000
MAX_INPUT_BYTES = 12_000
MAX_WEIGHTS_BYTES = 20_000
INPUT = Quantization(0.05, 3)
OTHER_INPUT = Quantization(0.02, -7)


@dataclass(frozen=True, eq=False)
class Copy(OpKind):
    """A memcpy of `size_bytes`, as the driver of a streamed segment copies rows."""

    kind: ClassVar[str] = "copy"
    size_bytes: int

    def output_type(self, *inputs: TensorType) -> TensorType:
        return inputs[0]

    def golden(self, *inputs: Array) -> Array:
        return inputs[0]

    def row_kernel(self, cpu: CpuClass, *inputs: TensorType) -> RowKernel:
        body = "{ memcpy(out, rows[0], *(const uint32_t *)size); }\n"
        return RowKernel(
            family="copy",
            script="",
            source=f"static void f(const void *const *rows, void *out, const void *size) {body}",
            arguments=("rows", "out", "c[0]"),
            inputs=(RowInput(1, inputs[0].size_bytes),),
            out_rows=1,
            out_row_bytes=self.size_bytes,
            constants=(np.array([self.size_bytes], np.int32),),
            headers=("ew_math.h",),
            work=copy_work(self.size_bytes),
        )


@dataclass(frozen=True, eq=False)
class Nothing(OpKind):
    """A kernel that returns at once: what is left is the driver."""

    kind: ClassVar[str] = "nothing"
    windows: tuple[int, ...]
    out_rows: int

    def output_type(self, *inputs: TensorType) -> TensorType:
        return replace(inputs[0], shape=(self.out_rows, 1, 4))

    def golden(self, *inputs: Array) -> Array:
        return inputs[0]

    def row_kernel(self, cpu: CpuClass, *inputs: TensorType) -> RowKernel:
        return RowKernel(
            family="nothing",
            script="",
            source="static void f(void *out) { (void)out; }\n",
            arguments=("out",),
            inputs=tuple(
                RowInput(x.shape[0], 4, window=w) for x, w in zip(inputs, self.windows, strict=True)
            ),
            out_rows=self.out_rows,
            out_row_bytes=4,
            headers=("ew_math.h",),
            work={"row": 0},  # what is left is all the driver's
        )


@dataclass(frozen=True, eq=False)
class Part(OpKind):
    """One of the two kernels of an op that sums up its input row by row, as a layer of its own."""

    kind: ClassVar[str] = "part"
    op: OpKind
    source: TensorType
    index: int

    def output_type(self, *inputs: TensorType) -> TensorType:
        kernel = self._kernel(SCALAR)
        return _tensor(kernel.out_rows, 1, kernel.out_row_bytes)

    def golden(self, *inputs: Array) -> Array:
        return inputs[0]

    def row_kernel(self, cpu: CpuClass, *inputs: TensorType) -> RowKernel:
        return self._kernel(cpu)

    def _kernel(self, cpu: CpuClass) -> RowKernel:
        kernels = self.op.stream_kernels(cpu, self.source)
        assert kernels is not None
        # The driver of a layer schedule finds the sums at the start of the input.
        views = tuple(replace(v, pad_top=0) for v in kernels[self.index].inputs)
        return replace(kernels[self.index], inputs=views, accumulates=False)


def _requantize(rng: Rng, form: str, outputs: int, depth: int) -> Requantize:
    """Parameters for which the wanted form is the cheapest exact one."""
    scales = np.float32(rng.uniform(0.2, 2.0, outputs) / (128 * np.sqrt(depth)))
    largest = 1 << 30 if form == "general" else 1000
    bias = rng.integers(-largest, largest, outputs).astype(np.int32)
    bias[0] = largest
    output = Quantization(1.0, -128 if form == "relu" else 5)
    activation = (None, 90.0) if form in ("bounded", "general") else (None, None)
    if form.startswith("once"):
        factors = scales * np.float32(1.0 if form == "once_right" else 2e5)
        return Requantize.for_fully_connected(1.0, factors, output, bias, activation, channels=outputs)
    return Requantize.for_conv(1.0, scales, output, bias, activation)


def _weights(rng: Rng, *shape: int) -> Array:
    w = rng.integers(-127, 128, shape).astype(np.int8)
    w[w == 0] = 1
    return w


def _tensor(rows: int, columns: int, channels: int, quantization: Quantization = INPUT) -> TensorType:
    return TensorType((rows, columns, channels), "int8", quantization)


def _form(rng: Rng) -> str:
    return str(rng.choice(["relu", "relu", "linear", "bounded", "general"]))


def _padded(rng: Rng, window: tuple[int, int], dilation: tuple[int, int]) -> Padding:
    height, width = (d * (k - 1) for k, d in zip(window, dilation, strict=True))
    if rng.random() < 0.3:
        return Padding()
    return Padding(height // 2, height - height // 2, width // 2, width - width // 2)


def _view(rng: Rng, window: tuple[int, int], channels: int) -> tuple[TensorType, tuple[int, int], Padding]:
    """(input of a few rows, dilation, padding) for a window."""
    dilation = (2, 2) if rng.random() < DILATION_PROBABILITY else (1, 1)
    reach = [d * (k - 1) + 1 for k, d in zip(window, dilation, strict=True)]
    columns = max(int(rng.choice(COLUMNS)), reach[1])
    return (
        _tensor(reach[0] + int(rng.integers(0, 3)), columns, channels),
        dilation,
        _padded(rng, window, dilation),
    )


def conv(rng: Rng) -> Case:
    window = WINDOWS[rng.integers(len(WINDOWS))]
    groups = int(rng.choice([1, 1, 1, 1, 1, 2]))
    channels, outputs = (int(v) for v in rng.choice(CHANNELS, 2))
    if rng.random() < 0.2:
        outputs = int(rng.integers(1, 12))
    channels, outputs = channels * groups, outputs * groups
    x, dilation, padding = _view(rng, window, channels)
    if window == (1, 1) and rng.random() < 0.5:  # as a layer schedule joins the rows
        x = _tensor(1, x.shape[0] * x.shape[1], channels)
    depth = window[0] * window[1] * channels // groups
    call = _requantize(rng, _form(rng), outputs, depth)
    stride = (1, 1) if rng.random() < 0.6 else (2, 2)
    weights = _weights(rng, outputs, *window, channels // groups)
    return Conv2D(weights, call, stride, dilation, padding, groups, x.zero_point), (x,)


def depthwise(rng: Rng) -> Case:
    window = (3, 3) if rng.random() < 0.5 else WINDOWS[rng.integers(len(WINDOWS))]
    channels = int(rng.choice(CHANNELS))
    multiplier = 1 if rng.random() < 0.9 else 2
    x, dilation, padding = _view(rng, window, channels)
    if x.shape[1] == 1:
        x = replace(x, shape=(x.shape[0], 2, channels))
    stride = (1, 1) if rng.random() < 0.6 else (2, 2)
    call = _requantize(rng, _form(rng), channels * multiplier, window[0] * window[1])
    weights = _weights(rng, *window, channels * multiplier)
    return DepthwiseConv2D(weights, call, stride, dilation, padding, multiplier, x.zero_point), (x,)


def temporal(rng: Rng) -> Case:
    """Depthwise over the rows of a single column."""
    height, channels = int(rng.choice([2, 3, 5, 7, 10, 15])), int(rng.choice([4, 8, 16, 32, 40, 64, 128]))
    x = _tensor(height + int(rng.integers(0, 6)), 1, channels)
    call = _requantize(rng, _form(rng), channels, height)
    return DepthwiseConv2D(_weights(rng, height, 1, channels), call, input_zero_point=x.zero_point), (x,)


def fully_connected(rng: Rng) -> Case:
    inputs, outputs = (int(v) for v in rng.choice(CHANNELS, 2))
    if rng.random() < 0.4:
        inputs = -(-inputs // 4) * 4
    x = _tensor(int(rng.choice([1, 1, 3])), int(rng.choice([1, 1, 1, 1, 2, 3, 4, 5, 9, 16])), inputs)
    if rng.random() < 0.4:
        outputs = int(rng.integers(1, 20))
    call = _requantize(rng, str(rng.choice(["once", "once_right"])), outputs, inputs)
    return FullyConnected(_weights(rng, outputs, inputs), call, x.zero_point), (x,)


def binary(rng: Rng) -> Case:
    shape = _shape(rng)
    other = (1, 1, shape[2]) if rng.random() < 0.2 else shape
    a, b = _tensor(*shape), _tensor(*other, quantization=OTHER_INPUT)
    output, activation = Quantization(0.06, 5), (None, None)
    if rng.random() < 0.3:
        return Mul.from_types(a.quantization, b.quantization, output, activation), (a, b)
    return Add.from_types(a.quantization, b.quantization, output, activation, 1), (a, b)


def pool(rng: Rng) -> Case:
    size = int(rng.choice([2, 2, 3, 3, 5, 7]))
    x, _, _ = _view(rng, (size, size), int(rng.choice(CHANNELS)))
    stride = 1 if rng.random() < 0.3 else size if rng.random() < 0.5 else 2
    if rng.random() < 0.3:  # global
        return AveragePool(x.shape[:2], x.shape[:2]), (x,)
    kind = AveragePool if rng.random() < 0.5 else MaxPool
    padding = Padding() if rng.random() < 0.7 else Padding(size // 2, size // 2, size // 2, size // 2)
    return kind((size, size), (stride, stride), padding), (x,)


def mean(rng: Rng) -> Case:
    x = _tensor(*_shape(rng))
    return Mean.from_types(x, [(0, 1), (0, 1), (0,), (1,), (2,)][rng.integers(5)], Quantization(0.05, 1)), (
        x,
    )


def sums(rng: Rng) -> Case:
    shape = (int(rng.integers(4, 9)), int(rng.choice(COLUMNS[4:12])), int(rng.choice(CHANNELS[2:14])))
    x, index = _tensor(*shape), int(rng.integers(2))
    op: OpKind = AveragePool(shape[:2], (1, 1))
    if rng.random() < 0.5:
        op = Mean.from_types(x, ((0, 1), (0,))[rng.integers(2)], Quantization(0.05, 1))
    elif rng.random() < 0.5:
        op = AveragePool((shape[0], 2), (1, 2))
    part = Part(op, x, index)
    return part, (_tensor(*shape) if index == 0 else _tensor(1, 1, 4 * part.output_type().shape[2]),)


def softmax(rng: Rng) -> Case:
    rows, columns = (1, 1) if rng.random() < 0.5 else (int(rng.integers(1, 4)), int(rng.integers(1, 9)))
    x = _tensor(rows, columns, int(rng.choice([2, 3, 4, 10, 12, 20, 50, 100])))
    return Softmax.from_scale(float(rng.choice([0.05, 0.1, 0.2, 0.4])), 1.0), (x,)


def elementwise(rng: Rng) -> Case:
    shape = _shape(rng)
    kind = rng.integers(4)
    if kind < 2:
        return tables.requantize(INPUT, OTHER_INPUT), (_tensor(*shape),)
    if kind == 2:
        return Quantize(INPUT, "int8"), (TensorType(shape, "float32"),)
    return Dequantize(INPUT), (_tensor(*shape),)


def movement(rng: Rng) -> Case:
    shape = _shape(rng)
    x, kind = _tensor(*shape), rng.integers(5)
    if kind == 0:
        other = list(shape)
        axis = int(rng.integers(3))
        other[axis] = max(1, shape[axis] // 2)
        return Concat(axis), (x, _tensor(*other))
    if kind == 1:
        return Pad(Padding(1, 1, 1, 1), 0, 0, 3), (x,)
    if kind == 2:
        return Slice((0, 0, 0), shape, (int(rng.integers(1, 3)), int(rng.integers(1, 3)), 1)), (x,)
    if kind == 3:
        axes = [(1, 0, 2), (2, 0, 1), (1, 2, 0)][rng.integers(3)]
        return Transpose(shape, axes, tuple(shape[a] for a in axes)), (x,)
    twice = [np.repeat(np.arange(n), 2).astype(np.int32) for n in shape[:2]]
    return ResizeNearest(*twice), (x,)


def floats(rng: Rng) -> Case:
    import onnx
    from onnx import helper

    shape = (1, *_shape(rng))
    info = [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, shape) for n in ("x0", "y")]
    operator = str(rng.choice(["Sigmoid", "Elu", "Gelu", "Softplus", "Sqrt", "Abs"]))
    graph = helper.make_graph([helper.make_node(operator, ["x0"], ["y"])], "node", info[:1], info[1:])
    opset = [helper.make_opsetid("", 21)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=10).SerializeToString()
    y = TensorType(shape[1:], "float32")
    return FloatOp(np.frombuffer(model, np.uint8), operator, y.shape), (y,)


def copy(rng: Rng) -> Case:
    size = int(rng.integers(1, 100)) if rng.random() < 0.4 else int(rng.integers(100, 6000))
    return Copy(size), (_tensor(1, 1, 6000),)


def driver(rng: Rng) -> Case:
    windows = tuple(int(rng.choice([1, 2, 3, 5, 7, 10])) for _ in range(int(rng.integers(1, 4))))
    rows = int(rng.integers(1, 30))
    return Nothing(windows, rows), tuple(_tensor(max(w, rows - 3), 1, 4) for w in windows)


def _shape(rng: Rng) -> tuple[int, int, int]:
    return int(rng.integers(1, 6)), int(rng.choice(COLUMNS[:12])), int(rng.choice(CHANNELS[2:14]))


KINDS: dict[str, tuple[Callable[[Rng], Case], int]] = {
    "driver": (driver, 30),
    "conv": (conv, 150),
    "depthwise": (depthwise, 120),
    "temporal": (temporal, 30),
    "fully_connected": (fully_connected, 120),
    "binary": (binary, 40),
    "pool": (pool, 30),
    "mean": (mean, 10),
    "sums": (sums, 30),
    "softmax": (softmax, 25),
    "elementwise": (elementwise, 20),
    "movement": (movement, 70),
    "floats": (floats, 25),
    "copy": (copy, 25),
}


def cases(kind: str, seed: int = 0) -> Iterator[Case]:
    """The layers of one kind, each within the bounds of this module."""
    make, count = KINDS[kind]
    rng = np.random.default_rng([seed, sorted(KINDS).index(kind)])
    while count:
        op, types = make(rng)
        small = all(t.size_bytes <= MAX_INPUT_BYTES for t in types) and op.weights_bytes <= MAX_WEIGHTS_BYTES
        if small and op.macs(*types) <= MAX_MACS:
            count -= 1
            yield op, types


def program_of(name: str, layers: list[Case]) -> Program:
    """Layers side by side; equal types share one input."""
    values: dict[str, TensorType] = {}
    inputs: dict[TensorType, list[str]] = {}
    nodes, outputs = [], []
    for n, (op, types) in enumerate(layers):
        used: list[str] = []
        for t in types:
            known = inputs.setdefault(t, [])
            free = next((v for v in known if v not in used), None)
            if free is None:
                free = f"x{len(values)}"
                values[free] = t
                known.append(free)
            used.append(free)
        values[f"y{n}"] = op.output_type(*types)
        nodes.append(Node(f"layer{n}", op, tuple(used), f"y{n}"))
        outputs.append(f"y{n}")

    def ports(names: list[str]) -> tuple[Port, ...]:
        return tuple(Port(v, v, values[v].shape, (0, 1, 2)) for v in names)

    sources = [v for known in inputs.values() for v in known]
    return Program(name, "0" * 64, ports(sources), ports(outputs), values, tuple(nodes))
