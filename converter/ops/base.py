"""What every op kind provides, and the integer helpers they share.

An op kind's file holds everything the project knows of it: typed attributes, shape rule, golden
arithmetic, which input rows an output row needs, and its row kernel.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from edgewright.converter.program import Array, TensorType

if TYPE_CHECKING:
    from edgewright.converter.intervals.reach import Reach
    from edgewright.converter.ops.channel_links import ChannelLinks, Kept
    from edgewright.targets.codegen.row_kernel import RowKernel
    from edgewright.targets.cpu import CpuClass


@dataclass(frozen=True)
class Padding:
    """Rows and columns of zero points added around a tensor, in elements."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0


@dataclass(frozen=True)
class OpKind(ABC):
    """One kind of operation with its attributes.

    Arrays are HWC (`converter/program.py`). Weight-like constants are attributes of the op.
    """

    kind: ClassVar[str] = ""
    # Index of the input whose storage the output may take over element by element, or None.
    in_place_input: ClassVar[int | None] = None

    @abstractmethod
    def output_type(self, *inputs: TensorType) -> TensorType:
        """Type of the output; raises ModelError where the inputs do not fit."""

    @abstractmethod
    def golden(self, *inputs: Array) -> Array:
        """The exact arithmetic, HWC in and HWC out."""

    def input_rows(self, out_row: int, *inputs: TensorType) -> tuple[range, ...]:
        """Rows of each input that output row `out_row` needs (may reach over the borders)."""
        return tuple(range(x.shape[0]) for x in inputs)

    def macs(self, *inputs: TensorType) -> int:
        """Multiply-accumulates of one execution."""
        return 0

    def reach(self, *inputs: Reach) -> Reach | None:
        """Bounds of the output for bounds of the inputs; None is the whole range of its type."""
        return None

    def channel_links(self, *inputs: TensorType) -> ChannelLinks | None:
        """Which channels can only go together, None where all channels have to stay."""
        return None

    def channel_parameters(self, *inputs: TensorType) -> tuple[Array, ...] | None:
        """What tells output channels apart besides the input channels linked to them: integers [C, ...] each.

        Output channels are equal if these are, and the channels they are linked to are; None: never.
        """
        return None

    def with_channels(self, inputs: tuple[Kept, ...], output: Kept) -> OpKind:
        """The op on some channels of its inputs, making some of its output's (see `channel_links`)."""
        return self

    @property
    def weights_bytes(self) -> int:
        """Bytes of constants the op keeps in flash, as stored in the model (int8 weights, int32 biases)."""
        return 0

    @property
    def pixelwise(self) -> bool:
        """Whether an output pixel needs just the input pixels at its place, so that rows may be joined."""
        return False

    def row_kernel(self, cpu: CpuClass, *inputs: TensorType) -> RowKernel:
        """The row kernel of this op for a CPU class in a layer schedule; it may take whole tensors."""
        raise NotImplementedError(self.kind)

    def layer_kernels(self, cpu: CpuClass, *inputs: TensorType) -> tuple[RowKernel, ...]:
        """The kernels to choose from in a layer schedule, `row_kernel` first."""
        return (self.row_kernel(cpu, *inputs),)

    def stream_kernels(self, cpu: CpuClass, *inputs: TensorType) -> tuple[RowKernel, ...] | None:
        """The kernels of this op where rows of the inputs arrive and leave one by one.

        Returns:
            One kernel that writes one row of the output a call; or two, one that accumulates
            (`RowKernel.accumulates`) and one that makes the only output row of the sums; None where the
            op needs whole tensors.
        """
        return None

    def lean_kernels(self, cpu: CpuClass, *inputs: TensorType) -> tuple[RowKernel, ...]:
        """Slower forms of the only kernel of `stream_kernels` that need less scratch, fastest first."""
        return ()

    def strip(self, columns: range, *inputs: TensorType) -> tuple[OpKind, tuple[range, ...]] | None:
        """The op restricted to some of its output columns.

        Args:
            columns: Output columns.
            inputs: Types of the whole inputs.

        Returns:
            (an op that makes just these columns of inputs cut to the ranges; the columns needed of each
            input), None where the op needs all columns.
        """
        return None
