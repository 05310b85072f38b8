"""What a program is, in a few numbers: for `check`, the plan's header and reports."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from edgewright.converter.program import Port, Program


@dataclass(frozen=True)
class TensorSummary:
    """A graph input or output as the source model has it.

    Args:
        name: Tensor name in the source model.
        shape: Shape there, batch of 1 included.
        dtype: Element type on the device.
        scale: None for float tensors.
        zero_point: None for float tensors.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float | None
    zero_point: int | None

    def __str__(self) -> str:
        """`image 1x96x96x3 int8 (scale 0.0039, zero point -128)`."""
        text = f"{self.name} {'x'.join(map(str, self.shape))} {self.dtype}"
        return (
            text if self.scale is None else f"{text} (scale {self.scale:.6g}, zero point {self.zero_point})"
        )


@dataclass(frozen=True)
class ProgramSummary:
    """Size and interface of a program.

    Args:
        name: C identifier of the model.
        sha256: Hash of the model file.
        ops: Number of operations by kind, in order of first use.
        macs: Multiply-accumulates of one inference.
        weights_bytes: Constants in flash: weights, biases, constant operands.
        inputs: Graph inputs.
        outputs: Graph outputs.
    """

    name: str
    sha256: str
    ops: dict[str, int]
    macs: int
    weights_bytes: int
    inputs: tuple[TensorSummary, ...]
    outputs: tuple[TensorSummary, ...]

    @property
    def op_count(self) -> int:
        return sum(self.ops.values())


def summarize(program: Program) -> ProgramSummary:
    """Size and interface of a program."""
    operands = sum(program.values[name].size_bytes for name in program.constants)
    return ProgramSummary(
        name=program.name,
        sha256=program.source_sha256,
        ops=dict(Counter(n.op.kind for n in program.nodes)),
        macs=program.macs,
        weights_bytes=operands + sum(n.op.weights_bytes for n in program.nodes),
        inputs=tuple(_tensor(program, p) for p in program.inputs),
        outputs=tuple(_tensor(program, p) for p in program.outputs),
    )


def _tensor(program: Program, port: Port) -> TensorSummary:
    value = program.values[port.value]
    quantization = value.quantization
    return TensorSummary(
        port.name,
        port.source_shape,
        value.dtype,
        quantization.scale if quantization else None,
        quantization.zero_point if quantization else None,
    )
