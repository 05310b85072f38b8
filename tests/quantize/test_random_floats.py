"""Random float graphs: whatever is built, quantization keeps the function and the compiler takes it."""

from __future__ import annotations

import os

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from edgewright.quantize.quantize_model import quantize_model
from edgewright.quantize.settings import RANGE_METHODS, Settings
from tests.quantize.float_models import Floats, program_of, run, run_program, sqnr

CASES = 12 * int(os.environ.get("EDGEWRIGHT_SOAK", "1"))
UNARY = ("Relu", "Sigmoid", "Tanh", "HardSwish", "LeakyRelu", "Abs", "Softplus")


class Growing:
    """A graph that grows by random nodes; all its tensors are (1, channels, side, side)."""

    def __init__(self, seed):
        self.g = Floats((1, 4, 8, 8), seed)
        self.tensors = [("x", 4, 8)]

    def grow(self):
        rng = self.g.rng
        x, channels, side = self.tensors[int(rng.integers(max(0, len(self.tensors) - 3), len(self.tensors)))]
        step = rng.choice(
            ["conv", "norm", "depthwise", "unary", "add", "mul", "concat", "pool", "scale", "pad"]
        )
        self.tensors.append(getattr(self, f"_{step}")(x, channels, side))

    def _conv(self, x, channels, side):
        outputs, kernel = int(self.g.rng.integers(2, 8)), int(self.g.rng.choice([1, 3]))
        pads = [kernel // 2] * 4
        y = self.g.conv(x, outputs, channels, kernel, pads=pads, bias=bool(self.g.rng.integers(2)))
        return (self.g.node("Relu", [y]) if self.g.rng.integers(2) else y), outputs, side

    def _norm(self, x, channels, side):
        return self.g.norm(x, channels), channels, side

    def _depthwise(self, x, channels, side):
        return self.g.conv(x, channels, channels, group=channels, pads=[1] * 4), channels, side

    def _unary(self, x, channels, side):
        return self.g.node(str(self.g.rng.choice(UNARY)), [x]), channels, side

    def _other(self, channels, side):
        """Another tensor of the same shape, made where there is none."""
        same = [t for t, c, s in self.tensors if (c, s) == (channels, side)]
        return str(self.g.rng.choice(same))

    def _add(self, x, channels, side):
        return self.g.node("Add", [x, self._other(channels, side)]), channels, side

    def _mul(self, x, channels, side):
        gate = self.g.node("Sigmoid", [self._other(channels, side)])
        return self.g.node("Mul", [x, gate]), channels, side

    def _concat(self, x, channels, side):
        return self.g.node("Concat", [x, self._other(channels, side)], axis=1), 2 * channels, side

    def _pool(self, x, channels, side):
        if side < 4:
            return self._unary(x, channels, side)
        op = str(self.g.rng.choice(["MaxPool", "AveragePool"]))
        return self.g.node(op, [x], kernel_shape=[2, 2], strides=[2, 2]), channels, side // 2

    def _scale(self, x, channels, side):
        factors = self.g.rng.uniform(0.5, 1.5, (1, channels, 1, 1))
        constant = self.g.constant(factors if self.g.rng.integers(2) else 0.75)
        return self.g.node(str(self.g.rng.choice(["Mul", "Add", "Sub"])), [x, constant]), channels, side

    def _pad(self, x, channels, side):
        padded = self.g.node("Pad", [x, self.g.constant([0, 0, 1, 1, 0, 0, 1, 1], np.int64)])
        return self.g.conv(padded, channels, channels), channels, side

    def finished(self):
        x, channels, _ = self.tensors[-1]
        y = self.g.node("GlobalAveragePool", [self.g.conv(x, 6, channels, kernel=1)])
        return self.g.model(self.g.gemm(self.g.node("Flatten", [y]), 6, 4))


@pytest.mark.parametrize("seed", range(CASES))
def test_random_graphs(seed):
    growing = Growing(seed)
    for _ in range(7):
        growing.grow()
    model, samples = growing.finished(), growing.g.samples()
    method = RANGE_METHODS[seed % 3]  # entropy clips on purpose; its error has no bound to test
    made = quantize_model(model, samples, Settings(ranges=method, equalize=seed % 2 == 1))
    onnx.checker.check_model(ir.to_proto(made.model), full_check=True)
    wanted, found = run(model.model, samples), run(made.model, samples)
    assert sqnr(found, wanted) > 12
    device = run_program(program_of(made.model), samples[:2])
    assert sqnr(device, found[:2]) > 20
