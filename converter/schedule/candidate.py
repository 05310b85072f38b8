"""One segment of a plan: consecutive nodes run whole, streamed row by row, or streamed in column strips."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from edgewright.converter.schedule.band import Band, growing_band, round_up, shrinking_band
from edgewright.converter.schedule.events import Simulation, simulate, simulate_blocks
from edgewright.converter.schedule.network import Network, Tensor
from edgewright.converter.schedule.rings import Ring, block_rings, choose_rings
from edgewright.converter.schedule.row_op import ColumnAccess, RowOp
from edgewright.converter.schedule.segment import Streamed, state_bytes, stream_bands

# Longer segments are not considered: the driver's tables index the kernels of a segment with 12 bits.
MAX_SEGMENT_OPS = 1000


@dataclass(frozen=True, eq=False)
class Candidate:
    """A segment with its costs.

    Args:
        first, stop: Positions in the network.
        strips: Column strips, 1 for none.
        blocks: Blocks of rows of a segment that runs in patches, each layer by layer; else 0.
        streamed: None where the (only) node runs whole.
        peak_bytes: Bytes in use at its largest moment; no placement needs less.
        cycles: Estimated.
        macs: With those computed twice.
        constant_bytes: Constants of its kernels.
        functions: Functions they need and their bytes.
        op: The kernel of a node that runs whole, else None.
    """

    first: int
    stop: int
    strips: int
    streamed: Streamed | None
    peak_bytes: int
    cycles: float
    macs: float
    blocks: int = 0
    constant_bytes: int = 0
    functions: Mapping[str, int] = field(default_factory=dict)
    op: RowOp | None = None


@dataclass(frozen=True)
class CopyCost:
    """Cycles of copying a row inside the arena."""

    fixed: float
    per_byte: float

    def cycles(self, size_bytes: int) -> float:
        return self.fixed + self.per_byte * size_bytes


def feed_op(tensor: Tensor, columns: int, copy: CopyCost) -> RowOp:
    """The op that stands for the application pushing rows of an input."""
    own = (ColumnAccess(columns),)
    return RowOp(
        node="",
        part=0,
        inputs=(),
        views=(),
        output=tensor.name,
        out_rows=tensor.rows,
        out_row_bytes=tensor.row_bytes,
        out_columns=columns,
        cycles=copy.cycles(tensor.row_bytes),
        columns=own[:0],
    )


def stream(network: Network, first: int, stop: int, fed: str | None, copy: CopyCost) -> Streamed | None:
    """Stream some nodes as one segment; None where a node or a reshape inside needs whole tensors."""
    ops: list[RowOp] = []
    if fed is not None:
        if network.tensors[fed].last(network.positions) >= stop:
            return None
        columns = network.program.values[fed].shape[1]
        ops.append(feed_op(network.tensors[fed], columns, copy))
    for form in network.forms[first:stop]:
        if form.stream is None:
            return None
        ops += form.stream
    if len(ops) > MAX_SEGMENT_OPS or not _rows_match(ops):
        return None
    read, written = _borders(network, ops, stop, fed)
    wanted = (ops[-1].output, *(v for v in written if v != ops[-1].output))
    simulation = simulate(ops, {v: network.tensors[v].rows for v in read}, wanted)
    segment = _streamed(network, (first, stop), fed, simulation, {}, read, written)
    others = sum(b.weight() for b in tensor_bands(network, segment, 1))
    rings = choose_rings(simulation, {op.output for op in ops} - set(written), others)
    return replace(segment, rings=rings)


def patch(network: Network, stop: int, blocks: int) -> Streamed | None:
    """Run the first nodes in patches: blocks of rows, each layer by layer (and column strips)."""
    ops: list[RowOp] = []
    for form in network.forms[:stop]:
        if form.stream is None or len(form.stream) != 1 or form.stream[0].columns is None:
            return None
        ops += form.stream
    read, written = _borders(network, ops, stop, None)
    if written != (ops[-1].output,) or not _rows_match(ops) or blocks > ops[-1].out_rows:
        return None
    simulation = simulate_blocks(ops, {v: network.tensors[v].rows for v in read}, blocks)
    rings = block_rings(simulation, [op.output for op in ops[:-1]], blocks)
    return replace(_streamed(network, (0, stop), None, simulation, rings, read, written), patched=True)


def _borders(
    network: Network, ops: Sequence[RowOp], stop: int, fed: str | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Tensors that are there before a segment and read in it, and those it leaves behind."""
    made = dict.fromkeys(op.output for op in ops)
    read = dict.fromkeys(v for op in ops for v in op.inputs if v is not None and v not in made)
    n, tensors = network.positions, network.tensors
    return tuple(read), tuple(v for v in made if v in tensors and tensors[v].last(n) >= stop and v != fed)


def _streamed(
    network: Network,
    nodes: tuple[int, int],
    fed: str | None,
    simulation: Simulation,
    rings: Mapping[str, Ring],
    read: Sequence[str],
    written: Sequence[str],
) -> Streamed:
    (first, stop), n = nodes, network.positions
    dying = tuple(v for v in read if network.tensors[v].last(n) < stop)
    passing = sum(
        t.size_bytes
        for t in network.tensors.values()
        if t.producer < first and t.last(n) >= stop and t.name not in read and t.name != fed
    )
    return Streamed(
        first=first,
        stop=stop,
        fed=fed,
        simulation=simulation,
        rings=rings,
        dying=dying,
        kept=tuple(v for v in read if v not in dying),
        written=tuple(written),
        passing_bytes=passing,
    )


def _rows_match(ops: Sequence[RowOp]) -> bool:
    """Whether every op reads the rows that another one of the segment writes as they are."""
    writer = {op.output: op for op in ops}
    for op in ops:
        for source, view in zip(op.inputs, op.views, strict=True):
            if source in writer:
                made = writer[source]
                rows = made.out_rows
                if (view.rows, view.row_bytes) != (rows, made.out_row_bytes):
                    return False
    return True


def strip_row_bytes(segment: Streamed, strips: int) -> list[dict[str, int]]:
    """Bytes of a row of every value that a segment writes, strip by strip."""
    ops = segment.simulation.ops
    if strips == 1:
        return [{op.output: op.out_row_bytes for op in ops}]
    return [
        {op.output: op.out_row_bytes // op.out_columns * len(needed[op.output]) for op in ops}
        for needed in map(segment.columns, segment.strips(strips))
    ]


def tensor_bands(network: Network, segment: Streamed, strips: int) -> list[Band]:
    """The whole tensors that a streamed segment touches."""
    simulation, tensors = segment.simulation, network.tensors
    always = np.ones(len(simulation.sequence), bool)
    bands = [Band(v, "tensor", tensors[v].size_bytes, always) for v in segment.kept]
    writer = {op.output: op for op in simulation.ops}
    for v in segment.dying:
        rows = {
            view.rows
            for op in simulation.ops
            for source, view in zip(op.inputs, op.views, strict=True)
            if source == v
        }
        if strips == 1 and rows == {tensors[v].rows}:
            t = tensors[v]
            bands.append(shrinking_band(simulation, v, t.size_bytes, t.rows, t.row_bytes))
        else:
            bands.append(Band(v, "tensor", tensors[v].size_bytes, always))
    for v in segment.written:
        size = tensors[v].size_bytes
        if strips == 1:
            bands.append(growing_band(simulation, v, size, writer[v].out_row_bytes))
        else:
            bands.append(Band(v, "tensor", size, always))
    return bands


def bands_of(
    network: Network, segment: Streamed, strips: int, row_bytes: Mapping[str, int], rings: Mapping[str, Ring]
) -> list[Band]:
    """All memory that a streamed segment touches, tensors first."""
    working = stream_bands(segment.simulation, rings, row_bytes, network.alignment)
    return tensor_bands(network, segment, strips) + working


def price(
    network: Network, segment: Streamed, strips: int, copy: CopyCost, blocks: int = 0
) -> list[Candidate]:
    """Memory and cycles of a streamed segment in a number of strips.

    The first candidate has the fastest kernels. While a kernel with a leaner form is what makes the
    largest moment as large as it is, that form is taken and makes another candidate.
    """
    simulation = segment.simulation
    sequence, alignment = simulation.sequence, network.alignment
    rows = strip_row_bytes(segment, strips)
    names, units = segment.ring_units
    sizes = np.array([[round_up(strip[v], alignment) for v in names] for strip in rows], np.float64)
    held = (sizes @ units).max(0) if len(names) else np.zeros(len(sequence))
    held += sum(b.weight() for b in tensor_bands(network, segment, strips))
    held += state_bytes(len(simulation.ops), alignment) + segment.passing_bytes
    copied = sum(n * copy.cycles(strip[v]) for strip in rows for v, n in segment.copied_rows.items())
    found: list[Candidate] = []
    while True:
        ops = segment.simulation.ops
        scratch = np.array([round_up(op.scratch_bytes, alignment) for op in ops])
        total = held + scratch[sequence]
        peak = int(total.max())
        cycles, macs = _work(segment, rows)
        found.append(
            Candidate(
                segment.first,
                segment.stop,
                strips,
                segment,
                peak,
                cycles + copied,
                macs,
                blocks,
                constant_bytes=sum(op.constant_bytes for op in ops),
                functions=dict(ChainMap(*(dict(op.functions) for op in ops))),
            )
        )
        guilty = set(sequence[total == peak].tolist())
        if not all(ops[i].lean for i in guilty):
            return found
        leaner = tuple(
            replace(op.lean[0], lean=op.lean[1:]) if i in guilty else op for i, op in enumerate(ops)
        )
        segment = replace(segment, simulation=replace(simulation, ops=leaner))


def _work(segment: Streamed, rows: Sequence[Mapping[str, int]]) -> tuple[float, float]:
    """Cycles without copies, and multiply-accumulates, of all strips."""
    ops = segment.simulation.ops
    counts = np.bincount(segment.simulation.sequence, minlength=len(ops))
    parts = np.array([[strip[op.output] / op.out_row_bytes for op in ops] for strip in rows])
    fixed = np.array([op.fixed_cycles for op in ops])
    scaling = np.array([op.cycles - op.fixed_cycles for op in ops])
    macs = np.array([op.macs for op in ops])
    cycles = (counts * (fixed + scaling * parts)).sum()
    return float(cycles), float((counts * macs * parts).sum())
