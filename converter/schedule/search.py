"""The search over segmentations: which nodes run whole, which are streamed, in how many strips.

Every cut of the node order into segments is a path through a graph whose edges are candidates. For a
limit of memory the cheapest path over the edges below it is found by dynamic programming; lowering the
limit below the path's own peak, again and again, gives the whole trade-off between memory and cycles.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from edgewright.converter.schedule.candidate import Candidate, CopyCost, patch, price, stream
from edgewright.converter.schedule.network import Network
from edgewright.converter.schedule.segment import InputMode
from edgewright.converter.schedule.whole import layers

ScheduleMode = Literal["auto", "layer", "stream", "patch"]
STRIP_COUNTS = (2, 3, 4, 5, 6, 7, 8)
MAX_PATCHES = 8
# Decides between equal costs, which differ in the last bits only.
STREAMED_TIE = 1 + 1e-6
# Between cuts that more than one tensor crosses only short segments are considered.
SHORT_SEGMENT = 4


Cost = Callable[[Candidate], float]
# First position, end, strips and blocks of each segment.
Segments = tuple[tuple[int, int, int, int], ...]


@dataclass(frozen=True)
class Prices:
    """Cycles that a byte of flash is worth.

    Args:
        constants: Of weights and tables.
        code: Of code.
        paid: Functions that cost nothing more.
    """

    constants: float = 0.0
    code: float = 0.0
    paid: frozenset[str] = frozenset()


FREE = Prices()


def by_cycles(candidate: Candidate, prices: Prices = FREE) -> float:
    """What the fastest path minimizes; what is as fast whole runs whole."""
    tie = STREAMED_TIE if candidate.streamed is not None else 1.0
    cost = candidate.cycles * tie + candidate.constant_bytes * prices.constants
    if prices.code:
        unpaid = (size for name, size in candidate.functions.items() if name not in prices.paid)
        cost += sum(unpaid) * prices.code
    return cost


def by_macs(candidate: Candidate, cost: Cost = by_cycles) -> float:
    """Least recompute; among equals the cheapest."""
    return candidate.macs + 1e-9 * cost(candidate)


@dataclass(frozen=True, eq=False)
class Path:
    """A segmentation of the whole network.

    Args:
        candidates: In execution order.
        peak_bytes: Largest of their peaks: no placement needs less.
        cycles, macs, constant_bytes: Sums.
        code_bytes: Of all functions, each counted once.
    """

    candidates: tuple[Candidate, ...]
    peak_bytes: int
    cycles: float
    macs: float
    constant_bytes: int = 0
    code_bytes: int = 0

    @property
    def segments(self) -> Segments:
        """How it cuts the network, whatever the kernels."""
        return tuple((c.first, c.stop, c.strips, c.blocks) for c in self.candidates)


@dataclass(frozen=True)
class Candidates:
    """What the paths are made of.

    Args:
        edges: By first position.
        complete: False where the time limit ended the enumeration.
    """

    edges: tuple[tuple[Candidate, ...], ...]
    complete: bool


def enumerate_candidates(
    network: Network,
    input_mode: InputMode,
    copy: CopyCost,
    *,
    mode: ScheduleMode = "auto",
    patches: tuple[int, int] | None = None,
    known: Candidates | None = None,
    time_limit_s: float = 10.0,
    tell: Callable[[int, int], None] | None = None,
) -> Candidates:
    """All candidates of a network, shortest first.

    Args:
        network: Nodes in execution order.
        input_mode: "rows" leaves only candidates that take the rows of the input one by one.
        copy: Cost of copying a row.
        mode: Which kinds of segments to consider.
        patches: Rows and columns of patches for the mode "patch"; None for all sizes up to 8 x 8.
        known: Those of another input mode: behind the first segment they are the same.
        time_limit_s: The enumeration ends after it; the longest segments are then missing.
        tell: Called with (done, total).
    """
    n, deadline = network.positions, time.monotonic() + time_limit_s
    fed = network.program.inputs[0].value if input_mode == "rows" else None
    edges: list[list[Candidate]] = [[] for _ in range(n)]
    if known is not None:
        edges[1:] = [list(some) for some in known.edges[1:]]
    if mode != "stream":
        # Patches that were asked for begin at the input.
        first = 1 if fed or mode == "patch" else 0
        for i in range(first, n if known is None else min(n, 1)):
            edges[i] += layers(network, i)
    if mode == "patch":
        edges[0] += _patches(network, copy, patches)
    pairs = list(_ranges(network)) if mode in ("auto", "stream") or fed else []
    complete = known is None or known.complete
    if known is not None:
        pairs = [pair for pair in pairs if pair[0] == 0]
    for done, (first, stop) in enumerate(pairs):
        if tell is not None and done % 16 == 0:
            tell(done, len(pairs))
        if time.monotonic() > deadline:
            complete = False
            break
        edges[first] += _streamed(network, first, stop, fed if first == 0 else None, mode, copy)
    return Candidates(tuple(tuple(e) for e in edges), complete)


def _streamed(
    network: Network, first: int, stop: int, fed: str | None, mode: ScheduleMode, copy: CopyCost
) -> Iterator[Candidate]:
    """The candidates that stream some nodes; `fed` is the input whose rows are pushed into them."""
    alone = stop == first + 1
    if mode == "layer" and (fed is None or not alone):
        return
    if alone and fed is None and mode != "stream" and not _has_lean(network, first):
        return
    segment = stream(network, first, stop, fed, copy)
    if segment is None:
        if alone and mode == "stream" and fed is None:
            yield from layers(network, first)
        return
    yield from price(network, segment, 1, copy)
    if not alone and segment.in_strips and mode == "auto":
        columns = segment.simulation.ops[-1].out_columns
        for strips in STRIP_COUNTS:
            if 2 * strips <= columns:
                yield from price(network, segment, strips, copy)


def _patches(network: Network, copy: CopyCost, asked: tuple[int, int] | None) -> Iterator[Candidate]:
    """The first nodes in patches, as many of them as can run so."""
    sizes = [asked] if asked is not None else [(n, n) for n in range(2, MAX_PATCHES + 1)]
    for stop in range(2, network.positions + 1):
        for blocks, strips in sizes:
            segment = patch(network, stop, blocks)
            if segment is not None and strips <= segment.simulation.ops[-1].out_columns:
                yield from price(network, segment, strips, copy, blocks)


def _has_lean(network: Network, position: int) -> bool:
    """Whether a node alone may need less memory streamed than whole."""
    return any(op.lean for op in network.forms[position].stream or ())


def _ranges(network: Network) -> Iterator[tuple[int, int]]:
    """First position and end of the segments to consider, shortest first."""
    n = network.positions
    single = {0, n} | {cut for cut in range(1, n) if len(network.crossing[cut]) == 1}
    for length in range(1, n + 1):
        for first in range(n - length + 1):
            if length <= SHORT_SEGMENT or (first in single and first + length in single):
                yield first, first + length


def cheapest(edges: Sequence[Sequence[Candidate]], limit_bytes: int, cost: Cost = by_cycles) -> Path | None:
    """The path of least cost among those whose candidates all stay within a limit."""
    n = len(edges)
    best: list[tuple[float, Candidate | None] | None] = [None] * (n + 1)
    best[0] = (0.0, None)
    for first in range(n):
        here = best[first]
        if here is None:
            continue
        for candidate in edges[first]:
            if candidate.peak_bytes <= limit_bytes:
                total, known = here[0] + cost(candidate), best[candidate.stop]
                if known is None or total < known[0]:
                    best[candidate.stop] = (total, candidate)
    taken: list[Candidate] = []
    at = n
    while at:
        entry = best[at]
        if entry is None or entry[1] is None:
            return None
        taken.append(entry[1])
        at = entry[1].first
    taken.reverse()
    return path_of(taken)


def path_of(taken: Sequence[Candidate]) -> Path:
    """The path of some candidates in execution order."""
    return Path(
        tuple(taken),
        max((c.peak_bytes for c in taken), default=0),
        sum(c.cycles for c in taken),
        sum(c.macs for c in taken),
        sum(c.constant_bytes for c in taken),
        sum({name: size for c in taken for name, size in c.functions.items()}.values()),
    )


def front(edges: Sequence[Sequence[Candidate]], cost: Cost = by_cycles) -> list[Path]:
    """Paths of which none is better in memory and cost than another, the largest first."""
    found: list[Path] = []
    limit = 2**62
    while (path := cheapest(edges, limit, cost)) is not None:
        # As cheap with less memory: the earlier one is no use.
        if found and sum(map(cost, path.candidates)) <= sum(map(cost, found[-1].candidates)):
            found.pop()
        found.append(path)
        limit = path.peak_bytes - 1
    return found


def without_recompute(edges: Sequence[Sequence[Candidate]]) -> list[list[Candidate]]:
    """The candidates that compute nothing twice."""
    return [[c for c in some if c.strips == 1 and not c.blocks] for some in edges]
