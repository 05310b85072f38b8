"""Models the fuzzer damages: small, and of as many parts of the importers as possible."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.converter.importers.onnx_models import cnn, text_model
from tests.shared import SHARED
from tests.tflite_builder import TfliteBuilder

QDQ = """<ir_version: 8, opset_import: ["" : 17, "mine" : 1]>
main (float[N,3,8,8] x) => (float[N,4] y)
<float s = {0.05}, int8 z = {3}, float[4] ws = {0.1, 0.2, 0.3, 0.4}, int8[4] wz = {0, 0, 0, 0},
 float bs = {0.01}, int64[2] pads = {0, 0}>
{
    q = QuantizeLinear(x, s, z)
    d = DequantizeLinear(q, s, z)
    wd = DequantizeLinear <axis = 0> (w, ws, wz)
    bd = DequantizeLinear(b, bs)
    [conv] c = Conv <pads = [0,0,1,1], strides = [2,2], kernel_shape = [3,3]> (d, wd, bd)
    r = mine.act(c)
    m = ReduceMean <axes = [2, 3]> (r)
    shape = Shape(m)
    zero = Constant <value_int = 0> ()
    n = Gather(shape, zero)
    ax = Constant <value_ints = [0]> ()
    nu = Unsqueeze(n, ax)
    rest = Constant <value_ints = [-1]> ()
    target = Concat <axis = 0> (nu, rest)
    f = Reshape(m, target)
    p1, p2 = Split <axis = 1> (f)
    j = Concat <axis = 1> (p2, p1)
    y = Softmax <axis = -1> (j)
}
<domain: "mine", opset_import: ["" : 17]>
act (v) => (w) { w = Relu(v) }"""


def onnx_models() -> dict[str, bytes]:
    """Small .onnx files by name."""
    rng = np.random.default_rng(0)
    qdq = text_model(
        QDQ,
        w=rng.integers(-127, 128, (4, 3, 3, 3)).astype(np.int8),
        b=rng.integers(-99, 99, 4).astype(np.int32),
    )
    external = cnn()
    tensor = external.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = tensor.EXTERNAL
    for key, value in (("location", "weights.bin"), ("offset", "0"), ("length", "864")):
        tensor.external_data.add(key=key, value=value)
    models = {"qdq": qdq, "cnn": cnn(), "external": external}
    return {name: model.SerializeToString() for name, model in models.items()} | _shared(
        "*/float_onnx/k*.onnx"
    )


def tflite_models() -> dict[str, bytes]:
    """Small .tflite files by name."""
    return {"int8": _network("int8"), "float": _network("float32")} | _shared("mlperf_tiny/kws*.tflite")


def _shared(pattern: str) -> dict[str, bytes]:
    folder = Path(SHARED) / "models"
    return {path.name: path.read_bytes() for path in sorted(folder.glob(pattern))}


def _network(dtype: str) -> bytes:
    """Convolution, depthwise, add, pooling, pad, slices, reshapes, dense, softmax."""
    rng = np.random.default_rng(0)
    m = TfliteBuilder()
    scaled = {} if dtype == "float32" else {"scale": 0.1, "zero_point": 3}

    def const(shape, axis=0):
        if dtype == "float32":
            return m.constant(rng.normal(size=shape), dtype)
        scale = [0.01] * shape[axis]
        return m.constant(rng.integers(-127, 128, shape), dtype, scale=scale, axis=axis)

    def bias(size):
        kind = "float32" if dtype == "float32" else "int32"
        return m.constant(np.arange(size), kind, **({} if dtype == "float32" else {"scale": 0.001}))

    t = {
        name: m.tensor(shape, dtype, name=name, **scaled)
        for name, shape in {
            "x": (1, 8, 8, 3), "c": (1, 4, 4, 4), "d": (1, 4, 4, 8), "a": (1, 4, 4, 8), "pad": (1, 6, 5, 8),
            "pool": (1, 3, 3, 8), "s": (1, 2, 3, 4), "r": (1, 4, 6, 4), "m": (1, 4), "t": (4, 1),
            "f": (1, 4), "k": (1, 8), "dense": (1, 5),
        }.items()
    }  # fmt: skip
    y = m.tensor(
        (1, 5), dtype, name="y", **({} if dtype == "float32" else {"scale": 1 / 256, "zero_point": -128})
    )
    conv = {
        "StrideW": 1,
        "StrideH": 1,
        "DilationWFactor": 1,
        "DilationHFactor": 1,
        "FusedActivationFunction": 1,
    }
    m.operator(
        "CONV_2D", [t["x"], const((4, 3, 3, 3)), bias(4)], [t["c"]], "Conv2DOptions",
        **(conv | {"StrideW": 2, "StrideH": 2}),
    )  # fmt: skip
    m.operator(
        "DEPTHWISE_CONV_2D", [t["c"], const((1, 3, 3, 8), 3), bias(8)], [t["d"]], "DepthwiseConv2DOptions",
        DepthMultiplier=2, **conv,
    )  # fmt: skip
    m.operator("ADD", [t["d"], m.constant(np.arange(8), dtype, **scaled)], [t["a"]], "AddOptions")
    m.operator("PAD", [t["a"], m.constant([[0, 0], [1, 1], [0, 1], [0, 0]])], [t["pad"]], "PadOptions")
    m.operator(
        "AVERAGE_POOL_2D", [t["pad"]], [t["pool"]], "Pool2DOptions",
        StrideW=2, StrideH=2, FilterWidth=2, FilterHeight=2,
    )  # fmt: skip
    bounds = [m.constant(v) for v in ([0, 0, 0, 0], [0, 3, 0, 8], [1, 2, 1, 2])]
    m.operator("STRIDED_SLICE", [t["pool"], *bounds], [t["s"]], "StridedSliceOptions", BeginMask=2, EndMask=5)
    m.operator(
        "RESIZE_NEAREST_NEIGHBOR", [t["s"], m.constant([4, 6])], [t["r"]], "ResizeNearestNeighborOptions"
    )
    m.operator("MEAN", [t["r"], m.constant([1, 2])], [t["m"]], "ReducerOptions")
    m.operator("TRANSPOSE", [t["m"], m.constant([1, 0])], [t["t"]], "TransposeOptions")
    m.operator("RESHAPE", [t["t"], m.constant([1, 4])], [t["f"]], "ReshapeOptions", NewShape=[1, 4])
    m.operator("CONCATENATION", [t["f"], t["m"]], [t["k"]], "ConcatenationOptions", Axis=-1)
    m.operator("FULLY_CONNECTED", [t["k"], const((5, 8)), bias(5)], [t["dense"]], "FullyConnectedOptions")
    m.operator("SOFTMAX", [t["dense"]], [y], "SoftmaxOptions", Beta=1.0)
    return m.build([t["x"]], [y])
