"""The planner: which schedule runs every node, in which order, and where everything lies in the arena.

The order of the operations is the one with the smallest peak of whole tensors (`order.py`). All ways to
cut it into segments are compared (`search.py`); those that none beats in memory and cycles are placed
(`assemble.py`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial

from edgewright.converter.program import Program
from edgewright.converter.schedule.assemble import assemble
from edgewright.converter.schedule.candidate import Candidate, CopyCost
from edgewright.converter.schedule.flash_price import (
    FlashLimit,
    Optimize,
    cheapest_layers,
    flash_prices,
    limiting_prices,
    paid,
)
from edgewright.converter.schedule.memory_plan import Plan
from edgewright.converter.schedule.network import Forms, Network, build_network
from edgewright.converter.schedule.order import best_order
from edgewright.converter.schedule.repair import repaired
from edgewright.converter.schedule.search import (
    FREE,
    STREAMED_TIE,
    Candidates,
    Cost,
    Path,
    Prices,
    ScheduleMode,
    Segments,
    by_cycles,
    by_macs,
    cheapest,
    enumerate_candidates,
    front,
    without_recompute,
)
from edgewright.converter.schedule.segment import InputMode
from edgewright.converter.schedule.storage_graph import build_storage_graph
from edgewright.errors import UsageError, WorkError

Tell = Callable[[str, int, int], None]
# Part of all cycles that a further segment has to save among paths of few segments.
FEWER_SEGMENTS = 1e-4
UNLIMITED = 2**62
NO_LIMIT = FlashLimit()


@dataclass(frozen=True)
class Wish:
    """What a plan is asked for.

    Args:
        schedule: Which kinds of segments may be used.
        input: How the input arrives; None: resident if that fits, else by rows.
        arena_bytes: Largest arena; None for any.
        slowdown: Instead of the fastest plan the smallest that takes at most so many times the cycles
            of the layer schedule.
        patches: Rows and columns of patches, for the schedule "patch".
        recompute: Whether borders of strips and patches may be computed twice; without them there are
            fewer kernels.
        optimize: What flash is worth (`flash_price.py`).
        flash: Most that constants and code of the kernels may take.
    """

    schedule: ScheduleMode = "auto"
    input: InputMode | None = None
    arena_bytes: int | None = None
    slowdown: float | None = None
    patches: tuple[int, int] | None = None
    recompute: bool = True
    optimize: Optimize = "balanced"
    flash: FlashLimit = NO_LIMIT


@dataclass(frozen=True, eq=False)
class Planner:
    """The search space of a program in one input mode.

    Args:
        network: Nodes in execution order.
        input_mode: How the input arrives.
        candidates: What paths are made of.
        layer_cycles: Of the layer schedule.
        prices: Of flash.
    """

    network: Network
    input_mode: InputMode
    candidates: Candidates
    layer_cycles: float
    prices: Prices = FREE

    @property
    def edges(self) -> Sequence[Sequence[Candidate]]:
        """Candidates by first position."""
        return self.candidates.edges

    @cached_property
    def cost(self) -> Cost:
        """What the fastest path minimizes; asked for very often."""
        return cache(partial(by_cycles, prices=self.prices))

    def priced(self, wish: Wish) -> Planner:
        """The same search space, with flash at the price that a wish puts on it."""
        edges, arena = self.usable(wish), wish.arena_bytes or UNLIMITED
        prices = flash_prices(edges, arena, wish.optimize)
        prices = (
            paid(edges, arena, prices)
            if wish.flash == NO_LIMIT
            else limiting_prices(edges, arena, wish.flash, prices)
        )
        return replace(self, prices=prices, layer_cycles=cheapest_layers(edges, UNLIMITED, prices).cycles)

    def place(self, path: Path, solver_s: float = 1.0) -> Plan:
        """The plan of a path; the solver works on where greedy placement leaves a gap.

        Its bound is one for all paths of at most its cycles: the smallest of their largest moments.
        """
        made = self._assemble(path, solver_s)
        if all(len(some) <= 1 for some in self.edges):
            return made
        return replace(made, lower_bound_bytes=min(made.lower_bound_bytes, self._least_peak(path)))

    def _assemble(self, path: Path, solver_s: float) -> Plan:
        """The plan of a path with its own bound."""
        return assemble(
            self.network, path, self.input_mode, searched=self.candidates.complete, solver_s=solver_s
        )

    def repaired(self, path: Path, edges: Sequence[Sequence[Candidate]], arena_bytes: int) -> Path | None:
        """Its segments with kernels of less memory, placed within a limit; None where that was not found."""
        return repaired(path, edges, arena_bytes, self.cost, partial(self._assemble, solver_s=0.0))

    def _cheaper(self, one: Path | None, other: Path | None) -> Path | None:
        if one is None or other is None:
            return one or other
        return min(one, other, key=self._cost_of)

    def _cost_of(self, path: Path) -> float:
        return sum(self.cost(c) for c in path.candidates)

    def _least_peak(self, path: Path) -> int:
        """Smallest largest moment of any path that costs at most what this one does."""
        peaks = sorted({c.peak_bytes for some in self.edges for c in some if c.peak_bytes <= path.peak_bytes})
        low, high = 0, len(peaks) - 1
        while low < high:
            middle = (low + high) // 2
            found = cheapest(self.edges, peaks[middle], self.cost)
            if found is not None and self._cost_of(found) <= self._cost_of(path) * STREAMED_TIE:
                high = middle
            else:
                low = middle + 1
        return peaks[high]

    def paths(self, wish: Wish | None = None) -> list[Path]:
        """Paths worth placing: fewest cycles with recompute and without, least recompute, fewest segments.

        Working memory of a segment is placed together, which goes where its parts alone do not fit.
        """
        longer = FEWER_SEGMENTS * self.layer_cycles
        edges = self.usable(wish or Wish())
        fronts = (
            front(without_recompute(edges), self.cost),
            front(edges, self.cost),
            front(edges, lambda c: by_macs(c, self.cost)),
            front(edges, lambda c: self.cost(c) + longer),
        )
        found = {
            (p.peak_bytes, round(p.cycles), round(p.macs), len(p.candidates)): p
            for some in fronts
            for p in some
        }
        return sorted(found.values(), key=lambda p: p.cycles)

    def usable(self, wish: Wish) -> Sequence[Sequence[Candidate]]:
        """The candidates that a wish allows."""
        return self.edges if wish.recompute else without_recompute(self.edges)

    def fastest_within(self, arena_bytes: int, wish: Wish | None = None) -> Plan | None:
        """The fastest plan found whose arena is not larger; None where there is none."""
        edges, limit = self.usable(wish or Wish()), arena_bytes
        mended: Path | None = None
        tried: set[Segments] = set()
        while (path := cheapest(edges, limit, self.cost)) is not None:
            if mended is not None and self._cost_of(mended) <= self._cost_of(path):
                return self.place(mended, solver_s=4.0)
            plan = self.place(path, solver_s=4.0)
            if plan.arena_bytes <= arena_bytes:
                return plan
            if path.segments not in tried:  # of equal segments the same comes out
                tried.add(path.segments)
                mended = self._cheaper(mended, self.repaired(path, edges, arena_bytes))
            limit = min(path.peak_bytes, limit) - 1
        if mended is not None:
            return self.place(mended, solver_s=4.0)
        # Placement may need more than a path's largest moment: others may do where those did not.
        for path in self.paths(wish):
            if path.peak_bytes <= arena_bytes:
                plan = self.place(path)
                if plan.arena_bytes <= arena_bytes:
                    return plan
        return None

    def smallest(
        self, cycles: float | None = None, wish: Wish | None = None, time_limit_s: float = math.inf
    ) -> Plan | None:
        """The plan with the smallest arena found, in that time, that takes at most so many cycles."""
        best: Plan | None = None
        deadline = time.monotonic() + time_limit_s
        for path in sorted(self.paths(wish), key=lambda p: (p.peak_bytes, p.cycles)):
            if cycles is not None and path.cycles > cycles:
                continue
            late = time.monotonic() > deadline
            if best is not None and (late or path.peak_bytes >= best.arena_bytes):
                break
            plan = self.place(path, solver_s=4.0)
            if plan.arena_bytes > path.peak_bytes:
                mended = self.repaired(path, self.usable(wish or Wish()), path.peak_bytes)
                if mended is not None and (cycles is None or mended.cycles <= cycles):
                    plan = self.place(mended, solver_s=4.0)
            if best is None or plan.arena_bytes < best.arena_bytes:
                best = plan
        return best


def make_planner(
    program: Program,
    forms: Mapping[str, Forms],
    copy: CopyCost,
    input_mode: InputMode,
    *,
    alignment: int = 4,
    schedule: ScheduleMode = "auto",
    patches: tuple[int, int] | None = None,
    known: Planner | None = None,
    time_limit_s: float = 10.0,
    tell: Tell | None = None,
) -> Planner:
    """Enumerate the candidates of a program.

    Args:
        program: Verified program; constants get no memory, reshapes share their input's.
        forms: How each node may run, by name.
        copy: Cost of copying a row inside the arena.
        input_mode: How the input arrives.
        alignment: Of every offset and size, in bytes: a power of two.
        schedule: Which kinds of segments to consider.
        patches: Rows and columns of patches, for the schedule "patch"; None for all sizes.
        known: Of the same program, in another input mode: most of the work is done then.
        time_limit_s: Where it ends the enumeration, the plan is not claimed to be optimal.
        tell: Called with (what, done, total).

    Raises:
        UsageError: EW-PLAN-ALIGNMENT; EW-PLAN-ROWS where the input cannot come by rows.
    """
    if alignment < 1 or alignment & (alignment - 1):
        raise UsageError("EW-PLAN-ALIGNMENT", f"the alignment {alignment} is not a power of two")
    network = known.network if known is not None else arrange(program, forms, alignment)
    if input_mode == "rows" and schedule == "patch":
        raise UsageError("EW-PLAN-ROWS", "patches need the whole input in RAM", "--input resident")
    if input_mode == "rows":
        _check_rows(network)
    found = enumerate_candidates(
        network,
        input_mode,
        copy,
        mode=schedule,
        patches=patches,
        known=known.candidates if known is not None else None,
        time_limit_s=time_limit_s,
        tell=(lambda done, total: tell("plan", done, total)) if tell is not None else None,
    )
    return Planner(network, input_mode, found, cheapest_layers(found.edges, UNLIMITED).cycles)


def arrange(program: Program, forms: Mapping[str, Forms], alignment: int) -> Network:
    """The program in the execution order with the smallest peak of whole tensors."""
    scratch = {name: min(op.scratch_bytes for op in form.layer) for name, form in forms.items()}
    graph = build_storage_graph(program, scratch, alignment)
    order = [program.nodes[i] for i in best_order(graph).order]
    return build_network(program, forms, order, alignment)


def _check_rows(network: Network) -> None:
    inputs = network.program.inputs
    if len(inputs) != 1:
        raise UsageError(
            "EW-PLAN-ROWS",
            f"the model has {len(inputs)} inputs; rows can be pushed into one",
            "--input resident",
        )
    if not network.forms or network.forms[0].stream is None:
        first = network.forms[0].node.name if network.forms else "none"
        raise UsageError(
            "EW-PLAN-ROWS", f"the first operation ({first}) needs its whole input at once", "--input resident"
        )


def plan(planner: Planner, wish: Wish) -> Plan:
    """The plan that fulfils a wish.

    Raises:
        WorkError: EW-PLAN-MEMORY with the smallest arena there is.
    """
    if wish.slowdown is not None:
        found = planner.smallest(wish.slowdown * planner.layer_cycles, wish)
    elif wish.arena_bytes is not None:
        found = planner.fastest_within(wish.arena_bytes, wish)
    else:
        path = cheapest(planner.usable(wish), UNLIMITED, planner.cost)
        found = planner.place(path, solver_s=4.0) if path is not None else None
    if found is None or (wish.arena_bytes is not None and found.arena_bytes > wish.arena_bytes):
        raise WorkError("EW-PLAN-MEMORY", "no plan fits")
    return found
