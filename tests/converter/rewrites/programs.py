"""Small programs for the tests of the rewrites, and the comparison before and after."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgewright.converter.ops.base import OpKind
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.ops.requantize import Requantize
from edgewright.converter.program import Node, Port, Program, Quantization, Shape, TensorType
from edgewright.converter.rewrites.rewrite import Rewrite, rewrite

Q = Quantization(0.05, 3)
OTHER = Quantization(0.02, -40)


class Sketch:
    """A program under construction: `add` takes value names and returns one."""

    def __init__(self, shape: Shape = (6, 5, 4), quantization: Quantization = Q) -> None:
        self.values = {"x": TensorType(shape, "int8", quantization)}
        self.nodes: list[Node] = []

    def add(self, op: OpKind, *inputs: str, name: str | None = None) -> str:
        name = name or f"v{len(self.nodes)}"
        self.values[name] = op.output_type(*(self.values[i] for i in inputs))
        self.nodes.append(Node(f"node_{name}", op, inputs, name))
        return name

    def program(self, *outputs: str) -> Program:
        def port(name: str) -> Port:
            shape = self.values[name].shape
            return Port(name, name, shape, (0, 1, 2))

        made = Program(
            name="sketch",
            source_sha256="0" * 64,
            inputs=(port("x"),),
            outputs=tuple(port(o) for o in outputs),
            values=self.values,
            nodes=tuple(self.nodes),
        )
        made.verify()
        return made


def requantize(channels: int, output: Quantization = Q, seed: int = 0) -> Requantize:
    bias = np.random.default_rng(seed).integers(-500, 500, channels).astype(np.int32)
    return Requantize.for_conv(Q.scale, np.full(channels, 0.02), output, bias)


def weights(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-127, 128, shape).astype(np.int8)


def conv(outputs: int = 3, inputs: int = 4, **attributes) -> Conv2D:
    zero = attributes.pop("zero", Q.zero_point)
    return Conv2D(weights(outputs, 3, 3, inputs), requantize(outputs), input_zero_point=zero, **attributes)


def depthwise(channels: int = 4, **attributes) -> DepthwiseConv2D:
    return DepthwiseConv2D(weights(3, 3, channels), requantize(channels), input_zero_point=3, **attributes)


def dense(outputs: int = 3, inputs: int = 4) -> FullyConnected:
    return FullyConnected(weights(outputs, inputs), requantize(outputs), Q.zero_point)


def same_after(program: Program, rewrites: Sequence[Rewrite], runs: int = 5) -> Program:
    """The rewritten program, verified, with outputs equal on random inputs and their extremes."""
    after = rewrite(program, rewrites)
    rng = np.random.default_rng(0)
    shape = program.inputs[0].source_shape
    samples = [rng.integers(-128, 128, shape).astype(np.int8) for _ in range(runs)]
    samples += [np.full(shape, v, np.int8) for v in (-128, 127)]
    for x in samples:
        before, now = program.run({"x": x}), after.run({"x": x})
        assert before.keys() == now.keys()
        assert all(np.array_equal(before[k], now[k]) for k in before)
    assert after.inputs == program.inputs
    return after


def kinds(program: Program) -> list[str]:
    return [n.op.kind for n in program.nodes]
