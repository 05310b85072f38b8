"""Random layers for every way Helium kernels compute: in place, copied rows, gathered fields, strips."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgewright.converter.ops.average_pool import AveragePool
from edgewright.converter.ops.base import OpKind, Padding
from edgewright.converter.ops.binary import Add
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.program import TensorType
from edgewright.targets.codegen.kernels.add_mve import add_mve_kernel
from edgewright.targets.codegen.kernels.mve_choice import mve_kernels
from edgewright.targets.codegen.kernels.pool_mve import average_mve_kernel
from edgewright.targets.codegen.row_kernel import RowKernel
from edgewright.targets.cpu import CpuClass
from tests.targets.codegen.op_cases import Case, Rng, quantization, requantize, tensor, weights
from tests.targets.codegen.side_by_side import Forced, forced

OUTPUTS = (1, 3, 4, 8, 12, 13, 16, 21, 24, 40)


def pointwise(rng: Rng) -> Case:
    channels = int(rng.choice([4, 8, 12, 16, 20, 32, 44, 48, 64, 112, 528, 700]))
    x = tensor(rng, int(rng.integers(1, 4)), int(rng.choice([1, 2, 3, 5, 8])), channels)
    outputs = int(rng.choice(OUTPUTS))
    stride = (1, int(rng.choice([1, 1, 2])))
    w = weights(rng, outputs, 1, 1, channels)
    return Conv2D(w, requantize(rng, outputs, channels, False), stride, input_zero_point=x.zero_point), (x,)


def window(rng: Rng) -> Case:
    kernel = [(3, 3), (3, 3), (2, 2), (1, 3), (3, 1), (10, 4), (5, 5), (2, 5)][rng.integers(8)]
    channels = int(rng.choice([1, 2, 3, 8, 16, 16, 32, 48, 64]))
    size = tuple(int(k + rng.integers(0, 6)) for k in kernel)
    x = tensor(rng, *size, channels)
    outputs = int(rng.choice(OUTPUTS))
    sides = [int(rng.integers(0, k)) if rng.random() < 0.7 else 0 for k in kernel for _ in range(2)]
    stride = (int(rng.integers(1, 3)), int(rng.integers(1, 3)))
    w = weights(rng, outputs, *kernel, channels)
    call = requantize(rng, outputs, w[0].size, False)
    return Conv2D(w, call, stride, (1, 1), Padding(*sides), 1, x.zero_point), (x,)


def fully_connected(rng: Rng) -> Case:
    inputs, outputs = int(rng.choice([3, 8, 16, 24, 64, 96, 112, 128, 640, 1100])), int(rng.choice(OUTPUTS))
    x = tensor(rng, 1, int(rng.choice([1, 1, 3])), inputs)
    w = weights(rng, outputs, inputs)
    return FullyConnected(w, requantize(rng, outputs, inputs, True), x.zero_point), (x,)


def depthwise(rng: Rng) -> Case:
    kernels = [
        (3, 3),
        (3, 3),
        (3, 3),
        (2, 2),
        (1, 3),
        (3, 1),
        (5, 1),
        (10, 1),
        (5, 3),
        (4, 4),
        (5, 5),
        (1, 1),
    ]
    kernel = kernels[rng.integers(len(kernels))]
    size = tuple(int(k + rng.choice([0, 1, 2, 5, 9, 17])) for k in kernel)
    channels = int(rng.choice([1, 3, 8, 12, 16, 32, 40, 60, 72]))
    x = tensor(rng, *size, channels)
    sides = [int(rng.integers(0, k)) if rng.random() < 0.7 else 0 for k in kernel for _ in range(2)]
    stride = (int(rng.integers(1, 3)), int(rng.integers(1, 3)))
    w = np.ascontiguousarray(np.moveaxis(weights(rng, channels, *kernel), 0, 2))
    call = requantize(rng, channels, kernel[0] * kernel[1], False)
    return DepthwiseConv2D(w, call, stride, (1, 1), Padding(*sides), 1, x.zero_point), (x,)


def add(rng: Rng) -> Case:
    shape = tuple(int(v) for v in rng.integers(1, 8, 3))
    a, b = tensor(rng, *shape), tensor(rng, *shape)
    b = replace(
        b, quantization=replace(b.quantization, scale=a.scale * float(np.float32(rng.uniform(0.5, 2))))
    )
    output = replace(quantization(rng), scale=a.scale * float(np.float32(rng.uniform(1, 3))))
    activation = [(None, None), (0.0, None), (0.0, 6.0)][rng.integers(3)]
    sign = 1 if rng.random() < 0.7 else -1
    return Add.from_types(a.quantization, b.quantization, output, activation, sign), (a, b)


def average(rng: Rng) -> Case:
    """Of all pixels, in some cases more than are added in 16 bits."""
    shape = (int(rng.integers(1, 30)), int(rng.integers(1, 20)), int(rng.choice([1, 5, 8, 16, 21, 24, 48])))
    clamp = (-128, 127) if rng.random() < 0.7 else tuple(sorted(int(v) for v in rng.integers(-128, 128, 2)))
    return AveragePool(shape[:2], (1, 1), clamp=clamp), (tensor(rng, *shape),)


KINDS = {
    "pointwise": pointwise,
    "window": window,
    "fully_connected": fully_connected,
    "depthwise": depthwise,
    "add": add,
    "average": average,
}


def cases(kind: str, seed: int, count: int) -> list[Case]:
    rng = np.random.default_rng([seed, 31, list(KINDS).index(kind)])
    return [KINDS[kind](rng) for _ in range(count)]


def _others(op: OpKind, types: tuple[TensorType, ...], cpu: CpuClass) -> tuple[RowKernel, ...]:
    if isinstance(op, Add):
        kernel = add_mve_kernel(op, *types)
        return () if kernel is None else (kernel,)
    if isinstance(op, AveragePool):
        whole = average_mve_kernel(op, *types)
        return () if whole is None else (whole,)
    assert isinstance(op, Conv2D | DepthwiseConv2D | FullyConnected)
    return mve_kernels(op, cpu, *types)


def mve_program(kind: str, seed: int, count: int, cpu: CpuClass) -> Forced:
    """A program with a node for every kernel of the cases."""
    rng = np.random.default_rng([seed, 32])

    def kernels(op: OpKind, *types: TensorType) -> tuple[RowKernel, ...]:
        return (op.row_kernel(cpu, *types), *_others(op, types, cpu))

    return forced(kind, cases(kind, seed, count), kernels, rng)
