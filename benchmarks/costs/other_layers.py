"""Random layers of all other kinds."""

from __future__ import annotations

import numpy as np

from benchmarks.costs.ops import Copy, FloatFunction, Nothing, Part
from benchmarks.costs.shapes import (
    CHANNELS,
    COLUMNS,
    INPUT,
    OTHER_INPUT,
    Case,
    Rng,
    random_shape,
    random_view,
    tensor,
)
from edgewright.converter.ops import tables
from edgewright.converter.ops.average_pool import AveragePool
from edgewright.converter.ops.base import OpKind, Padding
from edgewright.converter.ops.binary import Add, Mul
from edgewright.converter.ops.concat import Concat
from edgewright.converter.ops.float_op import FloatOp
from edgewright.converter.ops.max_pool import MaxPool
from edgewright.converter.ops.mean import Mean
from edgewright.converter.ops.pad import Pad
from edgewright.converter.ops.quantize import Dequantize, Quantize
from edgewright.converter.ops.resize_nearest import ResizeNearest
from edgewright.converter.ops.slice import Slice
from edgewright.converter.ops.softmax import Softmax
from edgewright.converter.ops.transpose import Transpose
from edgewright.converter.program import Quantization, TensorType


def add(rng: Rng) -> Case:
    return _binary(rng, 1)


def subtract(rng: Rng) -> Case:
    return _binary(rng, -1)


def multiply(rng: Rng) -> Case:
    return _binary(rng, 0)


def _binary(rng: Rng, sign: int) -> Case:
    """Sum, difference, or (sign 0) product."""
    shape = random_shape(rng)
    other = (1, 1, shape[2]) if rng.random() < 0.2 else shape
    a, b = tensor(*shape), tensor(*other, quantization=OTHER_INPUT)
    output, activation = Quantization(0.06, 5), (None, None)
    if sign == 0:
        return Mul.from_types(a.quantization, b.quantization, output, activation), (a, b)
    return Add.from_types(a.quantization, b.quantization, output, activation, sign), (a, b)


def average_pool(rng: Rng) -> Case:
    return _pool(rng, AveragePool)


def max_pool(rng: Rng) -> Case:
    return _pool(rng, MaxPool)


def global_pool(rng: Rng) -> Case:
    size = int(rng.choice([3, 5, 7]))
    x, _, _ = random_view(rng, (size, size), int(rng.choice(CHANNELS)))
    return AveragePool(x.shape[:2], x.shape[:2]), (x,)


def _pool(rng: Rng, kind: type[AveragePool | MaxPool]) -> Case:
    size = int(rng.choice([2, 2, 3, 3, 5, 7]))
    x, _, _ = random_view(rng, (size, size), int(rng.choice(CHANNELS)))
    stride = 1 if rng.random() < 0.3 else size if rng.random() < 0.5 else 2
    padding = Padding() if rng.random() < 0.7 else Padding(size // 2, size // 2, size // 2, size // 2)
    return kind((size, size), (stride, stride), padding), (x,)


def mean(rng: Rng) -> Case:
    x = tensor(*random_shape(rng))
    return Mean.from_types(x, [(0, 1), (0, 1), (0,), (1,), (2,)][rng.integers(5)], Quantization(0.05, 1)), (
        x,
    )


def add_rows(rng: Rng) -> Case:
    """What adds the rows of a pool or mean to its sums."""
    op, x = _summed(rng)
    return Part(op, x, 0), (x,)


def finish_sums(rng: Rng) -> Case:
    """What makes a pool or mean of its sums."""
    part = Part(*_summed(rng), 1)
    return part, (tensor(1, 1, 4 * part.output_type().shape[2]),)


def _summed(rng: Rng) -> tuple[OpKind, TensorType]:
    shape = (int(rng.integers(4, 9)), int(rng.choice(COLUMNS[4:12])), int(rng.choice(CHANNELS[2:14])))
    x, kind = tensor(*shape), rng.integers(4)
    if kind < 2:
        return Mean.from_types(x, ((0, 1), (0,))[kind], Quantization(0.05, 1)), x
    return AveragePool((shape[0], 2) if kind == 2 else shape[:2], (1, 2)), x


def softmax(rng: Rng) -> Case:
    rows, columns = (1, 1) if rng.random() < 0.5 else (int(rng.integers(1, 4)), int(rng.integers(1, 9)))
    x = tensor(rows, columns, int(rng.choice([2, 3, 4, 10, 12, 20, 50, 100])))
    return Softmax.from_scale(float(rng.choice([0.05, 0.1, 0.2, 0.4])), 1.0), (x,)


def lookup(rng: Rng) -> Case:
    return tables.requantize(INPUT, OTHER_INPUT), (tensor(*random_shape(rng)),)


def quantize(rng: Rng) -> Case:
    return Quantize(INPUT, "int8"), (TensorType(random_shape(rng), "float32"),)


def dequantize(rng: Rng) -> Case:
    return Dequantize(INPUT), (tensor(*random_shape(rng)),)


def concat(rng: Rng) -> Case:
    shape = random_shape(rng)
    other, axis = list(shape), int(rng.integers(3))
    other[axis] = max(1, shape[axis] // 2)
    return Concat(axis), (tensor(*shape), tensor(*other))


def pad(rng: Rng) -> Case:
    return Pad(Padding(1, 1, 1, 1), 0, 0, 3), (tensor(*random_shape(rng)),)


def cut(rng: Rng) -> Case:
    shape = random_shape(rng)
    steps = (int(rng.integers(1, 3)), int(rng.integers(1, 3)), 1)
    return Slice((0, 0, 0), shape, steps), (tensor(*shape),)


def transpose(rng: Rng) -> Case:
    shape = random_shape(rng)
    axes = [(1, 0, 2), (2, 0, 1), (1, 2, 0)][rng.integers(3)]
    return Transpose(shape, axes, tuple(shape[a] for a in axes)), (tensor(*shape),)


def resize(rng: Rng) -> Case:
    x = tensor(*random_shape(rng))
    twice = [np.repeat(np.arange(n), 2).astype(np.int32) for n in x.shape[:2]]
    return ResizeNearest(*twice), (x,)


def float_node(rng: Rng) -> Case:
    import onnx
    from onnx import helper

    shape = (1, *random_shape(rng))
    info = [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, shape) for n in ("x0", "y")]
    operator = str(rng.choice(["Sigmoid", "Elu", "Gelu", "Softplus", "Sqrt", "Abs"]))
    graph = helper.make_graph([helper.make_node(operator, ["x0"], ["y"])], "node", info[:1], info[1:])
    opset = [helper.make_opsetid("", 21)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=10).SerializeToString()
    y = TensorType(shape[1:], "float32")
    return FloatOp(np.frombuffer(model, np.uint8), operator, y.shape), (y,)


def float_function(name: str, rng: Rng) -> Case:
    return FloatFunction(name), (TensorType(random_shape(rng), "float32"),)


def copy(rng: Rng) -> Case:
    size = int(rng.integers(1, 100)) if rng.random() < 0.4 else int(rng.integers(100, 6000))
    return Copy(size), (tensor(1, 1, 6000),)


def driver(rng: Rng) -> Case:
    windows = tuple(int(rng.choice([1, 2, 3, 5, 7, 10])) for _ in range(int(rng.integers(1, 4))))
    rows = int(rng.integers(1, 30))
    return Nothing(windows, rows), tuple(tensor(max(w, rows - 3), 1, 4) for w in windows)
