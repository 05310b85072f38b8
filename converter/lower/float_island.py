"""Nodes without integer arithmetic between quantized ones: float operators on the device.

DequantizeLinear -> node(s) -> QuantizeLinear becomes Dequantize, one FloatOp a node, Quantize. What lies
between such a node and the nearest quantized tensors is float too, also where it has integer arithmetic.
Layers with weights stay integer, or are refused.
"""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
from onnx import helper, numpy_helper

from edgewright.converter.lower.attributes import node_name
from edgewright.converter.lower.context import CALIBRATE_HINT, QUANTIZE_HINT, Context
from edgewright.converter.lower.float_check import check_float_op
from edgewright.converter.lower.layout import check_size, identity_index
from edgewright.converter.lower.operands import Computed, Constant, Operand, Pending, Placed, Real, Unknown
from edgewright.converter.lower.ports import value_shape
from edgewright.converter.lower.problem import Refused, Skipped
from edgewright.converter.lower.registry import LOWERINGS
from edgewright.converter.ops.float_op import FloatOp

# Operators tested against onnxruntime, alone; every node is checked once more when it is lowered.
_TEXT = """
    Abs Add AveragePool BatchNormalization Ceil Clip Concat ConvTranspose DepthToSpace Div Einsum Elu Erf
    Exp Expand Floor Gelu Gemm GlobalAveragePool GlobalLpPool GlobalMaxPool GroupNormalization HardSigmoid
    HardSwish InstanceNormalization LRN LayerNormalization LeakyRelu Log LogSoftmax LpPool MatMul Max
    MaxPool Mean Min Mish Mul Neg PRelu Pad Pow RMSNormalization Reciprocal ReduceL1 ReduceL2 ReduceLogSum
    ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Resize Round
    Selu Shrink Sigmoid Sign Slice Softmax Softplus Softsign SpaceToDepth Sqrt Sub Sum Tanh ThresholdedRelu
    Tile Trilu
"""
FLOAT_OPS = frozenset(_TEXT.split())
VIEWS = frozenset(
    ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Expand", "Identity", "Dropout")
)
# Loop turns of one operator: seconds on a microcontroller, and what a check may cost on the host.
MAX_STEPS = 1 << 27
IR_VERSION = 10


def float_island(context: Context, node: ir.Node, refused: Refused) -> Operand:
    """A node that was refused, in float.

    Raises:
        Refused: `refused`, where that cannot be either, or the reason that says more.
    """
    if not _is_float_op(node):
        raise refused
    try:
        return _computed(context, node)
    except Refused as other:
        raise (refused if node.op_type in LOWERINGS else other) from other


def float_output(context: Context, value: ir.Value) -> None:
    """Compute a graph output in float where no quantization follows it; leaves what cannot be."""
    operand = context.env[value]
    if isinstance(operand, Pending) or (isinstance(operand, Real) and operand.steps):
        try:
            context.env[value] = Computed(_as_float(context, value), node_name_of(value))
        except Refused:
            return  # the output's own refusal says more


def node_name_of(value: ir.Value) -> str:
    """Name of the node that makes a value."""
    maker = value.producer()
    return node_name(maker) if maker is not None else value.name or ""


def _is_float_op(node: ir.Node) -> bool:
    return node.op_type in FLOAT_OPS and node.domain in ("", "ai.onnx")


def _as_float(context: Context, value: ir.Value) -> Placed:
    """A tensor's float32 value in ONNX order."""
    if value not in context.env:
        raise Refused(f"its input {value.name} is read before it is computed", code="EW-MODEL-INVALID")
    operand = context.env[value]
    builder = context.builder
    match operand:
        case Unknown():
            raise Skipped
        case Computed():
            placed = operand.placed
        case Real(steps=()):
            placed = operand.placed
        case Real() | Pending():
            placed = _recomputed(context, value).placed
        case _:
            raise Refused(f"its input {value.name} is not a quantized activation", CALIBRATE_HINT)
    axes = tuple(range(len(placed.shape)))
    made = builder.arrange(placed, axes, value_shape(placed.shape, axes))
    return Placed(builder.dequantized(made), identity_index(placed.shape))


def _recomputed(context: Context, value: ir.Value) -> Computed:
    """The float result of a node that has integer arithmetic but no quantization behind it."""
    maker = value.producer()
    if maker is None:
        raise Refused(f"its input {value.name} is not computed", code="EW-MODEL-INVALID")
    if value not in context.computed:
        if maker.op_type in VIEWS:
            made = _viewed(context, maker)
        elif _is_float_op(maker):
            made = _computed(context, maker)
        else:
            raise Refused(
                f"its input {value.name}, result of node {node_name(maker)}, is not quantized", QUANTIZE_HINT
            )
        context.computed[value] = made
    return context.computed[value]


def _viewed(context: Context, node: ir.Node) -> Computed:
    """A Reshape or its kin of a float result: lowered again with its input in float."""
    source = node.inputs[0]
    assert source is not None
    before = context.env[source]
    context.env[source] = Computed(_as_float(context, source), node_name_of(source))
    try:
        made = LOWERINGS[node.op_type](context, node)
    finally:
        context.env[source] = before
    assert isinstance(made, Computed)
    return made


def _computed(context: Context, node: ir.Node) -> Computed:
    """Emit the FloatOp of a node."""
    output = node.outputs[0]
    if any(v.uses() or v.is_graph_output() for v in node.outputs[1:]):
        raise Refused("more than its first output is used")
    if output.dtype != ir.DataType.FLOAT or output.shape is None or not output.shape.is_static():
        raise Refused(f"its result is {output.dtype} {output.shape}")
    shape = tuple(int(n) for n in output.shape.numpy())
    check_size(shape, "its result")
    _refuse_layers(context, node)
    single = _SingleNode(context, node)
    model = single.model(shape)
    constant_bytes = _generated(model)
    check_float_op(model, tuple(p.shape for p in single.inputs))
    axes = tuple(range(len(shape)))
    op = FloatOp(np.frombuffer(model, np.uint8), node.op_type, value_shape(shape, axes), constant_bytes)
    name, inputs = context.result_name(node), tuple(p.value for p in single.inputs)
    quantized = name != output.name
    made = context.builder.add(op, inputs, f"{name}/float" if quantized else name, node_name(node))
    return Computed(Placed(made, identity_index(shape)), node_name(node))


def _refuse_layers(context: Context, node: ir.Node) -> None:
    """Layers with weights are what quantization is for."""
    if node.op_type in ("MatMul", "Gemm"):
        for value in node.inputs[:2]:
            if value is not None and isinstance(context.env.get(value), Constant):
                raise Refused(f"its factor {value.name} is constant", CALIBRATE_HINT)


def _generated(model: bytes) -> int:
    """Generate its C, for the bytes of constants that has; refuse what takes too long."""
    from edgewright.targets.codegen.kernels.relax_op import float_code
    from edgewright.targets.codegen.relax_import import NotLegal

    try:
        code = float_code(model)
    except NotLegal as error:
        raise Refused(f"TVM has no loops for it: {error.message}") from error
    if code.steps > MAX_STEPS:
        raise Refused(f"it takes {code.steps:,} steps in float, more than {MAX_STEPS:,}")
    return sum(c.nbytes for c in code.constants)


class _SingleNode:
    """A node as an ONNX model of its own, with canonical names, so that equal nodes give equal bytes.

    Attributes:
        inputs: Float values of the program, those of x0, x1, ...
    """

    def __init__(self, context: Context, node: ir.Node) -> None:
        self._node = node
        self._initializers: list[onnx.TensorProto] = []
        self._names: list[str] = []
        self.inputs: list[Placed] = []
        known: dict[ir.Value, str] = {}
        for value in node.inputs:
            if value is None:
                self._names.append("")
                continue
            if value not in known:
                known[value] = self._add(context, value)
            self._names.append(known[value])
        if not self.inputs:
            raise Refused("all its inputs are constant", "fold constants before the conversion")

    def _add(self, context: Context, value: ir.Value) -> str:
        operand = context.env.get(value)
        if not isinstance(operand, Constant):
            self.inputs.append(_as_float(context, value))
            return f"x{len(self.inputs) - 1}"
        if operand.data.size == 0:
            return ""  # as good as left out, e.g. the region of a Resize
        name = f"c{len(self._initializers)}"
        self._initializers.append(numpy_helper.from_array(np.ascontiguousarray(operand.data), name))
        return name

    def model(self, shape: tuple[int, ...]) -> bytes:
        """Serialized; `shape` is that of the output."""
        node = self._node
        attributes = [ir.to_proto(a) for a in node.attributes.values()]
        if any(a.HasField("g") or a.graphs for a in attributes):
            raise Refused("it holds a graph")
        proto = helper.make_node(node.op_type, self._names, ["y"])
        proto.attribute.extend(sorted(attributes, key=lambda a: str(a.name)))
        graph = helper.make_graph(
            [proto],
            "node",
            [
                helper.make_tensor_value_info(f"x{i}", onnx.TensorProto.FLOAT, p.shape)
                for i, p in enumerate(self.inputs)
            ],
            [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, shape)],
            self._initializers,
        )
        version = 21 if node.graph is None else node.graph.opset_imports.get("", 21)
        made = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", version)], ir_version=IR_VERSION
        )
        return bytes(made.SerializeToString(deterministic=True))
