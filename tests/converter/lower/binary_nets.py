"""Networks of binary and int8 layers as ONNX, random ones too: chains, residuals, scales at run time."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

from edgewright.converter import binary_functions


class Net:
    """A graph of binary layers under construction."""

    def __init__(self, shape: tuple[int, ...], seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.shape, self.nodes, self.constants = shape, [], []
        self.value = self.quantized("x", 0.04, 5)

    def constant(self, array) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def quantized(self, value: str, scale: float, zero_point: int) -> str:
        pair = [self.constant(np.float32(scale)), self.constant(np.int8(zero_point))]
        out = f"{value}/dequantized"
        self.nodes.append(helper.make_node("QuantizeLinear", [value, *pair], [f"{value}/quantized"]))
        self.nodes.append(helper.make_node("DequantizeLinear", [f"{value}/quantized", *pair], [out]))
        return out

    def normal(self, *shape, zero_at: int | None = None) -> str:
        array = self.rng.normal(size=shape).astype(np.float32)
        if zero_at is not None:
            array.reshape(-1)[zero_at] = 0
        return self.constant(array)

    def signs(self, *shape) -> str:
        return self.constant(self.rng.choice([-1, 1], shape).astype(np.int8))

    def conv(self, outputs: int, function: str = "BinaryConv", size=None, **attributes) -> str:
        channels, kernel = self.shape[1], attributes.pop("kernel", (3, 3))
        spatial = [self.normal(1, 1, *size)] if size else []
        inputs = [
            self.value,
            self.normal(1, channels, 1, 1),
            self.signs(outputs, channels, *kernel),
            *spatial,
        ]
        inputs += [self.normal(1, outputs, 1, 1, zero_at=0), self.normal(1, outputs, 1, 1)]
        self.value = f"y{len(self.nodes)}"
        self.nodes.append(
            binary_functions.binary_conv(inputs, self.value, name=self.value, function=function, **attributes)
        )
        self.shape = (1, outputs, *self.shape[2:])
        return self.value

    def add(self, a: str, b: str) -> None:
        self.value = f"y{len(self.nodes)}"
        self.nodes.append(helper.make_node("Add", [a, b], [self.value], name=self.value))

    def model(self, output: str, x_shape) -> onnx.ModelProto:
        graph = helper.make_graph(
            self.nodes,
            "binary",
            [helper.make_tensor_value_info("x", 1, x_shape)],
            [helper.make_tensor_value_info(output, 1, None)],
            self.constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
        binary_functions.add_functions(model)
        return model


def random_binary_net(seed: int) -> tuple[onnx.ModelProto, tuple[int, ...]]:
    """(model, shape of its input "x"); the output is the float of an int8 tensor."""
    rng = np.random.default_rng(seed)
    channels = int(rng.choice([1, 3, 16, 32, 33, 64]))
    shape = (1, channels, int(rng.integers(4, 12)), int(rng.integers(3, 12)))
    net = Net(shape, seed)
    for _ in range(int(rng.integers(1, 4))):
        _block(net, rng)
    return net.model(net.value, shape), shape


def _block(net: Net, rng: np.random.Generator) -> None:
    """A few binary layers, the last one to int8; sometimes around a residual connection."""
    kind = rng.choice(["chain", "residual", "mean", "spatial"])
    if kind == "residual":
        before, channels = net.value, net.shape[1]
        pads = {"pads": (1, 1, 1, 1), "pad_value": float(rng.choice([-1, 0, 1]))}
        net.conv(channels, **pads)
        branch = net.quantized(net.value, 0.3, int(rng.integers(-20, 20)))
        net.add(before, branch)
        net.value = net.quantized(net.value, 0.4, int(rng.integers(-20, 20)))
        return
    if kind == "chain":
        for _ in range(int(rng.integers(0, 3))):
            _convolution(net, rng, "BinaryConv")
    function = {"mean": "BinaryConvMean", "spatial": "BinaryConvSpatial"}.get(str(kind), "BinaryConv")
    _convolution(net, rng, function)
    net.value = net.quantized(net.value, float(rng.uniform(0.05, 0.6)), int(rng.integers(-128, 128)))


def _convolution(net: Net, rng: np.random.Generator, function: str) -> None:
    rows, columns = net.shape[2:]
    kernel = (int(rng.integers(1, min(4, rows + 1))), int(rng.integers(1, min(4, columns + 1))))
    strides = tuple(int(s) for s in rng.integers(1, 3, 2))
    pads = tuple(int(rng.integers(0, k)) for k in (*kernel, *kernel))
    size = [(n + pads[i] + pads[i + 2] - kernel[i]) // strides[i] + 1 for i, n in enumerate((rows, columns))]
    net.conv(
        int(rng.choice([1, 8, 31, 32, 40, 64])),
        function,
        size=tuple(size) if function == "BinaryConvSpatial" else None,
        kernel=kernel,
        strides=strides,
        pads=pads,
        pad_value=float(rng.choice([-1, 0, 1])),
    )
    net.shape = (1, net.shape[1], *size)
