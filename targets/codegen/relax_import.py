"""A single-node ONNX model to a chain of TensorIR functions, through Relax.

Import, legalization and fusion are TVM's. Here the loops of every function are tidied: element-wise
blocks move into their only reader, and the first step of a reduction leaves its loop.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from edgewright.converter.program import Array
from edgewright.errors import ModelError


@dataclass(frozen=True, eq=False)
class Call:
    """One function of the chain.

    Args:
        function: PrimFunc; its parameters are the arguments, then the result.
        arguments: Graph inputs ("x0", "x1", ...), results of earlier calls ("t0", ...) or constants.
        result: Name of the result.
        result_bytes: Its size.
        steps: Turns of all its innermost loops.
    """

    function: Any
    arguments: tuple[str | Array, ...]
    result: str
    result_bytes: int
    steps: int


class NotLegal(ModelError):
    """TVM cannot import or legalize the node; the message says why."""

    def __init__(self, reason: str) -> None:
        super().__init__("EW-OP-UNSUPPORTED", reason)


def import_calls(model: bytes) -> tuple[list[Call], tuple[int, ...]]:
    """(functions to run one after the other, bytes of every graph input).

    The result of the last function is the model's output.

    Args:
        model: Serialized ONNX model of one node; graph inputs x0, x1, ... and the output are float32.

    Raises:
        NotLegal: With onnx's or TVM's reason.
    """
    import onnx
    from tvm import relax

    try:
        proto = onnx.load_model_from_string(model)
        onnx.checker.check_model(proto, full_check=True)
        module = _legalized(proto)
    except Exception as error:  # both raise what they like, TVM's frontend in particular
        text = str(error).strip().splitlines()
        raise NotLegal(f"{type(error).__name__}: {text[-1][:200] if text else ''}") from error
    body = module["main"].body
    sizes = tuple(_bytes(v) for v in proto.graph.input)
    names: dict[Any, str | Array] = {p: f"x{i}" for i, p in enumerate(module["main"].params[: len(sizes)])}
    calls: list[Call] = []
    for block in body.blocks:
        for binding in block.bindings:
            value = binding.value
            if isinstance(value, relax.Var):
                names[binding.var] = names[value]
                continue
            call = _call(module, value, names, f"t{len(calls)}")
            names[binding.var] = call.result
            calls.append(call)
    if not calls or names.get(body.body) != calls[-1].result:
        raise NotLegal("it computes nothing")
    if calls[-1].result_bytes != _bytes(proto.graph.output[0]):
        raise NotLegal(f"it makes {calls[-1].result_bytes} bytes, not {_bytes(proto.graph.output[0])}")
    return calls, sizes


def _bytes(value: Any) -> int:
    """Size of a float32 graph input or output."""
    return 4 * prod(int(d.dim_value) for d in value.type.tensor_type.shape.dim)


def _legalized(proto: Any) -> Any:
    from tvm import ir, relax
    from tvm.relax.frontend.onnx import from_onnx

    t = relax.transform
    passes = [
        t.DecomposeOpsForInference(),
        t.LegalizeOps(),
        t.FoldConstant(),
        t.AnnotateTIROpPattern(),
        t.FuseOps(),
        t.FuseTIR(),
        t.DeadCodeElimination(),
    ]
    return ir.transform.Sequential(passes)(from_onnx(proto))


def _call(module: Any, value: Any, names: dict[Any, str | Array], result: str) -> Call:
    from tvm import ir, relax

    if not isinstance(value, ir.Call) or getattr(value.op, "name", "") != "relax.call_tir":
        raise NotLegal(f"{getattr(getattr(value, 'op', value), 'name', type(value).__name__)} has no loops")
    if len(value.args) > 2:
        raise NotLegal("its shape is not fixed")
    arguments: list[str | Array] = []
    for argument in value.args[1]:
        if isinstance(argument, relax.Var):
            arguments.append(names[argument])
        else:
            arguments.append(_constant(argument))
    function, steps = _scheduled(module[value.args[0]])
    kind = function.params[-1].ty
    if str(kind.dtype) not in ("float32", "int32"):
        raise NotLegal(f"an intermediate result is {kind.dtype}")
    if len(function.params) != len(arguments) + 1:
        raise NotLegal("a function has several results")
    return Call(function, tuple(arguments), result, 4 * prod(int(n) for n in kind.shape), steps)


def _constant(argument: Any) -> Array:
    if not hasattr(argument, "value"):
        raise NotLegal(f"an argument is a {type(argument).__name__}")
    data: Array = np.ascontiguousarray(argument.value.numpy())
    if data.dtype not in (np.float32, np.int32):
        raise NotLegal(f"a constant is {data.dtype}")
    return data


def _scheduled(function: Any) -> tuple[Any, int]:
    """(the function with less temporary memory and reductions without a test for their first step, steps)."""
    from tvm import s_tir

    schedule = s_tir.Schedule(_with_externs(function))
    for block in schedule.get_child_blocks(schedule.get_sblock("root")):
        _inline(schedule, block)
    blocks = schedule.get_child_blocks(schedule.get_sblock("root"))
    steps = sum(_extents(schedule, block)[1] for block in blocks)
    for block in blocks:
        _decompose(schedule, block)
    return schedule.mod["main"], steps


def _with_externs(function: Any) -> Any:
    """The C target has no rule for fabs: a call of the C function."""
    import tvm_ffi
    from tvm import ir, tirx

    def replaced(call: Any) -> Any:
        if getattr(call.op, "name", "") != "tirx.fabs":
            return call
        return tirx.call_pure_extern("float32", "fabsf", call.args[0])

    body = tvm_ffi.structural_map(function.body, (ir.Call, replaced))
    return tirx.PrimFunc(function.params, body, function.ret_type, function.attrs)


def _extents(schedule: Any, block: Any) -> tuple[int, int]:
    """(elements the block writes, steps of its loops)."""
    variables = schedule.get(block).iter_vars
    sizes = [int(v.dom.extent) for v in variables]
    spatial = [n for v, n in zip(variables, sizes, strict=True) if v.iter_type == _SPATIAL]
    return prod(spatial), prod(sizes)


_SPATIAL = 0


def _inline(schedule: Any, block: Any) -> None:
    """Move an element-wise block into its reader, where that does not compute an element twice."""
    from tvm.s_tir.schedule import ScheduleError

    readers = schedule.get_consumers(block)
    written, steps = _extents(schedule, block)
    if len(readers) != 1 or steps != written or _extents(schedule, readers[0])[1] > written:
        return
    try:
        schedule.compute_inline(block)
    except ScheduleError:
        return  # e.g. it writes with an offset; it keeps its loops


def _decompose(schedule: Any, block: Any) -> None:
    from tvm.s_tir.schedule import ScheduleError

    variables = schedule.get(block).iter_vars
    kinds = [v.iter_type == _SPATIAL for v in variables]
    loops = schedule.get_loops(block)
    if all(kinds) or len(loops) != len(kinds):
        return
    try:
        schedule.decompose_reduction(block, loops[kinds.index(False)])
    except ScheduleError:
        return  # e.g. several results; the test stays in the loop
