"""The kernels of one call of time streaming, and how each value that looks back keeps its rows.

A ring gives rows one by one, wherever they lie; an op that takes them as one piece needs them one behind
the other, in a linear buffer. A reshape whose result keeps no rows is another name for the bytes it reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from edgewright.converter.program import Node, Program, TensorType
from edgewright.converter.schedule.network import RESHAPE_KIND
from edgewright.converter.streaming import StreamedProgram, StreamNode
from edgewright.converter.streaming.time_axis import of_rows
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel
from edgewright.targets.cpu import CpuClass
from edgewright.targets.forms import NodeKernels, node_kernels


@dataclass(frozen=True, eq=False)
class Call:
    """One kernel of a call.

    Args:
        node: The node, its op for the rows it reads.
        reads: Rows of each input value (0 = the oldest there is during a call).
        kernel: Runs for every new row of the output, or once for all.
    """

    node: Node
    reads: tuple[range, ...]
    kernel: RowKernel


@dataclass(frozen=True, eq=False)
class StreamCalls:
    """What a call runs.

    Args:
        streamed: The program of one call.
        cpu: Class of core.
        calls: Kernels in order.
        linear: Values whose rows lie one behind the other, oldest first.
        aliases: Of a reshape that moves no data: value it reads, byte of that value's rows.
    """

    streamed: StreamedProgram
    cpu: CpuClass
    calls: tuple[Call, ...]
    linear: frozenset[str]
    aliases: Mapping[str, tuple[str, int]]

    def root(self, name: str) -> tuple[str, int]:
        """The value whose memory a value lies in, and the byte there."""
        base, offset = name, 0
        while base in self.aliases:
            base, more = self.aliases[base]
            offset += more
        return base, offset

    def in_ring(self, name: str, read: range) -> bool:
        """Whether some of these rows lie in a ring."""
        if name in self.streamed.constants or name in self.linear:
            return False
        return read.start < self.streamed.values[name].history


def stream_calls(streamed: StreamedProgram, cpu: CpuClass) -> StreamCalls:
    """Choose the kernels of every node of a call.

    Args:
        streamed: The program of one call.
        cpu: Class of core.
    """
    program = _call_program(streamed)
    kernels = node_kernels(program, cpu)
    linear = frozenset(_linear_values(streamed, kernels, cpu))
    aliases = {}
    for step in streamed.nodes:
        source = step.node.inputs[0]
        if _is_alias(streamed, step, cpu, linear=source in linear):
            aliases[step.node.output] = source, _first_byte(streamed, step, linear=source in linear)
    chosen = StreamCalls(streamed, cpu, (), linear, aliases)
    running = [s for s in streamed.nodes if s.node.output not in aliases]
    return replace(chosen, calls=tuple(Call(s.node, s.reads, _kernel(chosen, s, kernels)) for s in running))


def _call_program(streamed: StreamedProgram) -> Program:
    """The nodes of a call as a program of their own: inputs are cut to the rows that are read."""
    values: dict[str, TensorType] = {}
    nodes = []
    for step in streamed.nodes:
        inputs = tuple(f"{i}[{r.start}:{r.stop}]" for i, r in zip(step.node.inputs, step.reads, strict=True))
        values |= dict(zip(inputs, streamed.slabs(step), strict=True))
        made = streamed.values[step.node.output]
        values[step.node.output] = of_rows(made.tensor, made.new_rows)
        nodes.append(replace(step.node, inputs=inputs))
    return replace(streamed.window, values=values, nodes=tuple(nodes), constants={})


def _linear_values(
    streamed: StreamedProgram, kernels: Mapping[str, NodeKernels], cpu: CpuClass
) -> Iterator[str]:
    """Values whose kept rows are read as one piece."""
    for step in streamed.nodes:
        own = kernels.get(step.node.name)
        in_pieces = own.stream is not None and len(own.stream) == 1 if own else False
        if in_pieces or (own is None and not _is_alias(streamed, step, cpu, linear=True)):
            continue
        for name, read in zip(step.node.inputs, step.reads, strict=True):
            if name not in streamed.constants and read.start < streamed.values[name].history:
                yield name


def _first_byte(streamed: StreamedProgram, step: StreamNode, *, linear: bool) -> int:
    """Of the rows a reshape reads: from the oldest row of a linear buffer, else from the first new row."""
    value, first = streamed.values[step.node.inputs[0]], step.reads[0].start
    return (first if linear else first - value.history) * value.tensor.row_bytes


def _is_alias(streamed: StreamedProgram, step: StreamNode, cpu: CpuClass, *, linear: bool) -> bool:
    """Whether a node's output is just another name for what it reads: kernels rely on the alignment."""
    if step.node.op.kind != RESHAPE_KIND or step.node.inputs[0] in streamed.constants:
        return False
    aligned = _first_byte(streamed, step, linear=linear) % cpu.alignment == 0
    return aligned and not streamed.values[step.node.output].history


def _kernel(chosen: StreamCalls, step: StreamNode, kernels: Mapping[str, NodeKernels]) -> RowKernel:
    """The kernel for whole tensors where no input lies in a ring: it may join rows."""
    own = kernels.get(step.node.name)
    if own is None:
        return _copy_kernel(chosen.streamed.slabs(step)[0])
    if any(chosen.in_ring(i, r) for i, r in zip(step.node.inputs, step.reads, strict=True)):
        assert own.stream is not None
        return own.stream[0]
    return own.layer[0]


def _copy_kernel(x: TensorType) -> RowKernel:
    """Reshape of rows whose result keeps rows itself."""
    return RowKernel(
        family=f"copy_{x.row_bytes}",
        script="",
        source=f"static void f(const void *x, void *y) {{ memcpy(y, x, {x.row_bytes}); }}\n",
        arguments=("rows[0]", "out"),
        inputs=(RowInput(x.shape[0], x.row_bytes),),
        out_rows=x.shape[0],
        out_row_bytes=x.row_bytes,
        reason="moves data",
    )
