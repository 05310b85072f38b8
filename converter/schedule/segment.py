"""Segments: consecutive nodes that are streamed row by row, and the memory that takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from edgewright.converter.schedule.band import Band, round_up
from edgewright.converter.schedule.events import Simulation
from edgewright.converter.schedule.rings import Ring, copies, ring_bands, ring_bytes
from edgewright.converter.schedule.strips import balanced_strips, split_columns, strip_columns

InputMode = Literal["resident", "rows"]
# Where a segment is in its sequence; for each op its next row and how many of its rows wait
# (`ew_stream_state`, `ew_op_state`).
STATE_BYTES = 8
OP_STATE_BYTES = 4


@dataclass(frozen=True, eq=False)
class Streamed:
    """Nodes `first` .. `stop - 1` streamed row by row: what does not depend on the strips.

    Args:
        first, stop: Positions in the network.
        fed: Graph input whose rows are pushed, else None.
        simulation: Events of one strip.
        rings: Line buffer of every streamed value.
        dying: Tensors read here and needed no more afterwards.
        kept: Other tensors read here.
        written: Tensors written here and needed afterwards.
        passing_bytes: Tensors that are alive and not touched.
        patched: Whether its strips are those of patches, of equal width.
    """

    first: int
    stop: int
    fed: str | None
    simulation: Simulation
    rings: Mapping[str, Ring]
    dying: tuple[str, ...]
    kept: tuple[str, ...]
    written: tuple[str, ...]
    passing_bytes: int
    patched: bool = False

    def strips(self, count: int) -> list[range]:
        """Output columns of each of a number of strips."""
        if self.patched or count < 3:
            return split_columns(self.simulation.ops[-1].out_columns, count)
        return balanced_strips(self, count)

    @cached_property
    def _columns(self) -> dict[range, dict[str, range]]:
        return {}

    def columns(self, part: range) -> dict[str, range]:
        """Columns of every value that some output columns need."""
        if part not in self._columns:
            self._columns[part] = strip_columns(self.simulation.ops, part)
        return self._columns[part]

    @cached_property
    def ring_units(self) -> tuple[list[str], npt.NDArray[np.float64]]:
        """Values with line buffers, and how many of their rows take memory at each event [value, event]."""
        ops = [op for op in self.simulation.ops if op.output in self.rings]
        rows = [ring_bytes(self.simulation, op, self.rings[op.output], 1) for op in ops]
        return [op.output for op in ops], np.array(rows, np.float64)

    @cached_property
    def copied_rows(self) -> dict[str, int]:
        """Rows that are copied from the newest rows into their ring, by value."""
        counted = {
            op.output: copies(self.simulation, op, self.rings[op.output])
            for op in self.simulation.ops
            if op.output in self.rings
        }
        return {v: count for v, count in counted.items() if count}

    @property
    def in_strips(self) -> bool:
        """Whether all of it can run on a part of the columns."""
        ops = self.simulation.ops
        return (
            len(self.written) == 1
            and ops[-1].output == self.written[0]
            and all(op.columns is not None for op in ops)
        )


def stream_bands(
    simulation: Simulation,
    rings: Mapping[str, Ring],
    row_bytes: Mapping[str, int],
    alignment: int,
) -> list[Band]:
    """Rings, newest rows, sums, scratch and state of a streamed segment."""
    bands: list[Band] = []
    for i, op in enumerate(simulation.ops):
        if op.output in rings:
            size = round_up(row_bytes[op.output], alignment)
            bands += ring_bands(simulation, op, rings[op.output], size)
        if op.scratch_bytes:
            size = round_up(op.scratch_bytes, alignment)
            name = f"{op.node}:scratch" + (":end" if op.part else "")
            bands.append(Band(name, "scratch", size, simulation.sequence == i))
    always = np.ones(len(simulation.sequence), bool)
    bands.append(Band(":state", "state", state_bytes(len(simulation.ops), alignment), always))
    return bands


def state_bytes(ops: int, alignment: int) -> int:
    """Memory of a segment's place in its sequence."""
    return round_up(STATE_BYTES + OP_STATE_BYTES * ops, alignment)
