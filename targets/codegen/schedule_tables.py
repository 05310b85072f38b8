"""The tables that make a schedule: ops with their inputs and constants, and the sequences of segments."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgewright.converter.program import Program
from edgewright.converter.schedule import Plan, Step
from edgewright.errors import WorkError
from edgewright.targets.codegen.constants import GEOMETRY_BYTES, Constants
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel
from edgewright.targets.codegen.step_kernels import Place, StepOp, sequence_words, step_ops
from edgewright.targets.codegen.tir import kernel_source
from edgewright.targets.cpu import CpuClass
from edgewright.targets.forms import NodeKernels

# Rows, windows and strides are 16 bits wide in the tables; 0xFFFF marks a tensor without a source.
LARGEST = 0xFFFE
WHOLE = "EW_WHOLE"


@dataclass
class Tables:
    """Text of the tables of a library.

    Args:
        sources: C of every kernel by symbol.
        ops: Rows of the table of ops: those of all steps, strip by strip.
        steps: For each step: index of its first op, segment text or None, the output to show.
        headers: Micro-kernel headers used.
        max_rows: Room that the drivers need for row pointers.
    """

    sources: dict[str, str] = field(default_factory=dict)
    ops: list[dict[str, Any]] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)
    headers: set[str] = field(default_factory=set)
    max_rows: int = 1


def build_tables(
    program: Program,
    plan: Plan,
    kernels: Mapping[str, NodeKernels],
    cpu: CpuClass,
    constants: Constants,
) -> Tables:
    """Tables of all steps; constants are added to `constants`."""
    tables = Tables()
    for index, step in enumerate(plan.steps):
        strips = step_ops(program, plan, index, kernels, cpu)
        first = len(tables.ops)
        for ops in strips:
            tables.ops += [table_row(op, tables, constants) for op in ops]
        last = step.nodes[-1].output
        tables.steps.append(
            {
                "title": comment(step.name),
                "first": first,
                "segment": _segment(plan, index, strips, first, constants),
                "out": plan.offsets[last],
                "out_bytes": program.values[last].size_bytes,
            }
        )
    return tables


def _segment(
    plan: Plan, index: int, strips: Sequence[Sequence[StepOp]], first: int, constants: Constants
) -> dict[str, Any] | None:
    step: Step = plan.steps[index]
    if step.streamed is None:
        return None
    words = np.array(list(sequence_words(step)), np.uint16)
    state = next(b.offset for b in plan.alive(index) if b.kind == "state")
    return {
        "first": first,
        "sequence": constants.symbol(words, weights=False),
        "length": len(words),
        "state": state,
        "op_count": len(strips[0]),
        "strips": len(strips),
        "fed": step.streamed.fed is not None,
    }


def table_row(op: StepOp, tables: Tables, constants: Constants) -> dict[str, Any]:
    """One row of the table of ops."""
    kernel, symbol, names, inputs = op.kernel, "0", [], []
    if kernel is not None:
        symbol, text = kernel_source(kernel)
        tables.sources.setdefault(symbol, text)
        tables.headers |= set(kernel.headers)
        tables.max_rows = max(tables.max_rows, sum(v.window for v in kernel.inputs))
        has_weights = op.node is not None and op.node.op.weights_bytes > 0
        names = [
            constants.symbol(c, weights=has_weights and c.nbytes > GEOMETRY_BYTES) for c in kernel.constants
        ]
        inputs = [
            _input(view, place, kernel, constants)
            for view, place in zip(kernel.inputs, op.inputs, strict=True)
        ]
        _check_sizes(op, kernel)
    out = op.output
    return {
        "symbol": symbol,
        "title": comment(f"{op.node.name} ({op.node.op.kind})" if op.node else "rows of the input"),
        "constants": names,
        "inputs": inputs,
        "fields": [
            *(out.offset, out.stride_bytes, op.out_row_bytes, out.newest or 0, op.scratch),
            *(op.out_rows, out.slots, out.waiting_slots, len(inputs)),
        ],
    }


def _input(view: RowInput, place: Place, kernel: RowKernel, constants: Constants) -> list[str | int]:
    constant: str = "0"
    if place.constant is not None:
        constant = constants.symbol(np.ascontiguousarray(place.constant), weights=True)
    padding = "0"
    if view.pad_value is not None and _reaches_outside(view, kernel.out_rows):
        padding = constants.padding_row(view.pad_value, view.row_bytes)
    # A kernel that takes the tensor as a whole sees one row of it.
    stride = place.stride_bytes if view.rows > 1 else view.row_bytes
    return [
        *(constant, padding, place.offset, stride, view.pad_top),
        *(view.rows, view.window, view.stride, view.dilation, view.repeat),
        *(min(place.slots, view.rows), WHOLE if place.source is None else place.source),
    ]


def _check_sizes(op: StepOp, kernel: RowKernel) -> None:
    limits = [op.out_rows, *(v for i in kernel.inputs for v in (i.rows, i.window, i.stride))]
    if max(limits) > LARGEST:
        name = op.node.name if op.node else "input"
        raise WorkError("EW-CODEGEN-SIZE", f"node {name} has {max(limits)} rows; the driver counts to 65534")


def _reaches_outside(view: RowInput, out_rows: int) -> bool:
    last = (out_rows - 1) // view.repeat * view.stride - view.pad_top + (view.window - 1) * view.dilation
    return view.pad_top > 0 or last >= view.rows


def comment(text: str) -> str:
    """A name of the model as it may stand in a C comment: models are not trusted."""
    return re.sub(r"[^\w./:;() -]", "_", text, flags=re.ASCII)[:100]
