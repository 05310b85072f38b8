"""What the planner has to know of every node on a class of core: its kernels, their rows and their costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from edgewright.converter.program import Node, Program, TensorType
from edgewright.converter.schedule.network import RESHAPE_KIND, Forms, in_place_storage, storage_roots
from edgewright.converter.schedule.row_op import ColumnAccess, RowOp
from edgewright.targets.codegen.row_kernel import RowKernel
from edgewright.targets.cpu import CpuClass

# Cycles of one call of a kernel, driver included.
CallCost = Callable[[RowKernel], float]


@dataclass(frozen=True, eq=False)
class NodeKernels:
    """The kernels of a node.

    Args:
        layer: To choose from in a layer schedule.
        stream: For a streamed one; None where there are none.
        lean: Slower ones for a streamed schedule that need less scratch memory, fastest first.
    """

    layer: tuple[RowKernel, ...]
    stream: tuple[RowKernel, ...] | None
    lean: tuple[RowKernel, ...] = ()


def layer_types(node: Node, program: Program) -> tuple[TensorType, ...]:
    """Types of a node's inputs as its kernel sees them in a layer schedule.

    Pixelwise ops see the whole tensor as one row, so that pixel tiles do not end at every row.
    """
    types = tuple(program.values[i] for i in node.inputs)
    if not node.op.pixelwise or any(t.shape != types[0].shape for t in types[1:]):
        return types
    return tuple(replace(t, shape=(1, t.shape[0] * t.shape[1], t.shape[2])) for t in types)


def node_kernels(program: Program, cpu: CpuClass) -> dict[str, NodeKernels]:
    """Kernels of all nodes that move or compute data, by name."""
    found = {}
    for node in program.nodes:
        if node.op.kind == RESHAPE_KIND:
            continue
        types = tuple(program.values[i] for i in node.inputs)
        layer = node.op.layer_kernels(cpu, *layer_types(node, program))
        stream = node.op.stream_kernels(cpu, *types)
        lean = node.op.lean_kernels(cpu, *types) if stream is not None and len(stream) == 1 else ()
        found[node.name] = NodeKernels(layer, stream, lean)
    return found


def planner_forms(
    program: Program, kernels: Mapping[str, NodeKernels], cost_of: Callable[[str], CallCost]
) -> dict[str, Forms]:
    """The planner's view of all kernels, by node name.

    Args:
        program: Verified program.
        kernels: By node name.
        cost_of: The costs of a node's kernels, by its name.
    """
    root = storage_roots(program)
    forms = {}
    for node in program.nodes:
        if node.name not in kernels:
            continue
        own, cost = kernels[node.name], cost_of(node.name)
        macs = node.op.macs(*(program.values[i] for i in node.inputs))
        layer = []
        for index, kernel in enumerate(own.layer):
            op = _row_op(program, node, kernel, root, cost, macs / kernel.out_rows)
            layer.append(replace(op, leads=kernel.leads(), variant=index))
        stream = None
        if own.stream is not None:
            stream = _stream_ops(program, node, own, root, cost, macs)
        forms[node.name] = Forms(node, tuple(layer), stream, in_place_storage(program, node, root))
    return forms


def _row_op(
    program: Program,
    node: Node,
    kernel: RowKernel,
    root: dict[str, str],
    call_cycles: CallCost,
    macs: float,
) -> RowOp:
    cycles = call_cycles(kernel)
    return RowOp(
        node=node.name,
        part=0,
        inputs=tuple(root.get(v) for v in node.inputs),
        views=kernel.inputs,
        output=node.output,
        out_rows=kernel.out_rows,
        out_row_bytes=kernel.out_row_bytes,
        out_columns=program.values[node.output].shape[1],
        scratch_bytes=kernel.scratch_bytes,
        constant_bytes=kernel.constant_bytes,
        functions=kernel.functions,
        cycles=cycles,
        fixed_cycles=min(cycles, 100.0),
        macs=macs,
    )


def _stream_ops(
    program: Program,
    node: Node,
    own: NodeKernels,
    root: dict[str, str],
    call_cycles: CallCost,
    macs: float,
) -> tuple[RowOp, ...]:
    kernels = own.stream
    assert kernels is not None
    if len(kernels) == 1:
        columns = column_access(program, node, root)
        ops = [
            replace(
                _row_op(program, node, k, root, call_cycles, macs / k.out_rows), columns=columns, variant=i
            )
            for i, k in enumerate((kernels[0], *own.lean))
        ]
        return (replace(ops[0], lean=tuple(ops[1:])),)
    sums = f"{node.name}:sums"
    first, second = (_row_op(program, node, k, root, call_cycles, 0.0) for k in kernels)
    return (
        replace(first, output=sums, accumulates=True),
        replace(second, part=1, inputs=(sums,)),
    )


def column_access(program: Program, node: Node, root: dict[str, str]) -> tuple[ColumnAccess, ...] | None:
    """Which columns of its inputs a node needs for a column of its output; None: it cannot run in strips."""
    types = tuple(program.values[i] for i in node.inputs)
    columns = program.values[node.output].shape[1]
    single = [node.op.strip(range(c, c + 1), *types) for c in range(columns)]
    if columns < 2 or any(cut is None for cut in single):
        return None
    # Columns of a reshaped value are others than those of the rows that were computed.
    if any(program.values[root.get(v, v)].shape[1] != program.values[v].shape[1] for v in node.inputs):
        return None
    window = getattr(node.op, "window", None)
    if window is not None and len(types) == 1:
        stride, dilation = node.op.stride[1], getattr(node.op, "dilation", (1, 1))[1]  # type: ignore[attr-defined]
        left = node.op.padding.left  # type: ignore[attr-defined]
        extent = dilation * (window[1] - 1) + 1
        return (ColumnAccess(types[0].shape[1], stride, left, extent),)
    return tuple(
        ColumnAccess(
            t.shape[1], every=any(cut is None or cut[1][i] != range(c, c + 1) for c, cut in enumerate(single))
        )
        for i, t in enumerate(types)
    )
