"""The layers whose costs are measured: seeded, of every kind of kernel.

Work is bounded, so that one emulator run takes a few dozen layers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from zlib import crc32

import numpy as np

from benchmarks.costs.convolutions import conv, depthwise, depthwise_other, fully_connected, temporal
from benchmarks.costs.other_layers import (
    binary,
    copy,
    driver,
    elementwise,
    floats,
    mean,
    movement,
    pool,
    softmax,
    sums,
)
from benchmarks.costs.shapes import MAX_INPUT_BYTES, MAX_MACS, MAX_WEIGHTS_BYTES, Case, Rng
from edgewright.converter.program import Node, Port, Program, TensorType

KINDS: dict[str, tuple[Callable[[Rng], Case], int]] = {
    "driver": (driver, 30),
    "conv": (conv, 150),
    "depthwise": (depthwise, 60),
    "depthwise_other": (depthwise_other, 90),
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
    rng = np.random.default_rng([seed, crc32(kind.encode())])
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
