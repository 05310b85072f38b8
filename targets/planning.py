"""Planning a program for a board: kernels of its class of core, their estimated costs, the planner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from edgewright.converter.program import Program
from edgewright.converter.schedule import Plan, Planner, Wish, make_planner, plan
from edgewright.converter.schedule.candidate import CopyCost
from edgewright.converter.schedule.planner import Tell
from edgewright.converter.schedule.segment import InputMode
from edgewright.errors import WorkError
from edgewright.targets.board import Board
from edgewright.targets.codegen.row_kernel import RowKernel
from edgewright.targets.costs import copy_cycles, cost_model, estimate_call_cycles
from edgewright.targets.costs.cost_table import TABLES
from edgewright.targets.cpu import CpuClass, cpu_class
from edgewright.targets.forms import CallCost, NodeKernels, node_kernels, planner_forms
from edgewright.targets.tuning import Tuning, check_tuning

# Cost table of a class of core where no board says which core it is.
USUAL_COSTS = {"scalar": "m3", "dsp": "m4", "mve": "m55"}


@dataclass(frozen=True, eq=False)
class Planned:
    """A program with its kernels and its plan for one class of core."""

    program: Program
    cpu: CpuClass
    kernels: Mapping[str, NodeKernels]
    plan: Plan


@dataclass(frozen=True, eq=False)
class Planning:
    """A program ready to be planned.

    Args:
        program: What to plan.
        cpu: Class of core.
        costs: Name of its cost table; None (where costs are still to be measured) counts bytes instead.
        kernels: By node name.
        tuning: Measured costs, which are taken instead of estimates.
    """

    program: Program
    cpu: CpuClass
    costs: str | None
    kernels: Mapping[str, NodeKernels]
    tuning: Tuning | None = None
    _made: dict[Any, Planner] = field(default_factory=dict, repr=False)

    def planner(self, input_mode: InputMode, wish: Wish, tell: Tell | None = None) -> Planner:
        """The search space for an input mode."""
        kind = (wish.schedule, wish.patches)
        if (input_mode, *kind) in self._made:
            return self._made[input_mode, *kind].priced(wish)
        known = next((p for (_, *other), p in self._made.items() if tuple(other) == kind), None)
        forms = planner_forms(self.program, self.kernels, self._cost_of)
        made = make_planner(
            self.program,
            forms,
            self._copy_cost(),
            input_mode,
            alignment=self.cpu.alignment,
            schedule=wish.schedule,
            patches=wish.patches,
            known=known,
            tell=tell,
        )
        self._made[input_mode, *kind] = made
        return made.priced(wish)

    def _call_cycles(self, kernel: RowKernel) -> float:
        if self.costs is None:
            return float(kernel.out_row_bytes + sum(v.window * v.row_bytes for v in kernel.inputs))
        return estimate_call_cycles(kernel, self.costs)

    def _cost_of(self, node: str) -> CallCost:
        """Costs of a node's kernels: measured ones where there are, and estimates that these correct."""
        if self.tuning is None:
            return self._call_cycles
        usual = self.kernels[node].layer[0]
        known = {k.variant: self.tuning.cost(node, k.variant) for k in self.kernels[node].layer}
        measured = known[usual.variant]
        estimate = self._call_cycles(usual) * usual.out_rows
        ratio = measured / estimate if measured is not None and estimate else 1.0

        def cost(kernel: RowKernel) -> float:
            lean = kernel in self.kernels[node].lean
            tuned = None if lean else known.get(kernel.variant)
            return self._call_cycles(kernel) * ratio if tuned is None else tuned / kernel.out_rows

        return cost

    def _copy_cost(self) -> CopyCost:
        if self.costs is None:
            return CopyCost(0.0, 1.0)
        fixed = copy_cycles(0, self.costs)
        return CopyCost(fixed, (copy_cycles(1024, self.costs) - fixed) / 1024)

    def plan(self, wish: Wish, tell: Tell | None = None) -> Planned:
        """The plan that fulfils a wish.

        Raises:
            WorkError: EW-PLAN-MEMORY where none does.
        """
        modes: tuple[InputMode, ...] = ("resident", "rows")
        if wish.input is not None or wish.schedule == "patch":
            modes = (wish.input or "resident",)
        for mode in modes[:-1]:
            try:
                return self._planned(plan(self.planner(mode, wish, tell), wish))
            except WorkError as error:
                if error.code != "EW-PLAN-MEMORY":
                    raise
        return self._planned(plan(self.planner(modes[-1], wish, tell), wish))

    def _planned(self, made: Plan) -> Planned:
        return Planned(self.program, self.cpu, self.kernels, made)


def planning_for(program: Program, cpu: CpuClass, costs: str | None = None) -> Planning:
    """Prepare a program for a class of core, with the costs of the core most of its kind have."""
    return _planning(program, cpu, costs or USUAL_COSTS[cpu.name])


def planning_for_board(program: Program, board: Board, tuning: Tuning | None = None) -> Planning:
    """Prepare a program for a board's core.

    Raises:
        UsageError: EW-TUNE-MODEL, EW-TUNE-CORE where the measured costs are of others.
    """
    if tuning is not None:
        check_tuning(tuning, program, board)
    made = _planning(program, cpu_class(board.features, board.cpu), cost_model(board.cpu))
    return replace(made, tuning=tuning)


def _planning(program: Program, cpu: CpuClass, costs: str) -> Planning:
    known = costs if (TABLES / f"{costs}.toml").is_file() else None
    return Planning(program, cpu, known, node_kernels(program, cpu))


def plan_program(program: Program, board: Board, wish: Wish | None = None) -> Planned:
    """Plan a program for a board; without a wish: layer by layer."""
    return planning_for_board(program, board).plan(wish or Wish(schedule="layer", input="resident"))
