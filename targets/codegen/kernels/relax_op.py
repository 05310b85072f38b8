"""Float operators as row kernels: C of TVM's loops for a single ONNX node.

The kernel takes whole tensors. Results between the functions of a node, and temporaries within one,
lie in the kernel's scratch, first fit by lifetime.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from edgewright.converter.ops.float_op import FloatOp
from edgewright.converter.program import Array, TensorType
from edgewright.errors import ModelError
from edgewright.targets.codegen.relax_import import Call, NotLegal, import_calls
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel
from edgewright.targets.codegen.tir import WORKSPACE, prim_func_source

ALIGNMENT = 8
# libm's names as TVM prints them, and the functions of ew_float.h.
FUNCTIONS = {
    name: f"ew_{name}"
    for name in ("expf", "logf", "tanhf", "erff", "sqrtf", "powf", "floorf", "ceilf", "truncf", "fabsf")
} | {"rintf": "ew_rintf", "nearbyintf": "ew_rintf", "roundf": "ew_rintf"}
_NOT_CALLS = frozenset(("if", "for", "while", "return", "sizeof", "__attribute__", "aligned"))


@dataclass(frozen=True, eq=False)
class FloatCode:
    """C of a float operator.

    Args:
        source: Static functions `f_0`, `f_1`, ... and `f(rows, out[, c][, scratch])`.
        arguments: Parameters of `f` by name.
        constants: Arrays of `c`.
        scratch_bytes: Bytes of `scratch`.
        steps: Turns of all innermost loops, a measure of its time.
        work: The steps, and how many of them call which function of ew_float.h.
        input_bytes: Size of every input.
        output_bytes: Size of the output.
    """

    source: str
    arguments: tuple[str, ...]
    constants: tuple[Array, ...]
    scratch_bytes: int
    steps: int
    work: Mapping[str, float]
    input_bytes: tuple[int, ...]
    output_bytes: int

    def check(self, input_bytes: tuple[int, ...], output_bytes: int) -> None:
        """Compare with the tensors of a program, whose file may be damaged.

        Raises:
            ModelError: EW-OP-SHAPE.
        """
        if (input_bytes, output_bytes) != (self.input_bytes, self.output_bytes):
            raise ModelError(
                "EW-OP-SHAPE",
                f"a float operator from {self.input_bytes} to {self.output_bytes} bytes "
                f"applied to {input_bytes} and {output_bytes}",
            )


@lru_cache(maxsize=256)
def float_code(model: bytes) -> FloatCode:
    """Generate the C of a single-node ONNX model; the same bytes give the same text.

    Raises:
        NotLegal: Where TVM cannot, or the C would call functions the device does not have.
    """
    calls, input_bytes = import_calls(model)
    functions = [_function(call, index) for index, call in enumerate(calls)]
    offsets, scratch_bytes = _place(calls, [used for _, used in functions])
    constants: list[Array] = []
    lines = []
    for index, call in enumerate(calls):
        arguments = [_argument(a, offsets, constants) for a in call.arguments]
        last = index == len(calls) - 1
        arguments.append("out" if last else _at(offsets[call.result]))
        if functions[index][1]:
            arguments.append(_at(offsets[f"{WORKSPACE}{index}"]))
        lines.append(f"  f_{index}({', '.join(arguments)});\n")
    wanted = {"rows": "const void *const *rows", "out": "void *out"}
    if constants:
        wanted["c"] = "const void *const *c"
    if scratch_bytes:
        wanted["scratch"] = "void *scratch"
    head = f"static void f({', '.join(wanted.values())}) {{\n"
    source = "".join(text for text, _ in functions) + head + "".join(lines) + "}\n"
    steps = sum(c.steps for c in calls)
    return FloatCode(
        source,
        tuple(wanted),
        tuple(constants),
        scratch_bytes,
        steps,
        _work(calls, functions),
        input_bytes,
        calls[-1].result_bytes,
    )


def _function(call: Call, index: int) -> tuple[str, int]:
    """(C of one function, bytes of its workspace)."""
    text, used = prim_func_source(call.function, f"f_{index}", (call.function.params[-1].name,))
    for name in set(re.findall(r"\b([A-Za-z_]\w*)\s*\(", text)) - _NOT_CALLS - {f"f_{index}"}:
        if name not in FUNCTIONS:
            raise NotLegal(f"it needs the function {name}")
        text = re.sub(rf"\b{name}\s*\(", f"{FUNCTIONS[name]}(", text)
    # Double precision only comes from constants that TVM left as such.
    if re.search(r"\bdouble\b", text):
        raise NotLegal("it needs double precision")
    return text, used


def _work(calls: list[Call], functions: list[tuple[str, int]]) -> dict[str, float]:
    """What the cost tables charge for: see `RowKernel.work`."""
    work: dict[str, float] = {"float": 1, "float_step": sum(c.steps for c in calls)}
    for call, (text, _) in zip(calls, functions, strict=True):
        for name in re.findall(r"\bew_(\w+)\s*\(", text):
            work[f"float_{name}"] = work.get(f"float_{name}", 0) + call.steps
    return work


def _at(offset: int) -> str:
    return f"(void *)((uint8_t *)scratch + {offset})"


def _argument(argument: str | Array, offsets: dict[str, int], constants: list[Array]) -> str:
    if isinstance(argument, np.ndarray):
        constants.append(argument)
        return f"c[{len(constants) - 1}]"
    if argument.startswith("x"):
        return f"rows[{argument[1:]}]"
    return _at(offsets[argument])


def _place(calls: list[Call], workspaces: list[int]) -> tuple[dict[str, int], int]:
    """(scratch offset of every result but the last and of every workspace, bytes in all)."""
    blocks: list[tuple[str, int, int, int]] = []  # name, bytes, first and last call that needs it
    for index, call in enumerate(calls):
        readers = [
            i for i, c in enumerate(calls) if call.result in [a for a in c.arguments if isinstance(a, str)]
        ]
        if index < len(calls) - 1:
            blocks.append((call.result, call.result_bytes, index, max(readers, default=index)))
        if workspaces[index]:
            blocks.append((f"{WORKSPACE}{index}", workspaces[index], index, index))
    offsets: dict[str, int] = {}
    placed: list[tuple[int, int, int, int]] = []  # offset, end, first, last
    for name, size, first, last in sorted(blocks, key=lambda b: -b[1]):
        offset = 0
        for start, end, born, dead in sorted(placed):
            if born <= last and first <= dead and offset < end and start < offset + size:
                offset = -(-end // ALIGNMENT) * ALIGNMENT
        offsets[name] = offset
        placed.append((offset, offset + size, first, last))
    return offsets, max((end for _, end, _, _ in placed), default=0)


def float_kernel(op: FloatOp, *inputs: TensorType) -> RowKernel:
    """Whole tensors in, the whole output out."""
    code = float_code(op.model.tobytes())
    y = op.output_type(*inputs)
    code.check(tuple(x.size_bytes for x in inputs), y.size_bytes)
    return RowKernel(
        family=op.kind,
        script="",
        source=code.source,
        arguments=code.arguments,
        inputs=tuple(RowInput(1, x.size_bytes) for x in inputs),
        out_rows=1,
        out_row_bytes=y.size_bytes,
        constants=code.constants,
        headers=("ew_float.h",),
        scratch_bytes=code.scratch_bytes,
        reason="no integer arithmetic: float, loops by TVM Relax",
        work=code.work,
    )
