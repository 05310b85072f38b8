"""Random graphs of many operators against onnxruntime: layouts, sharing, aliases, rewrites together.

Every operator may be off by one step, and the next one may enlarge that; a wrong layout or a wrong
operand is off by tens of steps everywhere. So median and upper decile are bounded, and the rewritten
program must equal the lowered one exactly.
"""

from __future__ import annotations

import os

import numpy as np
import pytest

from edgewright.converter.lower import check_model, lower
from edgewright.converter.rewrites import rewrite
from tests.converter.lower.qdq import Qdq, imported, open_session, random_inputs

COUNT = 40 * int(os.environ.get("EDGEWRIGHT_SOAK", "1"))


class _Graph:
    """Grows a graph; every tensor is (name, shape), dequantized, rank 4, 3 or 2."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.g = Qdq(str(self.rng.choice(["int8", "uint8"])), seed=seed)
        shape = (1, int(self.rng.integers(1, 5)), int(self.rng.integers(4, 8)), int(self.rng.integers(4, 8)))
        self.tensors = [(self.g.input("x", shape), shape)]

    def grow(self, steps: int) -> None:
        for _ in range(steps):
            name, shape = self.tensors[
                int(self.rng.integers(max(0, len(self.tensors) - 3), len(self.tensors)))
            ]
            choices = [c for c in _STEPS if c[0] in (len(shape), 0)]
            made = choices[int(self.rng.integers(len(choices)))][1](self, name, shape)
            if made is not None:
                self.tensors.append((self.g.quantized(made[0]), made[1]))

    def conv(self, x, shape):
        channels, outputs = shape[1], int(self.rng.integers(1, 6))
        depthwise = self.rng.random() < 0.3
        w = self.rng.normal(size=(channels if depthwise else outputs, 1 if depthwise else channels, 3, 3))
        attributes = {"group": channels} if depthwise else {}
        y = self.g.node("Conv", [x, self.g.weights(w, 0)], pads=[1] * 4, **attributes)
        return y, (1, len(w), *shape[2:])

    def unary(self, x, shape):
        op = str(self.rng.choice(["Relu", "Sigmoid", "HardSwish", "Tanh", "Abs", "LeakyRelu", "Softplus"]))
        return self.g.node(op, [x]), shape

    def join(self, x, shape):
        same = [t for t in self.tensors if t[1] == shape]
        other = same[int(self.rng.integers(len(same)))][0]
        return self.g.node(str(self.rng.choice(["Add", "Sub", "Mul"])), [x, other]), shape

    def gate(self, x, shape):
        s = self.g.quantized(self.g.node("GlobalAveragePool", [x]))
        return self.g.node("Mul", [x, self.g.quantized(self.g.node("Sigmoid", [s]))]), shape

    def concat(self, x, shape):
        axis = int(self.rng.integers(1, len(shape)))
        fits = [t for t in self.tensors if t[1] == shape]
        other, own = fits[int(self.rng.integers(len(fits)))]
        result = tuple(n + own[i] if i == axis else n for i, n in enumerate(shape))
        return (self.g.node("Concat", [x, other], axis=axis), result) if result[axis] <= 12 else None

    def pool(self, x, shape):
        if min(shape[2:]) < 2:
            return None
        y = self.g.node(str(self.rng.choice(["MaxPool", "AveragePool"])), [x], kernel_shape=[2, 2])
        return y, (1, shape[1], shape[2] - 1, shape[3] - 1)

    def transpose(self, x, shape):
        perm = [0, *(1 + self.rng.permutation(len(shape) - 1))]
        return self.g.node("Transpose", [x], perm=[int(p) for p in perm]), tuple(shape[p] for p in perm)

    def shuffle(self, x, shape):
        if shape[1] % 2:
            return None
        parts = self.g.constant([1, 2, shape[1] // 2, *shape[2:]], np.int64)
        y = self.g.node("Transpose", [self.g.node("Reshape", [x, parts])], perm=[0, 2, 1, 3, 4])
        return self.g.node("Reshape", [y, self.g.constant(shape, np.int64)]), shape

    def slice(self, x, shape):
        axis = int(self.rng.integers(1, len(shape)))
        if shape[axis] < 2:
            return None
        bounds = [self.g.constant([v], np.int64) for v in (1, shape[axis], axis)]
        return self.g.node("Slice", [x, *bounds]), tuple(n - (i == axis) for i, n in enumerate(shape))

    def pad(self, x, shape):
        widths = [int(v) for v in self.rng.integers(0, 2, 2 * len(shape))]
        widths[0] = widths[len(shape)] = 0
        result = tuple(n + widths[i] + widths[i + len(shape)] for i, n in enumerate(shape))
        return self.g.node("Pad", [x, self.g.constant(widths, np.int64)]), result

    def mean(self, x, shape):
        axis = int(self.rng.integers(1, len(shape)))
        y = self.g.node("ReduceMean", [x, self.g.constant([axis], np.int64)], keepdims=1)
        return y, tuple(1 if i == axis else n for i, n in enumerate(shape))

    def matmul(self, x, shape):
        w = self.g.weights(self.rng.normal(size=(shape[-1], 5)), 1)
        return self.g.node("MatMul", [x, w]), (*shape[:-1], 5)

    def drop(self, x, shape):
        rest = (1, shape[1], shape[2] * shape[3]) if self.rng.random() < 0.5 else (1, int(np.prod(shape)))
        return self.g.node("Reshape", [x, self.g.constant(rest, np.int64)]), rest

    def lift(self, x, shape):
        rest = (*shape, 1) if len(shape) == 3 else (1, 1, 1, shape[1])
        return self.g.node("Reshape", [x, self.g.constant(rest, np.int64)]), rest

    def constant(self, x, shape):
        sizes = [(), (1,), (shape[-1],), tuple(1 if i != 1 else n for i, n in enumerate(shape)), shape]
        c = self.rng.normal(size=sizes[int(self.rng.integers(len(sizes)))])
        zero = 128 if self.g.dtype == "uint8" else 0
        operands = [x, self.g.weights(c, dtype=self.g.dtype, zero_point=zero)]
        self.rng.shuffle(operands)
        return self.g.node(str(self.rng.choice(["Add", "Sub", "Mul"])), operands), shape

    def resize(self, x, shape):
        scales = self.g.constant([1, 1, 2, 1], np.float32)
        mode = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        y = self.g.node("Resize", [x, "", scales], **mode)
        return (y, (*shape[:2], 2 * shape[2], shape[3])) if shape[2] < 12 else None

    def gemm(self, x, shape):
        w = self.g.weights(self.rng.normal(size=(6, shape[1])), 0)
        b = self.g.constant(self.rng.normal(size=6), np.float32)
        return self.g.node("Gemm", [x, w, b], transB=1, alpha=0.5), (1, 6)

    def softmax(self, x, shape):
        """At the integer operator's own scale: a finer one multiplies its step of 1/256."""
        y = self.g.node("Softmax", [x], axis=int(self.rng.integers(1, len(shape))))
        self.tensors.append((self.g.quantized(y, 1 / 256, 0 if self.g.dtype == "uint8" else -128), shape))


_STEPS = [
    *((4, _Graph.conv), (4, _Graph.conv), (4, _Graph.gate), (4, _Graph.pool), (4, _Graph.shuffle)),
    *((4, _Graph.drop), (3, _Graph.lift), (2, _Graph.lift), (4, _Graph.transpose), (3, _Graph.transpose)),
    *((0, _Graph.unary), (0, _Graph.join), (0, _Graph.concat), (0, _Graph.slice), (0, _Graph.pad)),
    *((0, _Graph.constant), (4, _Graph.resize), (2, _Graph.gemm), (2, _Graph.softmax), (4, _Graph.conv)),
    *((0, _Graph.mean), (0, _Graph.matmul), (0, _Graph.join), (0, _Graph.unary)),
]


def random_model(seed):
    """A QDQ model of ten random operators, with one or two outputs."""
    graph = _Graph(seed)
    graph.grow(10)
    names = list(dict.fromkeys(n for n, _ in (graph.tensors[-1], graph.tensors[len(graph.tensors) // 2])))
    if graph.tensors[0][0] in names:
        names.remove(graph.tensors[0][0])
    return graph.g.model(*names)


@pytest.mark.parametrize("seed", range(COUNT))
def test_random_graph(seed):
    model = random_model(seed)
    source = imported(model)
    if any("no transposition" in p.reason for p in check_model(source)):
        pytest.skip("a chain of reshapes that is refused")
    program = lower(source)
    small = rewrite(program)
    session, rng = open_session(model), np.random.default_rng(seed)
    for _ in range(2):
        feeds = random_inputs(model, rng)
        results, reduced = program.run(feeds), small.run(feeds)
        for port, want in zip(program.outputs, session.run(None, feeds), strict=True):
            got = results[port.name]
            assert got.dtype == want.dtype and got.shape == want.shape
            assert np.array_equal(got, reduced[port.name])
            error = np.abs(got.astype(int) - want.astype(int))
            assert np.median(error) <= 4 and np.quantile(error, 0.9) <= 10, (port.name, error.max())
