"""The layers whose costs are measured: seeded, of every kind of kernel.

Work is bounded, so that one emulator run takes a few dozen layers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from zlib import crc32

import numpy as np

from benchmarks.costs import (
    binary_layers,
    compact,
    convolutions,
    mve,
    one_pixel,
    other_layers,
    packed,
    planes,
    scalar,
    wide,
    winograd,
)
from benchmarks.costs.ops import FUNCTIONS
from benchmarks.costs.shapes import MAX_INPUT_BYTES, MAX_MACS, MAX_WEIGHTS_BYTES, Case, Rng
from edgewright.converter.ops.base import OpKind
from edgewright.converter.ops.binary_conv import BinaryConv2D
from edgewright.converter.program import Node, Port, Program, TensorType

Generator = Callable[[Rng], Case]
# Layers of one kind run together in programs of their own; the count is that of each generator.
KINDS: dict[str, tuple[int, tuple[Generator, ...]]] = {
    "driver": (30, (other_layers.driver,)),
    "conv": (150, (convolutions.conv,)),
    "narrow": (40, (convolutions.narrow,)),
    "depthwise": (60, (convolutions.depthwise,)),
    "depthwise_other": (90, (convolutions.depthwise_other,)),
    "temporal": (30, (convolutions.temporal,)),
    "fully_connected": (120, (convolutions.fully_connected,)),
    "packed": (
        90,
        (packed.packed_conv, packed.packed_conv, packed.packed_narrow, packed.packed_fully_connected),
    ),
    "packed_depthwise": (40, (packed.packed_depthwise,)),
    "binary_conv": (30, (binary_layers.signs, binary_layers.bounded, binary_layers.general)),
    "binary_input": (30, (binary_layers.binarize,)),
    "magnitude": (
        10,
        (binary_layers.magnitude, binary_layers.magnitude_rows, binary_layers.magnitude_finish),
    ),
    "binary": (15, (other_layers.add, other_layers.subtract, other_layers.multiply)),
    "pool": (15, (other_layers.average_pool, other_layers.max_pool, other_layers.global_pool)),
    "sums": (15, (other_layers.add_rows, other_layers.finish_sums)),
    "mean": (15, (other_layers.mean,)),
    "softmax": (20, (other_layers.softmax,)),
    "elementwise": (8, (other_layers.lookup, other_layers.quantize, other_layers.dequantize)),
    "movement": (
        12,
        (
            other_layers.concat,
            other_layers.pad,
            other_layers.cut,
            other_layers.transpose,
            other_layers.resize,
        ),
    ),
    "floats": (25, (other_layers.float_node,)),
    "functions": (3, tuple(partial(other_layers.float_function, name) for name in FUNCTIONS)),
    "copy": (25, (other_layers.copy,)),
}

# Kinds whose layers are listed, so that they tell the coefficients of a family of kernels apart.
LISTED: dict[str, Callable[[], list[Case]]] = {
    "wide": wide.cases,
    "one_pixel": one_pixel.cases,
    "planes": planes.cases,
    "winograd": winograd.cases,
    "scalar": scalar.cases,
    "mve": mve.cases,
    "compact": compact.cases,
}
ALL_KINDS = (*KINDS, *LISTED)


def cases(kind: str, seed: int = 0) -> Iterator[Case]:
    """The layers of one kind, each within the bounds of this module."""
    if kind in LISTED:
        yield from LISTED[kind]()
        return
    count, generators = KINDS[kind]
    rng = np.random.default_rng([seed, crc32(kind.encode())])
    for make in generators * count:
        yield next(case for case in _endless(make, rng) if _is_small(*case))


def _endless(make: Generator, rng: Rng) -> Iterator[Case]:
    while True:
        yield make(rng)


def _is_small(op: OpKind, types: tuple[TensorType, ...]) -> bool:
    inputs = all(t.size_bytes <= MAX_INPUT_BYTES for t in types)
    # A multiply-accumulate of signs takes a small part of the time.
    largest = 10 * MAX_MACS if isinstance(op, BinaryConv2D) else MAX_MACS
    return inputs and op.weights_bytes <= MAX_WEIGHTS_BYTES and op.macs(*types) <= largest


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
