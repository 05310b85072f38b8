"""`lower` and `check_model`: walk the nodes of an ONNX graph in order and build the Program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial

import onnx_ir as ir

from edgewright.converter import binary_functions
from edgewright.converter.importers import ImportedModel
from edgewright.converter.lower.attributes import node_name
from edgewright.converter.lower.context import Context, Io
from edgewright.converter.lower.float_island import float_island, float_output
from edgewright.converter.lower.operands import Constant, Operand, Unknown
from edgewright.converter.lower.ports import add_input, add_output
from edgewright.converter.lower.problem import UNSUPPORTED, Problem, Refused, Skipped
from edgewright.converter.lower.registry import LOWERINGS
from edgewright.converter.program import Port, Program
from edgewright.errors import ModelError

DOMAINS = ("", "ai.onnx", "com.microsoft", binary_functions.DOMAIN)
FLOAT_HINT = (
    "quantize it first: edgewright quantize MODEL --calibrate DATA -o QUANTIZED.onnx, "
    "or edgewright deploy with --calibrate DATA"
)
OTHER_FORMS = frozenset(
    ("QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger", "DynamicQuantizeLinear")
)
INSTEAD = {
    "QLinearConv": "export in QDQ form (onnxruntime: QuantFormat.QDQ)",
    "QLinearMatMul": "export in QDQ form (onnxruntime: QuantFormat.QDQ)",
    "ConvInteger": "quantize statically in QDQ form",
    "MatMulInteger": "quantize statically in QDQ form",
    "DynamicQuantizeLinear": "quantize statically in QDQ form",
    "BatchNormalization": "fold it into the convolution before the quantization",
    "If": "export the model without control flow",
    "Loop": "export the model without control flow",
    "Scan": "export the model without control flow",
}


def lower(imported: ImportedModel, *, io: Io = "source") -> Program:
    """Lower a quantized ONNX model (QDQ) to the typed integer program.

    Args:
        imported: The model; every shape fixed, batch of one.
        io: "source" keeps float and uint8 graph inputs and outputs, with their conversion on the
            device; "int8" makes the ports int8.

    Returns:
        The verified program, not yet rewritten.

    Raises:
        ModelError: EW-MODEL-FLOAT for a model that is not quantized; the code of the first problem
            (mostly EW-OP-UNSUPPORTED), with all of them in `details["problems"]`.
    """
    context, outputs = _walk(imported.model, io)
    if context.problems:
        raise _error(imported.name, context.problems)
    program = Program(
        name=imported.name,
        source_sha256=imported.sha256,
        inputs=tuple(context.inputs),
        outputs=tuple(outputs),
        values=context.builder.values,
        nodes=tuple(context.builder.nodes),
        constants=context.builder.constants,
    )
    program.verify()
    return program


def check_model(imported: ImportedModel) -> list[Problem]:
    """Everything in a model that cannot be lowered, in graph order; empty where all can."""
    return _walk(imported.model, "source")[0].problems


def _error(model: str, problems: list[Problem]) -> ModelError:
    first = problems[0]
    more = f" (and {len(problems) - 1} more problems)" if len(problems) > 1 else ""
    message = str(first) if first.node else f"{model}: {first.reason}"
    return ModelError(first.code, message + more, first.hint, problems=[asdict(p) for p in problems])


def _walk(model: ir.Model, io: Io) -> tuple[Context, list[Port]]:
    """Lower what can be, collecting the problems of the rest."""
    graph = model.graph
    context = Context(io)
    nodes = _needed(graph)
    if not any(_is_quantized(n) for n in nodes):
        context.problems.append(Problem("", "", "the model is not quantized", FLOAT_HINT, "EW-MODEL-FLOAT"))
        return context, []
    for value in graph.initializers.values():
        if value.const_value is not None:
            context.env[value] = Constant(value.const_value.numpy())
    read = {v for n in nodes for v in n.inputs}
    for value in graph.inputs:
        if value in read and value not in context.env:
            _guard(context, value.name or "", "graph input", [value], partial(add_input, context, value))
    for node in nodes:
        _guard(context, node_name(node), node.op_type, node.outputs, partial(_lower_node, context, node))
    return context, _outputs(context, graph)


def _is_quantized(node: ir.Node) -> bool:
    """Whether a node tells a model with quantized activations; weights alone may be compressed."""
    if node.op_type == "DequantizeLinear":
        return node.inputs[0] is not None and node.inputs[0].const_value is None
    return node.op_type == "QuantizeLinear" or node.op_type in OTHER_FORMS


def _outputs(context: Context, graph: ir.Graph) -> list[Port]:
    ports: list[Port] = []
    for value in graph.outputs:
        if isinstance(context.env.get(value, Unknown()), Unknown):
            continue
        try:
            float_output(context, value)
            ports.append(add_output(context, value))
        except Refused as refused:
            context.problems.append(_problem(value.name or "", "graph output", refused))
    if not context.problems and not context.builder.nodes:
        context.problems.append(Problem("", "", "the model computes nothing", "", "EW-MODEL-TRIVIAL"))
    return ports


def _needed(graph: ir.Graph) -> list[ir.Node]:
    """Nodes the outputs depend on, in graph order."""
    wanted: set[ir.Node] = set()
    waiting = [v.producer() for v in graph.outputs]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in wanted:
            wanted.add(node)
            waiting.extend(v.producer() for v in node.inputs if v is not None)
    return [n for n in graph if n in wanted]


def _guard(
    context: Context,
    name: str,
    op: str,
    outputs: Sequence[ir.Value],
    make: Callable[[], Operand | tuple[Operand, ...]],
) -> None:
    """Record what a node makes, or its problem."""
    made: Operand | tuple[Operand, ...] = Unknown()
    try:
        made = make()
    except Skipped:
        pass
    except Refused as refused:
        context.problems.append(_problem(name, op, refused))
    except ModelError as error:
        context.problems.append(Problem(name, op, error.message, error.hint, error.code))
    results = made if isinstance(made, tuple) else (made,) * len(outputs)
    for value, result in zip(outputs, results, strict=False):
        context.env[value] = result


def _problem(name: str, op: str, refused: Refused) -> Problem:
    return Problem(name, op, refused.reason, refused.hint, refused.code)


def _lower_node(context: Context, node: ir.Node) -> Operand | tuple[Operand, ...]:
    """In integers where that is possible, else in float."""
    try:
        return _lower_integer(context, node)
    except Refused as refused:
        if refused.code != UNSUPPORTED:
            raise
        return float_island(context, node, refused)


def _lower_integer(context: Context, node: ir.Node) -> Operand | tuple[Operand, ...]:
    if node.domain not in DOMAINS or node.op_type not in LOWERINGS:
        label = f"{node.domain}::{node.op_type}" if node.domain not in DOMAINS else node.op_type
        hint = INSTEAD.get(node.op_type, "replace it, or run this part outside the device")
        raise Refused(f"operator {label} is not supported", hint)
    return LOWERINGS[node.op_type](context, node)
