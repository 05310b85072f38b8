"""StreamedProgram: what one call of time streaming computes, and what survives between calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgewright.converter.program import Array, Node, Port, Program, TensorType
from edgewright.converter.streaming.time_axis import of_rows
from edgewright.errors import ModelError


@dataclass(frozen=True)
class StreamValue:
    """The newest rows of a value, oldest first: rows kept from earlier calls, then those of this one.

    Args:
        tensor: Type of all rows there are during a call.
        new_rows: Rows written in every call, the last ones.
    """

    tensor: TensorType
    new_rows: int

    @property
    def history(self) -> int:
        """Rows that survive from call to call."""
        return self.tensor.shape[0] - self.new_rows

    @property
    def state_bytes(self) -> int:
        return self.history * self.tensor.row_bytes


@dataclass(frozen=True)
class StreamNode:
    """An op of one call: it reads some rows of each input and writes the new rows of its output.

    Args:
        node: The node, its op for inputs cut to `reads`; nothing of the stream is padding.
        reads: Rows of each input value (0 = the oldest row kept).
    """

    node: Node
    reads: tuple[range, ...]


@dataclass(frozen=True)
class StreamedProgram:
    """The program of one call.

    Args:
        window: The program over a whole window to which streaming is exact; that of the model, or a
            longer one where signal replaced zero padding.
        hop: New rows of the input in a call.
        before: Rows by which the window is longer than the model's, above it.
        after: The same below it; the output of a call is that of the window that ended so many rows ago.
        values: Every value that is no constant.
        nodes: Operations in execution order.
        input: The model's input, `hop` time steps of it.
        outputs: The model's outputs; of one over time only the new steps.
    """

    window: Program
    hop: int
    before: int
    after: int
    values: Mapping[str, StreamValue]
    nodes: tuple[StreamNode, ...]
    input: Port
    outputs: tuple[Port, ...]

    @property
    def constants(self) -> Mapping[str, Array]:
        return self.window.constants

    @property
    def window_rows(self) -> int:
        """Rows of the input on which an output depends."""
        return self.window.values[self.input.value].shape[0]

    @property
    def warm_up_calls(self) -> int:
        """Calls until every row the output depends on was pushed."""
        return -(-self.window_rows // self.hop)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one call."""
        return sum(s.node.op.macs(*self.slabs(s)) for s in self.nodes)

    @property
    def state_bytes(self) -> int:
        """Bytes that survive between calls."""
        return sum(v.state_bytes for v in self.values.values())

    @property
    def ring_bytes(self) -> int:
        """Bytes of the values that keep rows, the new rows of a call included."""
        return sum(v.tensor.size_bytes for v in self.values.values() if v.history)

    def slabs(self, step: StreamNode) -> tuple[TensorType, ...]:
        """Types of the rows a node reads."""
        return tuple(
            of_rows(tensor, len(rows))
            for rows, tensor in zip(step.reads, map(self.tensor, step.node.inputs), strict=True)
        )

    def tensor(self, name: str) -> TensorType:
        """Type of a value (all rows there are during a call) or a constant."""
        return self.window.values[name] if name in self.constants else self.values[name].tensor

    def verify(self) -> None:
        """Check that every op makes the new rows of its output from rows that are there.

        Raises:
            ModelError: EW-PROGRAM-INVALID naming the node (a bug of the conversion, not of the user).
        """
        for step in self.nodes:
            node, value = step.node, self.values[step.node.output]
            want = of_rows(value.tensor, value.new_rows)
            for rows, name in zip(step.reads, node.inputs, strict=True):
                if not 0 <= rows.start < rows.stop <= self.tensor(name).shape[0]:
                    raise ModelError(
                        "EW-PROGRAM-INVALID", f"node {node.name} reads the rows {rows} of {name}"
                    )
            got = node.op.output_type(*self.slabs(step))
            if got != want:
                raise ModelError(
                    "EW-PROGRAM-INVALID", f"node {node.name} makes {got} in a call, its output takes {want}"
                )
