"""Random convolutions and fully connected layers with packed weights, in every format and requantization."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from edgewright.converter.ops.base import OpKind
from edgewright.converter.ops.weight_format import WEIGHT_FORMATS
from edgewright.converter.program import TensorType
from edgewright.targets.codegen.row_kernel import RowKernel
from edgewright.targets.cpu import CpuClass
from tests.targets.codegen import lean_cases
from tests.targets.codegen.op_cases import Case, Rng, depthwise
from tests.targets.codegen.side_by_side import Forced, forced

FORMATS = tuple(name for name, f in WEIGHT_FORMATS.items() if f.packed)
# The results are scaled up by so many bits, as the weights are smaller than those of int8: no more, or some
# shifts would go left, for which there is one requantization only.
SMALLER_BITS = {"int4": 2, "int2": 3, "ternary": 3, "binary": 3}


def with_format(op, name: str, rng: Rng):
    """The layer with random weights of a format, sometimes all of them the lowest or the highest one."""
    stored = WEIGHT_FORMATS[name]
    levels = stored.step * np.arange(stored.levels) + stored.offset
    weights = rng.choice(levels, op.weights.shape)
    if rng.random() < 0.15:
        weights[:] = rng.choice(levels[[0, -1]])
    call = replace(op.requantize, shift=op.requantize.shift + np.int32(SMALLER_BITS[name]))
    return replace(op, weights=weights.astype(np.int8), requantize=call, weight_format=name)


def cases(seed: int, count: int, formats: tuple[str, ...] = FORMATS) -> list[Case]:
    """`count` layers of every kind, requantization and format."""
    found: list[Case] = []
    for name in formats:
        rng = np.random.default_rng([seed, 21, FORMATS.index(name)])
        dense = lean_cases.cases(seed * len(FORMATS) + FORMATS.index(name), count)
        found += [
            narrowed((with_format(op, name, rng), types), rng)
            for op, types in (*dense, *(depthwise(rng) for _ in range(4 * count)))
        ]
    return found


def narrowed(case: Case, rng: Rng) -> Case:
    """Of layers that look at one pixel at a time some with one column: they have tiles of their own."""
    op, (x,) = case
    if op.kind == "dw" or getattr(op, "window", (1, 1)) != (1, 1) or rng.random() < 0.5:
        return case
    return op, (replace(x, shape=(x.shape[0], 1, x.shape[2])),)


def tile_forms(kernel: RowKernel) -> set[str]:
    """Tile functions that a kernel calls, e.g. "ew_packed2_4x1_once"."""
    return set(re.findall(r"\bew_packed\w*_\dx\d_\w+(?=\()", kernel.source))


def packed_program(seed: int, count: int, cpu: CpuClass, formats: tuple[str, ...] = FORMATS) -> Forced:
    """A program with a node for every kernel of the cases, those with less scratch memory included."""
    rng = np.random.default_rng([seed, 22])

    def kernels(op: OpKind, x: TensorType) -> tuple[RowKernel, ...]:
        return (op.row_kernel(cpu, x), *op.lean_kernels(cpu, x))

    return forced("packed", cases(seed, count, formats), kernels, rng)
