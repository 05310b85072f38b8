"""Layers of the binary benchmark: random ones, run on an emulated board or on this machine."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.costs.grid import program_of
from benchmarks.costs.measure import board_of
from edgewright.converter.ops.base import OpKind, Padding
from edgewright.converter.ops.binary_conv import BinaryConv2D
from edgewright.converter.ops.bits import bits_type, pack_bits
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.requantize import Requantize
from edgewright.converter.program import Array, Quantization, TensorType
from edgewright.converter.schedule import Wish
from edgewright.runtime.command_link import Timeouts
from edgewright.runtime.devices.device import Device
from edgewright.runtime.devices.transport import EmulatorTransport
from edgewright.runtime.infer import infer_cases
from edgewright.targets.codegen.library import emit_library
from edgewright.targets.cpu import cpu_class
from edgewright.targets.forms import node_kernels
from edgewright.targets.host.binary_dot import LANES, compile_mismatches, host_target, mismatches
from edgewright.targets.planning import Planning
from edgewright.targets.toolchain import build_firmware

Shape = tuple[int, int, int]
# Inputs of 100 kB and inferences of 10^8 cycles, also on a busy machine.
PATIENCE = Timeouts(line_s=60.0, load_s=120.0, run_s=600.0)


@dataclass(frozen=True)
class Layer:
    """An op with its input.

    Args:
        op: The op.
        kind: Type of the input.
        x: Its values.
    """

    op: OpKind
    kind: TensorType
    x: Array

    @property
    def macs(self) -> int:
        return self.op.macs(self.kind)


@dataclass(frozen=True)
class Run:
    """What a layer did on a board.

    Args:
        instructions: Executed.
        cycles: Estimated; None where the core has no timing table.
        weights_bytes: Weights as stored in flash.
        equal: Whether the output is that of golden.
    """

    instructions: int
    cycles: int | None
    weights_bytes: int
    equal: bool

    @property
    def cost(self) -> int:
        return self.instructions if self.cycles is None else self.cycles


def binary_layer(shape: Shape, outputs: int, window: int, *, signs: bool = True) -> Layer:
    """Random signs and weights, zero padding that keeps the size; thresholds, or int8 output."""
    rng = np.random.default_rng(0)
    channels, depth, border = shape[2], window * window * shape[2], window // 2
    weights = pack_bits(rng.random((outputs, window, window, channels)) < 0.5)
    steps: dict[str, Any] = {"padding": Padding(border, border, border, border)}
    if signs:
        steps["thresholds"] = rng.integers(-9, 10, outputs).astype(np.int32)
    else:
        scales = np.full(outputs, 1 / np.sqrt(depth), np.float32)
        bias = rng.integers(-100, 100, outputs).astype(np.int32)
        steps["requantize"] = Requantize.for_conv(1.0, scales, Quantization(0.05, 0), bias)
    op = BinaryConv2D(weights, channels, **steps)
    return Layer(op, bits_type(shape), pack_bits(rng.random(shape) < 0.5))


def int8_layer(shape: Shape, outputs: int, window: int) -> Layer:
    """A convolution of the same shape, with the cheapest requantization."""
    rng = np.random.default_rng(0)
    depth, border = window * window * shape[2], window // 2
    weights = rng.integers(-127, 128, (outputs, window, window, shape[2])).astype(np.int8)
    scales = np.full(outputs, 1 / (128 * np.sqrt(depth)), np.float32)
    call = Requantize.for_conv(1.0, scales, Quantization(1.0, -128), np.zeros(outputs, np.int32))
    op = Conv2D(weights, call, padding=Padding(border, border, border, border), input_zero_point=-128)
    x = rng.integers(-128, 128, shape).astype(np.int8)
    return Layer(op, TensorType(shape, "int8", Quantization(0.05, -128)), x)


def run_layer(layer: Layer, model: str) -> Run:
    """Build a layer for a family of cores, run it on the emulated board, compare and count."""
    board = board_of(model)
    cpu = cpu_class(board.features, board.cpu)
    program = program_of("layer", [(layer.op, (layer.kind,))])
    # Of several kernels the one that computes row by row, as the binary ones do.
    kernels = {name: replace(own, layer=own.layer[:1]) for name, own in node_kernels(program, cpu).items()}
    planned = Planning(program, cpu, None, kernels).plan(Wish("layer", "resident"))
    case = {program.inputs[0].name: layer.x}
    with tempfile.TemporaryDirectory(prefix="edgewright-binary-") as name:
        folder = Path(name)
        emit_library(program, planned.plan, planned.kernels, planned.cpu, folder / "library")
        image = build_firmware(folder / "library", board, folder / "firmware")
        with Device(EmulatorTransport(board, image.elf, count=True), PATIENCE) as device:
            outputs = infer_cases(program, [case], device)
            assert device.counter is not None
            device.counter.take()
            device.profile()
            (passage,) = [p for p in device.counter.take() if p.pair == "layer"]
    ((kernel,),) = [own.layer for own in planned.kernels.values()]
    equal = np.array_equal(outputs[program.outputs[0].name][0], layer.op.golden(layer.x))
    # Streams of int8 kernels hold biases and factors between the weights, binary ones have them apart.
    op = layer.op
    weights = int(op.weights.size) if isinstance(op, Conv2D) else max(c.nbytes for c in kernel.constants)
    return Run(passage.instructions, passage.cycles, weights, equal)


def host_rates(pixels: int, depth: int, outputs: int) -> dict[str, float]:
    """Multiply-accumulates a second of one core of this machine: binary, and int8 by the same loops."""
    rng = np.random.default_rng(0)
    x, w = (rng.integers(0, 2**32, (n, depth // 32), dtype=np.uint32) for n in (pixels, outputs))
    exact = np.array_equal(mismatches(x, w), np.bitwise_count(x[:, None] ^ w).sum(axis=2))
    macs = pixels * depth * outputs
    kernel, arrays = _binary_kernel(x, w)
    int8, operands = _int8_kernel(pixels, depth, outputs)
    return {
        "binary": macs / _seconds(kernel, arrays),
        "int8": macs / _seconds(int8, operands),
        "equal": float(exact),
    }


def _seconds(function: Any, arrays: list[Any]) -> float:
    """The fastest of some calls."""
    times = []
    for _ in range(20):
        begin = time.perf_counter()
        function(*arrays)
        times.append(time.perf_counter() - begin)
    return min(times)


def _binary_kernel(x: Array, w: Array) -> tuple[Any, list[Any]]:
    from tvm import runtime

    blocks = len(w) // LANES
    lanes = np.ascontiguousarray(w.reshape(blocks, LANES, -1).transpose(0, 2, 1))
    y = np.zeros((len(x), len(w)), np.int32)
    built = compile_mismatches(len(x), x.shape[1], blocks, host_target(), masked=False)
    return built["f"], [runtime.tensor(a) for a in (x, lanes, y)]


def _int8_kernel(pixels: int, depth: int, outputs: int) -> tuple[Any, list[Any]]:
    import tvm
    from tvm.script import from_source
    from tvm.script import tirx as T

    blocks, lane = outputs // LANES, f"Y[p, o * {LANES} + l]"
    script = f"""
@T.prim_func(s_tir=True)
def f(X: T.Buffer(({pixels}, {depth}), "int8"), W: T.Buffer(({blocks}, {depth}, {LANES}), "int8"),
      Y: T.Buffer(({pixels}, {outputs}), "int32")):
    T.func_attr({{"global_symbol": "f", "tirx.noalias": True}})
    for o, p in T.grid({blocks}, {pixels}):
        for l in T.vectorized({LANES}):
            {lane} = 0
        for k in range({depth}):
            for l in T.vectorized({LANES}):
                {lane} = {lane} + T.cast(X[p, k], "int32") * T.cast(W[o, k, l], "int32")
"""
    module = tvm.IRModule({"f": from_source(script, {"T": T})})
    built = tvm.compile(module, tvm.target.Target(host_target()))
    rng = np.random.default_rng(0)
    x = rng.integers(-128, 128, (pixels, depth)).astype(np.int8)
    w = rng.integers(-128, 128, (blocks, depth, LANES)).astype(np.int8)
    y = np.zeros((pixels, outputs), np.int32)
    return built["f"], [tvm.runtime.tensor(a) for a in (x, w, y)]
