"""Single ONNX nodes of every operator the float fallback takes, with constants and shapes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

IMAGE = (1, 4, 6, 5)
SEQUENCE = (1, 4, 6)
RNG = np.random.default_rng(3)
POSITIVE = ("Log", "Sqrt", "ReduceLogSum", "Pow")
_UNARY_TEXT = """
Abs Ceil Elu Erf Exp Floor Gelu HardSigmoid HardSwish LeakyRelu Log Mish Neg Reciprocal Relu Round
Selu Shrink Sigmoid Sign Softplus Softsign Sqrt Tanh ThresholdedRelu"""
UNARY = tuple(_UNARY_TEXT.split())


@dataclass(frozen=True)
class FloatCase:
    """A node: operator, input shapes, constants (None: left out) behind them, attributes."""

    op: str
    inputs: tuple[tuple[int, ...], ...]
    constants: tuple[np.ndarray | None, ...] = ()
    attributes: dict[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return f"{self.op}-{'-'.join('x'.join(map(str, s)) for s in self.inputs)}-{len(self.constants)}"

    def model(self) -> bytes:
        """The single-node model, output shape inferred."""
        names = [f"x{i}" for i in range(len(self.inputs))]
        constants = [(f"c{i}", c) for i, c in enumerate(self.constants)]
        # onnx does not infer it: the operator is a function of others.
        shape = self.inputs[0] if self.op == "GroupNormalization" else None
        names += ["" if c is None else n for n, c in constants]
        graph = helper.make_graph(
            [helper.make_node(self.op, names, ["y"], **self.attributes)],
            "node",
            [helper.make_tensor_value_info(f"x{i}", TensorProto.FLOAT, s) for i, s in enumerate(self.inputs)],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
            [numpy_helper.from_array(c, n) for n, c in constants if c is not None],
        )
        version = 23 if self.op == "RMSNormalization" else 21
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", version)], ir_version=10)
        return onnx.shape_inference.infer_shapes(model, strict_mode=True).SerializeToString()

    def output_shape(self) -> tuple[int, ...]:
        dims = onnx.load_model_from_string(self.model()).graph.output[0].type.tensor_type.shape.dim
        return tuple(d.dim_value for d in dims)

    def feeds(self, rng: np.random.Generator) -> list[np.ndarray]:
        made = [rng.normal(size=s).astype(np.float32) for s in self.inputs]
        return [np.abs(x) for x in made] if self.op in POSITIVE else made


def reference(model: bytes, inputs: list[np.ndarray]) -> np.ndarray:
    """onnxruntime's result."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run(None, {f"x{i}": x for i, x in enumerate(inputs)})[0]


def _floats(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def _ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def _scales(*values: float) -> tuple[np.ndarray | None, ...]:
    return (None, np.array(values, np.float32))


def _binary() -> list[FloatCase]:
    cases = [FloatCase(op, (IMAGE, (1, 4, 1, 1))) for op in ("Add", "Sub", "Mul", "Div", "Max", "Min")]
    cases += [FloatCase(op, (IMAGE, IMAGE, IMAGE)) for op in ("Max", "Min", "Sum", "Mean")]
    cases += [FloatCase("Pow", (IMAGE,), (np.float32(v).reshape(()),)) for v in (2, 0.75, -1.5)]
    return [*cases, FloatCase("PRelu", (IMAGE,), (_floats(4, 1, 1),))]


def _normalizations() -> list[FloatCase]:
    scale, shift = _floats(4), _floats(4)
    return [
        FloatCase("BatchNormalization", (IMAGE,), (scale, shift, _floats(4), np.abs(_floats(4)))),
        FloatCase("GroupNormalization", (IMAGE,), (scale, shift), {"num_groups": 2}),
        FloatCase("InstanceNormalization", (IMAGE,), (scale, shift)),
        FloatCase("LRN", (IMAGE,), (), {"size": 3, "alpha": 0.5}),
        FloatCase("LayerNormalization", (SEQUENCE,), (_floats(6), _floats(6))),
        FloatCase("LayerNormalization", (SEQUENCE,), (_floats(4, 6),), {"axis": 1}),
        FloatCase("RMSNormalization", (SEQUENCE,), (_floats(6),)),
        FloatCase("Softmax", (SEQUENCE,), (), {"axis": 1}),
        FloatCase("LogSoftmax", (IMAGE,), (), {"axis": 1}),
    ]


def _windows() -> list[FloatCase]:
    pool = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}
    return [
        FloatCase("AveragePool", (IMAGE,), (), {**pool, "count_include_pad": 1}),
        FloatCase("AveragePool", ((1, 2, 4, 4, 4),), (), {"kernel_shape": [2, 2, 2]}),
        FloatCase("MaxPool", (IMAGE,), (), {"kernel_shape": [2, 2], "dilations": [2, 2]}),
        FloatCase("LpPool", (IMAGE,), (), {"kernel_shape": [2, 2]}),
        FloatCase("GlobalAveragePool", (IMAGE,)),
        FloatCase("GlobalLpPool", (IMAGE,)),
        FloatCase("GlobalMaxPool", (IMAGE,)),
        FloatCase(
            "ConvTranspose", (IMAGE,), (_floats(4, 2, 2, 2), _floats(4)), {"strides": [2, 2], "group": 2}
        ),
        FloatCase("ConvTranspose", (SEQUENCE,), (_floats(4, 3, 3),), {"strides": [2]}),
        FloatCase("Resize", (IMAGE,), _scales(1, 1, 2, 2), {"mode": "linear"}),
        FloatCase("Resize", (IMAGE,), _scales(1, 1, 2, 3), {"mode": "cubic"}),
        FloatCase(
            "Resize",
            (IMAGE,),
            (None, None, _ints(1, 4, 9, 3)),
            {"mode": "linear", "coordinate_transformation_mode": "align_corners"},
        ),
    ]


def _moves() -> list[FloatCase]:
    return [
        FloatCase("Clip", (IMAGE,), (np.float32(-0.5).reshape(()), np.float32(0.7).reshape(()))),
        FloatCase("Concat", (IMAGE, IMAGE), (), {"axis": 1}),
        FloatCase("DepthToSpace", (IMAGE,), (), {"blocksize": 2, "mode": "CRD"}),
        FloatCase("Expand", ((1, 4, 1, 1),), (_ints(1, 4, 3, 2),)),
        FloatCase("Gelu", (IMAGE,), (), {"approximate": "tanh"}),
        FloatCase("Pad", (IMAGE,), (_ints(0, 0, 1, 1, 0, 0, 2, 1),), {"mode": "reflect"}),
        FloatCase("Pad", (IMAGE,), (_ints(0, 0, 1, 1, 0, 0, 2, 1),), {"mode": "edge"}),
        FloatCase("Pad", (IMAGE,), (_ints(0, 0, -1, 0, 0, 0, 0, -2), np.float32(1.5).reshape(()))),
        FloatCase("Slice", (IMAGE,), (_ints(-1), _ints(-100), _ints(2), _ints(-1))),
        FloatCase("SpaceToDepth", ((1, 2, 4, 6),), (), {"blocksize": 2}),
        FloatCase("Tile", ((1, 4, 2),), (_ints(1, 2, 3),)),
        FloatCase("Trilu", (SEQUENCE,)),
    ]


def _products() -> list[FloatCase]:
    return [
        FloatCase("MatMul", (SEQUENCE, (1, 6, 5))),
        FloatCase("Gemm", ((4, 6), (5, 6)), (_floats(5),), {"transB": 1, "alpha": 0.5}),
        FloatCase("Einsum", ((4, 6), (6, 5)), (), {"equation": "ij,jk->ik"}),
    ]


REDUCTIONS = ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare")
CASES = [
    *(FloatCase(op, (IMAGE,)) for op in UNARY),
    *(FloatCase(f"Reduce{r}", (IMAGE,), (_ints(2, 3),), {"keepdims": 0}) for r in REDUCTIONS),
    *_binary(),
    *_normalizations(),
    *_windows(),
    *_moves(),
    *_products(),
]
