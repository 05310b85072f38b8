"""Float ONNX -> int8 ONNX with QDQ nodes, for nets whose memory matters and whose accuracy does not.

onnxruntime's static quantization does the work: int8 activations with ranges seen on seeded random inputs,
so that values are neither saturated nor dead; symmetric int8 weights with a scale for each output channel;
int32 biases; batch norms folded and activations merged into the layer before them.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from edgewright.converter.program import Array
from edgewright.errors import UsageError

SAMPLES = 4


def random_inputs(model: onnx.ModelProto, seed: int, count: int) -> list[dict[str, Array]]:
    """Inputs of a float model, float32, uniform in -1 .. 1, by input name.

    Raises:
        UsageError: EW-BENCH-SHAPE, an input that is not float32 of a fixed shape.
    """
    rng = np.random.default_rng(seed)
    shapes = {i.name: _shape(i) for i in model.graph.input}
    return [
        {name: rng.uniform(-1, 1, shape).astype(np.float32) for name, shape in shapes.items()}
        for _ in range(count)
    ]


def _shape(value: onnx.ValueInfoProto) -> list[int]:
    tensor = value.type.tensor_type
    dims = [d.dim_value for d in tensor.shape.dim]
    if tensor.elem_type != TensorProto.FLOAT or 0 in dims:
        given = f"{TensorProto.DataType.Name(tensor.elem_type)} {dims}"
        raise UsageError("EW-BENCH-SHAPE", f"input {value.name!r} is {given}, not float32 of a fixed shape")
    return dims


class _Samples(CalibrationDataReader):
    """The inputs in the form that onnxruntime's calibration asks for."""

    def __init__(self, inputs: list[dict[str, Array]]) -> None:
        self._inputs = iter(inputs)

    def get_next(self) -> dict[str, Array] | None:
        return next(self._inputs, None)


def quantize(source: Path, *, seed: int = 0) -> onnx.ModelProto:
    """The int8 model of a float one; its inputs and outputs are int8 too.

    Args:
        source: A float32 .onnx file; initializers are its only constants, shapes are fixed.
        seed: Of the inputs on which the ranges are taken.

    Raises:
        UsageError: EW-BENCH-SHAPE.
    """
    samples = _Samples(random_inputs(onnx.load(source, load_external_data=False), seed, SAMPLES))
    with tempfile.TemporaryDirectory(prefix="edgewright-quantize-") as folder:
        simple, quantized = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        quant_pre_process(str(source), str(simple), skip_symbolic_shape=True)
        quantize_static(
            simple,
            quantized,
            samples,
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
        )
        return _with_int8_ports(onnx.load(quantized))


def _with_int8_ports(model: onnx.ModelProto) -> onnx.ModelProto:
    """Drop QuantizeLinear of the inputs and DequantizeLinear of the outputs: callers hand over int8."""
    graph = model.graph
    inputs, outputs = {i.name: i for i in graph.input}, {o.name: o for o in graph.output}
    dropped = []
    for node in graph.node:
        if node.op_type == "QuantizeLinear" and node.input[0] in inputs:
            _rename(graph, node.output[0], node.input[0])
            inputs[node.input[0]].type.tensor_type.elem_type = TensorProto.INT8
            dropped.append(node)
        elif node.op_type == "DequantizeLinear" and node.output[0] in outputs:
            _rename(graph, node.input[0], node.output[0])
            outputs[node.output[0]].type.tensor_type.elem_type = TensorProto.INT8
            dropped.append(node)
    for node in dropped:
        graph.node.remove(node)
    del graph.value_info[:]
    onnx.checker.check_model(model, full_check=True)
    return model


def _rename(graph: onnx.GraphProto, old: str, new: str) -> None:
    """Call a value by another name wherever it is made or read."""
    for node in graph.node:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                if name == old:
                    names[index] = new
