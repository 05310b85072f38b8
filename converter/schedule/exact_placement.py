"""Order and placement in one model, solved by OR-tools CP-SAT.

For the cases that best fit leaves with a gap. Every storage is a rectangle, steps by bytes; no two
may overlap. Without a fixed order the steps are variables too, and operating in place is a choice, so
that an optimum found here is one over all plans.

    start, end, offset  integer variables of a storage's rectangle, minimize  height >= offset + size
    in place at step t: the taken storage ends at t instead of t + 1, and both offsets are equal
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgewright.converter.schedule.storage_graph import StorageGraph

# The solver's deterministic clock ran at 0.38 of a wall clock on a busy two-core machine.
DETERMINISTIC_PER_WALL_SECOND = 0.25


@dataclass(frozen=True)
class ExactResult:
    """What the solver found.

    Args:
        order: Operation indices in execution order.
        storage_offsets: Offset of each storage, in bytes.
        scratch_offsets: Offset of scratch memory by operation, in bytes.
        in_place: Operations that take over the storage of their input.
        height_bytes: Bytes needed.
    """

    order: tuple[int, ...]
    storage_offsets: tuple[int, ...]
    scratch_offsets: dict[int, int]
    in_place: frozenset[int]
    height_bytes: int


def solve(
    graph: StorageGraph,
    order: Sequence[int] | None,
    *,
    bound_bytes: int,
    best_bytes: int,
    alignment: int,
    time_limit_s: float,
) -> tuple[ExactResult | None, int]:
    """Look for a plan that needs less than `best_bytes`.

    Args:
        graph: Storages and operations.
        order: Execution order, or None to find one.
        bound_bytes: Known lower bound of the height.
        best_bytes: Height of the best known plan.
        alignment: Of every offset and size, in bytes.
        time_limit_s: Seconds of wall clock.

    Returns:
        (the best plan found, None if there is none below `best_bytes`; the proven lower bound in bytes
        under the given order).
    """
    from ortools.sat.python import cp_model  # slow to import, and rarely needed

    model: Any = cp_model.CpModel()
    variables = _Model(model, graph, order, bound_bytes // alignment, best_bytes // alignment - 1, alignment)
    solver: Any = cp_model.CpSolver()
    limit_solver(solver, time_limit_s)
    status = solver.solve(model)
    if status == cp_model.INFEASIBLE:
        return None, best_bytes
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        assert status == cp_model.UNKNOWN, model.validate()
        return None, bound_bytes
    return variables.read(solver), max(bound_bytes, round(solver.best_objective_bound) * alignment)


def limit_solver(solver: Any, time_limit_s: float) -> None:
    """One worker, a fixed seed, and a limit on the solver's count of its own work.

    So the same program gets the same plan everywhere; that limit is set to end the search before the
    wall clock does.
    """
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 1
    solver.parameters.max_deterministic_time = time_limit_s * DETERMINISTIC_PER_WALL_SECOND
    solver.parameters.max_time_in_seconds = time_limit_s
    # Its own handler would leave Ctrl-C with the default action, which kills without tidying up.
    solver.parameters.catch_sigint_signal = False


class _Model:
    """The variables and constraints of one model; lengths in units of the alignment."""

    def __init__(
        self,
        model: Any,
        graph: StorageGraph,
        order: Sequence[int] | None,
        low: int,
        high: int,
        alignment: int,
    ) -> None:
        self.model, self.graph, self.unit, self.high = model, graph, alignment, high
        self.height = model.new_int_var(low, high, "height")
        self.x: list[Any] = []
        self.y: list[Any] = []
        self.demands: list[int] = []
        self.steps = self._steps(order)
        self.taken = {
            i: model.new_bool_var(f"in_place{i}")
            for i, op in enumerate(graph.operations)
            if op.takes_over is not None
        }
        self.offsets = [self._storage(i) for i in range(len(graph.storages))]
        self.scratch = {
            i: self._rectangle(self.steps[i], 1, self.steps[i] + 1, op.scratch_bytes)
            for i, op in enumerate(graph.operations)
            if op.scratch_bytes
        }
        for i, taken in self.taken.items():
            op = graph.operations[i]
            assert op.writes is not None and op.takes_over is not None
            model.add(self.offsets[op.writes] == self.offsets[op.takes_over]).only_enforce_if(taken)
        model.add_no_overlap_2d(self.x, self.y)
        model.add_cumulative(self.x, self.demands, self.height)
        model.minimize(self.height)

    def _steps(self, order: Sequence[int] | None) -> list[Any]:
        """The step of each operation."""
        operations = self.graph.operations
        if order is not None:
            position = {operation: step for step, operation in enumerate(order)}
            return [self.model.new_constant(position[i]) for i in range(len(operations))]
        steps = [self.model.new_int_var(0, len(operations) - 1, f"step{i}") for i in range(len(operations))]
        self.model.add_all_different(steps)
        for i, op in enumerate(operations):
            for j in range(len(operations)):
                if op.needs >> j & 1:
                    self.model.add(steps[j] < steps[i])
        return steps

    def _storage(self, index: int) -> Any:
        """Rectangle of a storage; returns its offset."""
        storage, final = self.graph.storages[index], max(len(self.graph.operations), 1)
        start = self.steps[storage.producer] if storage.producer is not None else -1
        if storage.is_output:
            length = self.model.new_int_var(1, final + 1, "")
            return self._rectangle(start, length, final, storage.size_bytes)
        # Alive from its producer (an input: from before step 0) to behind the last reader.
        uses = [self.steps[i] + 1 for i in range(len(self.graph.operations)) if storage.readers >> i & 1]
        uses.append(start + 1 if storage.producer is not None else 1)
        last = self.model.new_int_var(0, final, "")
        self.model.add_max_equality(last, uses)
        end = last
        takers = [t for t in self.taken if self.graph.operations[t].takes_over == index]
        if takers:
            end = self.model.new_int_var(0, final, "")
            self.model.add(end == last - sum(self.taken[t] for t in takers))
            self.model.add_at_most_one(self.taken[t] for t in takers)
            for t in takers:
                self.model.add(last == self.steps[t] + 1).only_enforce_if(self.taken[t])
        length = self.model.new_int_var(1, final + 1, "")
        return self._rectangle(start, length, end, storage.size_bytes)

    def _rectangle(self, start: Any, length: Any, end: Any, size_bytes: int) -> Any:
        size = size_bytes // self.unit
        offset = self.model.new_int_var(0, self.high - size, "")
        self.x.append(self.model.new_interval_var(start, length, end, ""))
        self.y.append(self.model.new_fixed_size_interval_var(offset, size, ""))
        self.demands.append(size)
        self.model.add(offset + size <= self.height)
        return offset

    def read(self, solver: Any) -> ExactResult:
        """The plan of a solved model."""
        steps = [solver.value(s) for s in self.steps]
        return ExactResult(
            order=tuple(sorted(range(len(steps)), key=lambda i: steps[i])),
            storage_offsets=tuple(solver.value(o) * self.unit for o in self.offsets),
            scratch_offsets={i: solver.value(o) * self.unit for i, o in self.scratch.items()},
            in_place=frozenset(i for i, taken in self.taken.items() if solver.value(taken)),
            height_bytes=round(solver.objective_value) * self.unit,
        )
