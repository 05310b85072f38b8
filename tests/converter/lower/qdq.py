"""Builds small QDQ ONNX models, and compares what `lower` makes of them with onnxruntime.

g = Qdq("int8")
x = g.input("x", (1, 3, 8, 8))
y = g.quantized(g.node("Relu", [x]))
check(g.model(y))

Scales of intermediate tensors are calibrated: onnxruntime runs what is there so far.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from edgewright.converter.importers import ImportedModel, load_model
from edgewright.converter.lower import lower
from edgewright.converter.program import Program
from edgewright.converter.rewrites import rewrite

LIMITS = {"int8": (-128, 127), "uint8": (0, 255)}
ONNX_TYPES = {"int8": TensorProto.INT8, "uint8": TensorProto.UINT8, "float32": TensorProto.FLOAT}


class Qdq:
    """A graph under construction; methods take and return tensor names.

    Args:
        dtype: "int8" or "uint8" activations.
        io: "int" gives integer graph inputs and outputs, "float" quantizes inside the graph.
    """

    def __init__(self, dtype: str = "int8", io: str = "int", seed: int = 0, opset: int = 21) -> None:
        self.dtype = dtype
        self.io = io
        self.rng = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.opset = opset
        self._count = 0

    def name(self, stem: str) -> str:
        self._count += 1
        return f"{stem}_{self._count}"

    def constant(self, values: Any, dtype: Any = None) -> str:
        """An initializer."""
        array = np.asarray(values, dtype)
        name = self.name("c")
        self.initializers.append(numpy_helper.from_array(array.copy(order="C"), name))
        return name

    def node(
        self, op: str, inputs: Sequence[str], outputs: int = 1, domain: str = "", **attributes: Any
    ) -> Any:
        """Add a node; returns its output name, or a list of them."""
        names = [self.name(op.lower()) for _ in range(outputs)]
        self.nodes.append(
            helper.make_node(op, inputs, names, name=f"{op}_{len(self.nodes)}", domain=domain, **attributes)
        )
        return names[0] if outputs == 1 else names

    def input(self, name: str, shape: Sequence[int], scale: float = 0.05, zero_point: int = 3) -> str:
        """A graph input; returns its dequantized tensor."""
        zero_point = zero_point if self.dtype == "int8" else zero_point + 128
        if self.io == "float":
            self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
            return self.dequantize(self.quantize(name, scale, zero_point), scale, zero_point)
        self.inputs.append(helper.make_tensor_value_info(name, ONNX_TYPES[self.dtype], shape))
        return self.dequantize(name, scale, zero_point)

    def stored_input(self, name: str, shape: Sequence[int]) -> str:
        """An integer graph input, not dequantized."""
        self.inputs.append(helper.make_tensor_value_info(name, ONNX_TYPES[self.dtype], shape))
        return name

    def quantize(self, real: str, scale: float, zero_point: int) -> str:
        parameters = [self.constant(np.float32(scale)), self.constant(zero_point, self.dtype)]
        return str(self.node("QuantizeLinear", [real, *parameters]))

    def dequantize(self, stored: str, scale: float, zero_point: int) -> str:
        parameters = [self.constant(np.float32(scale)), self.constant(zero_point, self.dtype)]
        return str(self.node("DequantizeLinear", [stored, *parameters]))

    def quantized(self, real: str, scale: float | None = None, zero_point: int = 0) -> str:
        """Q and DQ of a tensor, calibrated where no scale is given."""
        if scale is None:
            scale, zero_point = self.calibrated(real)
        return self.dequantize(self.quantize(real, scale, zero_point), scale, zero_point)

    def calibrated(self, real: str) -> tuple[float, int]:
        """(scale, zero point) covering most of what a tensor takes on random inputs."""
        model = self.model(real, output_type="float32")
        session = open_session(model)
        values = np.concatenate(
            [session.run(None, random_inputs(model, self.rng))[0].ravel() for _ in range(4)]
        ).astype(np.float64)
        low, high = min(0.0, *np.quantile(values, [0.01, 0.99])), max(0.0, *np.quantile(values, [0.01, 0.99]))
        smallest, largest = LIMITS[self.dtype]
        scale = float(np.float32(max(high - low, 1e-3) / 255))
        return scale, int(np.clip(round(smallest - low / scale), smallest, largest))

    def weights(
        self,
        real: Any,
        axis: int | None = None,
        *,
        dtype: str = "int8",
        zero_point: int = 0,
        fold: bool = False,
    ) -> str:
        """Dequantized constant weights.

        Args:
            real: Values.
            axis: Axis of the scales; None is per tensor.
            dtype: Of the stored integers.
            zero_point: Of all channels.
            fold: Store floats behind a QuantizeLinear, as quantize_static can.
        """
        real = np.asarray(real, np.float32)
        others = tuple(i for i in range(real.ndim) if i != axis) if axis is not None else None
        scale = np.maximum(np.abs(real).max(axis=others), 1e-3).astype(np.float32) / np.float32(127)
        zeros = np.full(scale.shape, zero_point, dtype)
        shape = [-1 if i == axis else 1 for i in range(real.ndim)] if axis is not None else []
        attributes = {} if axis is None else {"axis": axis}
        parameters = [self.constant(scale), self.constant(zeros)]
        if fold:
            stored = self.node("QuantizeLinear", [self.constant(real), *parameters], **attributes)
        else:
            integers = np.rint(real / scale.reshape(shape)) + zero_point
            stored = self.constant(np.clip(integers, *LIMITS[dtype]).astype(dtype))
        return str(self.node("DequantizeLinear", [stored, *parameters], **attributes))

    def bias(self, real: Any, scale: Any) -> str:
        """Dequantized int32 bias, `scale` being input scale * weight scale."""
        scale = np.asarray(scale, np.float32)
        integers = np.rint(np.asarray(real) / scale).astype(np.int32)
        parameters = [self.constant(scale), self.constant(np.zeros(scale.shape, np.int32))]
        attributes = {"axis": 0} if scale.ndim else {}
        return str(self.node("DequantizeLinear", [self.constant(integers), *parameters], **attributes))

    def model(self, *outputs: str, output_type: str | None = None) -> onnx.ModelProto:
        """The model whose outputs are dequantized tensors made by `quantized`.

        With integer inputs and outputs the last DequantizeLinear is left out.
        """
        nodes = list(self.nodes)
        names = list(outputs)
        kind = output_type or ("float32" if self.io == "float" else self.dtype)
        if output_type is None and self.io == "int":
            names = [next(n.input[0] for n in nodes if n.output[0] == name) for name in names]
        graph = helper.make_graph(
            nodes,
            "test",
            self.inputs,
            [helper.make_tensor_value_info(n, ONNX_TYPES[kind], None) for n in names],
            self.initializers,
        )
        domains = {n.domain for n in nodes} - {""}
        opsets = [helper.make_opsetid("", self.opset), *(helper.make_opsetid(d, 1) for d in domains)]
        return onnx.shape_inference.infer_shapes(
            helper.make_model(graph, opset_imports=opsets, ir_version=10)
        )


def open_session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """onnxruntime without any graph optimization: QDQ is computed in float."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def random_inputs(model: onnx.ModelProto, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Integers over their whole range, floats around zero."""
    made = {}
    for value in model.graph.input:
        shape = [d.dim_value or 1 for d in value.type.tensor_type.shape.dim]
        dtype = helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
        if dtype == np.float32:
            made[value.name] = rng.normal(size=shape).astype(np.float32) * np.float32(2)
        else:
            limits = np.iinfo(dtype)
            made[value.name] = rng.integers(limits.min, limits.max + 1, shape).astype(dtype)
    return made


def imported(model: onnx.ModelProto) -> ImportedModel:
    """The model through the real importer."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        onnx.save(model, path)
        return load_model(path)


def check(model: onnx.ModelProto, *, bound: int = 1, runs: int = 4, seed: int = 7) -> Program:
    """Compare the lowered program with onnxruntime: every output within `bound` steps of its scale.

    The rewritten program and that with int8 ports must give exactly the same.

    Returns:
        The rewritten program.
    """
    program = lower(imported(model))
    small = rewrite(program)
    inside = rewrite(lower(imported(model), io="int8"))
    session, rng = open_session(model), np.random.default_rng(seed)
    for _ in range(runs):
        feeds = random_inputs(model, rng)
        results, reduced = program.run(feeds), small.run(feeds)
        expected = session.run(None, feeds)
        bare = inside.run({p.name: _as_int8(program, inside, p.name, feeds[p.name]) for p in inside.inputs})
        for port, want in zip(program.outputs, expected, strict=True):
            got = results[port.name]
            assert got.dtype == want.dtype and got.shape == want.shape
            assert np.array_equal(got, reduced[port.name])
            step = _step(inside, port.name) if want.dtype == np.float32 else 1.0
            worst = np.abs(got.astype(np.float64) - want.astype(np.float64)).max() / step
            assert worst <= bound + 1e-3, f"{port.name} differs by {worst} steps"
            assert np.array_equal(_from_int8(inside, port.name, bare[port.name], want.dtype), got)
    return small


def _type_of(program: Program, ports: Any, name: str) -> Any:
    return next(program.values[p.value] for p in ports if p.name == name)


def _step(program: Program, name: str) -> float:
    return float(_type_of(program, program.outputs, name).scale)


def _as_int8(source: Program, inside: Program, name: str, data: np.ndarray) -> np.ndarray:
    """A graph input of the source model as the int8 port takes it."""
    if data.dtype == np.uint8:
        return (data.astype(np.int16) - 128).astype(np.int8)
    if data.dtype == np.int8:
        return data
    tensor = _type_of(inside, inside.inputs, name)
    ratio = (data / np.float32(tensor.scale)).astype(np.float64)
    rounded = np.copysign(np.floor(np.abs(ratio) + 0.5), ratio)
    return np.clip(rounded + tensor.zero_point, -128, 127).astype(np.int8)


def _from_int8(inside: Program, name: str, data: np.ndarray, dtype: Any) -> np.ndarray:
    if dtype == np.uint8:
        return (data.astype(np.int16) + 128).astype(np.uint8)
    if dtype == np.int8:
        return data
    tensor = _type_of(inside, inside.outputs, name)
    steps = data.astype(np.float32) - np.float32(tensor.zero_point)
    return (np.float32(tensor.scale) * steps).astype(np.float32)
