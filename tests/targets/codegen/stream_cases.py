"""Random ops for row streams: those of every kind, and more of those that follow their own rules there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgewright.converter.ops.average_pool import AveragePool
from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.concat import Concat
from edgewright.converter.ops.mean import Mean
from edgewright.converter.ops.pad import Pad
from edgewright.converter.ops.resize_nearest import ResizeNearest
from edgewright.converter.ops.slice import Slice
from edgewright.converter.program import TensorType
from edgewright.targets.codegen.row_kernel import RowKernel
from tests.targets.codegen import op_cases
from tests.targets.codegen.kernel_calls import KernelCalls
from tests.targets.codegen.op_cases import Case, Rng


def _numbers(rng: Rng, low: int, high: int, count: int) -> list[int]:
    return [int(v) for v in rng.integers(low, high, count)]


def joined(rng: Rng) -> Case:
    """Concatenation; unlike parts also along the rows."""
    axis, shape = int(rng.integers(3)), _numbers(rng, 1, 6, 3)
    x = op_cases.tensor(rng, *shape)
    parts = [[n if i == axis else s for i, s in enumerate(shape)] for n in _numbers(rng, 1, 6, 3)]
    return Concat(axis), tuple(TensorType(tuple(p), "int8", x.quantization) for p in parts)


def padded(rng: Rng) -> Case:
    dtype = str(rng.choice(["int8", "int8", "uint8", "float32"]))
    x = TensorType(
        tuple(_numbers(rng, 1, 6, 3)), dtype, None if dtype == "float32" else op_cases.quantization(rng)
    )
    low, high = {"int8": (-128, 128), "uint8": (0, 256), "float32": (0, 1)}[dtype]
    return Pad(Padding(*_numbers(rng, 0, 4, 4)), *_numbers(rng, 0, 3, 2), int(rng.integers(low, high))), (x,)


def sliced(rng: Rng) -> Case:
    """Rows forwards, columns and channels in both directions."""
    shape = _numbers(rng, 1, 9, 3)
    begin = [int(rng.integers(0, n)) for n in shape]
    step = _numbers(rng, 1, 4, 3)
    end = [int(rng.integers(b + 1, n + 1)) for b, n in zip(begin, shape, strict=True)]
    for axis in (1, 2):
        if rng.random() < 0.3:
            end[axis], step[axis] = -1, -step[axis]
    return Slice(tuple(begin), tuple(end), tuple(step)), (op_cases.tensor(rng, *shape),)


def resized(rng: Rng) -> Case:
    """Rows repeated or left out at an even pace."""
    repeat, stride, first, count = _numbers(rng, 1, 4, 4)
    rows = np.arange(count * repeat - int(rng.integers(0, repeat))) // repeat * stride + first - 1
    x = op_cases.tensor(rng, int(rows.max()) + int(rng.integers(1, 3)), *_numbers(rng, 1, 7, 2))
    columns = rng.integers(0, x.shape[1], int(rng.integers(1, 9)))
    return ResizeNearest(rows.astype(np.int32), columns.astype(np.int32)), (x,)


def row_mean(rng: Rng) -> Case:
    axes = [(0,), (0, 1), (0, 1), (0, 2), (0, 1, 2)][rng.integers(5)]
    x = op_cases.tensor(rng, *_numbers(rng, 2, 9, 3))
    return Mean.from_types(x, axes, op_cases.quantization(rng)), (x,)


def row_pool(rng: Rng) -> Case:
    """Average pools of one window over all rows, often padded and of several columns."""
    rows, width, more = _numbers(rng, 2, 9, 3)
    top, bottom = _numbers(rng, 0, 3, 2) if rng.random() < 0.3 else (0, 0)
    left, right = _numbers(rng, 0, width, 2) if rng.random() < 0.4 else (0, 0)
    columns = width + (more if rng.random() < 0.5 else 0)
    clamp = (-128, 127) if rng.random() < 0.7 else (-100, 20)
    op = AveragePool(
        (rows + top + bottom, width), tuple(_numbers(rng, 1, 4, 2)), Padding(top, bottom, left, right), clamp
    )
    return op, (op_cases.tensor(rng, rows, columns, int(rng.integers(1, 9))),)


KINDS: dict[str, Callable[[Rng], Case]] = op_cases.KINDS | {
    f.__name__: f for f in (joined, padded, sliced, resized, row_mean, row_pool)
}


def values(rng: Rng, types: tuple[TensorType, ...]) -> list[np.ndarray]:
    """Inputs, sometimes only the smallest or largest values."""
    found = []
    for t in types:
        if t.dtype == "float32":
            found.append((rng.normal(size=t.shape) * rng.choice([0.01, 1.0, 100.0])).astype(np.float32))
            continue
        low, high = np.iinfo(t.dtype).min, np.iinfo(t.dtype).max
        ends = [(low, high), (low, low), (high, high)][rng.choice(3, p=[0.8, 0.1, 0.1])]
        found.append(rng.integers(ends[0], ends[1] + 1, t.shape).astype(t.dtype))
    return found


def stream(calls: KernelCalls, kernels: tuple[RowKernel, ...], inputs: list[np.ndarray]) -> list[int]:
    """Record the calls that make an op's output of rows of its inputs; the buffers of the output's rows."""
    sources = [[calls.buffer(row.tobytes()) for row in x] for x in inputs]
    outs = calls.walk(kernels[0], sources)
    if len(kernels) == 1:
        return outs
    # Only the sums after the last row exist.
    return calls.walk(kernels[1], [[None] * (kernels[0].out_rows - 1) + outs])
