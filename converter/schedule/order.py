"""The operator order with the smallest peak memory, by best-first search over sets of done operations.

How many bytes are alive after some operations only depends on which ones are done, not on their
order; so the search walks through the down-closed sets of the graph, the state with the smallest peak
first (a bottleneck shortest path). Two rules keep it small: an operation that fits below the peak
reached so far and does not increase what is alive is run at once, alone (doing it early never hurts:
later steps only see less memory in use), and states as high as the best known order are dropped.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

from edgewright.converter.schedule.storage_graph import StorageGraph

MAX_STATES = 20_000
# Steps that may be tried, about three seconds: states of wide graphs have many successors.
MAX_STEPS = 500_000
BEAM_WIDTH = 32


@dataclass(frozen=True)
class OrderResult:
    """An order of the operations.

    Args:
        order: Indices of the operations.
        peak_bytes: Largest sum of live sizes over its steps.
        lower_bound_bytes: No order has a smaller peak (proven).
    """

    order: tuple[int, ...]
    peak_bytes: int
    lower_bound_bytes: int


@dataclass(frozen=True)
class _State:
    """A set of done operations and how it was reached."""

    done: int
    ready: tuple[int, ...]
    live_bytes: int
    peak_bytes: int
    path: _Path | None


@dataclass(frozen=True)
class _Path:
    """Linked list of the operations run, newest first."""

    operation: int
    before: _Path | None


def best_order(graph: StorageGraph, max_states: int = MAX_STATES) -> OrderResult:
    """Order of the operations that minimizes the peak of live bytes.

    The program's own order is kept where it is as good as any.

    Args:
        graph: Storages and operations.
        max_states: Expanded states after which the best order found so far is returned, with the bound
            that the search has proven by then; so it is after `MAX_STEPS` steps.
    """
    search = _Search(graph)
    own = tuple(range(len(graph.operations)))
    best = OrderResult(own, search.peak(own), search.floor)
    if best.peak_bytes == search.floor:
        return best
    beam = search.beam(BEAM_WIDTH)
    if search.peak(beam) < best.peak_bytes:
        best = OrderResult(beam, search.peak(beam), search.floor)
        if best.peak_bytes == search.floor:
            return best
    return search.best_first(best, max_states)


class _Search:
    """The graph with what every search step needs, computed once."""

    def __init__(self, graph: StorageGraph) -> None:
        self.graph = graph
        self.everything = (1 << len(graph.operations)) - 1
        self.followers = [
            tuple(j for j, other in enumerate(graph.operations) if other.needs >> i & 1)
            for i in range(len(graph.operations))
        ]
        self.floor = self._floor()
        self.steps = 0

    def _floor(self) -> int:
        """A bound any order obeys: what the hungriest operation touches, and all inputs together."""
        floor = self.graph.initial_bytes
        for op in self.graph.operations:
            need = op.scratch_bytes + sum(self.graph.storages[r].size_bytes for r in op.reads)
            if op.writes is not None and op.takes_over is None:
                need += self.graph.storages[op.writes].size_bytes
            floor = max(floor, need)
        return floor

    def peak(self, order: tuple[int, ...]) -> int:
        """Largest sum of live bytes over the steps of an order."""
        done, live, peak = 0, self._live_at_start(), self.graph.initial_bytes
        for operation in order:
            during, live = self.graph.step(operation, done, live)
            peak = max(peak, during)
            done |= 1 << operation
        return peak

    def _step(self, state: _State, operation: int) -> tuple[int, int]:
        """Bytes alive during and after an operation."""
        self.steps += 1
        return self.graph.step(operation, state.done, state.live_bytes)

    def start(self) -> _State:
        ready = tuple(i for i, op in enumerate(self.graph.operations) if op.needs == 0)
        return self._run_harmless(_State(0, ready, self._live_at_start(), self.floor, None))

    def _live_at_start(self) -> int:
        return self.graph.initial_bytes - self.graph.unread_input_bytes

    def _run(self, state: _State, operation: int, during: int, after: int) -> _State:
        done = state.done | 1 << operation
        freed = (f for f in self.followers[operation] if self.graph.operations[f].needs & ~done == 0)
        ready = (*(r for r in state.ready if r != operation), *freed)
        return _State(done, ready, after, max(state.peak_bytes, during), _Path(operation, state.path))

    def _run_harmless(self, state: _State) -> _State:
        """Run, one after the other, operations that neither raise the peak nor what is alive."""
        progress = True
        while progress:
            progress = False
            for operation in state.ready:
                during, after = self._step(state, operation)
                if during <= state.peak_bytes and after <= state.live_bytes:
                    state = self._run(state, operation, during, after)
                    progress = True
                    break
        return state

    def successors(self, state: _State) -> Iterator[_State]:
        for operation in state.ready:
            during, after = self._step(state, operation)
            yield self._run_harmless(self._run(state, operation, during, after))

    def beam(self, width: int) -> tuple[int, ...]:
        """A good order fast: only the `width` best states of each depth survive, one when time runs out."""
        level = {0: self.start()}
        while True:
            ranked = sorted(level.values(), key=lambda s: (s.peak_bytes, s.live_bytes, -s.done.bit_count()))
            if ranked[0].done == self.everything:
                return _unroll(ranked[0])
            level = {}
            for state in ranked[: width if self.steps < MAX_STEPS else 1]:
                for successor in self.successors(state) if state.done != self.everything else (state,):
                    known = level.get(successor.done)
                    if known is None or successor.peak_bytes < known.peak_bytes:
                        level[successor.done] = successor

    def best_first(self, best: OrderResult, max_states: int) -> OrderResult:
        """Improve on `best` until it is proven that nothing is better, or states run out."""
        start = self.start()
        heap: list[tuple[int, int, int, _State]] = [(start.peak_bytes, 0, 0, start)]
        reached = {start.done: start.peak_bytes}
        expanded = pushed = 0
        while heap:
            peak, _, _, state = heapq.heappop(heap)
            if peak > reached[state.done]:
                continue
            if state.done == self.everything:
                order = _unroll(state)
                return OrderResult(order, self.peak(order), self.peak(order))
            if expanded == max_states or self.steps > 2 * MAX_STEPS:
                return OrderResult(best.order, best.peak_bytes, max(self.floor, peak))
            expanded += 1
            for successor in self.successors(state):
                known = reached.get(successor.done, best.peak_bytes)
                if successor.peak_bytes < known:
                    reached[successor.done] = successor.peak_bytes
                    pushed += 1
                    rank = (successor.peak_bytes, -successor.done.bit_count(), pushed)
                    heapq.heappush(heap, (*rank, successor))
        return OrderResult(best.order, best.peak_bytes, best.peak_bytes)


def _unroll(state: _State) -> tuple[int, ...]:
    operations: list[int] = []
    path = state.path
    while path is not None:
        operations.append(path.operation)
        path = path.before
    return tuple(reversed(operations))
