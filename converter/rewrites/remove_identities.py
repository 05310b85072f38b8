"""Remove operators whose output is their input."""

from __future__ import annotations

import numpy as np

from edgewright.converter.ops.average_pool import AveragePool
from edgewright.converter.ops.base import OpKind, Padding
from edgewright.converter.ops.concat import Concat
from edgewright.converter.ops.lookup import Lookup
from edgewright.converter.ops.max_pool import MaxPool
from edgewright.converter.ops.pad import Pad
from edgewright.converter.ops.requantize import DTYPE_RANGE
from edgewright.converter.ops.reshape import Reshape
from edgewright.converter.ops.resize_nearest import ResizeNearest
from edgewright.converter.ops.slice import Slice
from edgewright.converter.ops.transpose import Transpose
from edgewright.converter.program import Node, Program, TensorType
from edgewright.converter.rewrites.edit import output_values, with_nodes


def remove_identities(program: Program) -> Program:
    """Requantizations to the same parameters, reshapes to the same shape, slices of everything, ..."""
    sources = {p.value for p in program.inputs} | set(program.constants)
    outputs = output_values(program)
    renamed: dict[str, str] = {}
    kept: list[Node] = []
    for node in program.nodes:
        source = node.inputs[0]
        source = renamed.get(source, source)
        # An output that is an input of the graph would need no computation at all: it stays computed.
        borders = node.output in outputs and source in sources
        if borders or not _is_identity(node, program):
            kept.append(node)
        else:
            renamed[node.output] = source
    return with_nodes(program, kept, renamed)


def _is_identity(node: Node, program: Program) -> bool:
    types = [program.values[i] for i in node.inputs]
    return types == [program.values[node.output]] and _keeps(node.op, types[0])


def _keeps(op: OpKind, x: TensorType) -> bool:
    """Whether an operator with this input, and an output of the same type, changes nothing."""
    match op:
        case Reshape() | Pad() | Concat():
            return True  # of the same shape
        case Lookup():
            low, high = DTYPE_RANGE[op.input_dtype]
            return op.input_dtype == op.output_dtype and np.array_equal(op.table, np.arange(low, high + 1))
        case Slice():
            return op.ranges() == tuple(range(n) for n in x.shape)
        case Transpose():
            moving = [a for a in op.axes if op.view[a] > 1]
            return moving == sorted(moving)
        case ResizeNearest():
            return np.array_equal(op.rows, range(x.shape[0])) and np.array_equal(
                op.columns, range(x.shape[1])
            )
        case MaxPool() | AveragePool():
            geometry = (op.window, op.stride, op.padding, op.clamp)
            return geometry == ((1, 1), (1, 1), Padding(), (-128, 127))
    return False
