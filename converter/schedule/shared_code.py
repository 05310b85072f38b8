"""Which functions are worth having: code that several layers use is paid for once.

Kernels are chosen one layer at a time by the search over paths, whose costs are sums. Code is no sum: a
function costs its bytes however many layers call it. So the functions are chosen first, over the whole
network run layer by layer, as a facility location problem that CP-SAT solves to the end for networks of
usual size; the search then takes them as paid.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from edgewright.converter.schedule.placement import limit_solver

# Of the solver, for networks so large that it does not come to an end.
TIME_LIMIT_S = 4.0
# Costs are handed over as integers of this many significant bits in all.
COST_BITS = 45


@dataclass(frozen=True)
class Option:
    """One kernel of a layer.

    Args:
        cost: In cycles, its constants at their price included, its code not.
        functions: What it calls.
    """

    cost: float
    functions: frozenset[str]


@dataclass(frozen=True)
class Choice:
    """What was chosen.

    Args:
        options: Index by layer.
        functions: Those that they call.
    """

    options: tuple[int, ...] = ()
    functions: frozenset[str] = field(default_factory=frozenset)


def choose(layers: Sequence[Sequence[Option]], code_bytes: Mapping[str, int], price: float) -> Choice:
    """The kernels of least cost where every function in use costs `price` a byte, once.

    Args:
        layers: Options of every layer, at least one each.
        code_bytes: Of every function.
        price: Cycles a byte of code is worth.
    """
    kept = [_undominated(some) for some in layers]
    if price == 0 or not any(o.functions for some in layers for o in some):
        return _chosen(layers, [which[0] for which in kept])
    return _chosen(layers, _solve(layers, kept, code_bytes, price))


def _undominated(some: Sequence[Option]) -> list[int]:
    """Options for which there is no cheaper one that needs nothing else, the cheapest first."""
    kept: list[int] = []
    for k in sorted(range(len(some)), key=lambda k: some[k].cost):
        if not any(some[j].functions <= some[k].functions for j in kept):
            kept.append(k)
    return kept


def _chosen(layers: Sequence[Sequence[Option]], options: Sequence[int]) -> Choice:
    used = [some[k].functions for some, k in zip(layers, options, strict=True)]
    return Choice(tuple(options), frozenset().union(*used))


def _solve(
    layers: Sequence[Sequence[Option]],
    kept: Sequence[Sequence[int]],
    code_bytes: Mapping[str, int],
    price: float,
) -> list[int]:
    from ortools.sat.python import cp_model  # slow to import

    names = sorted({name for some in layers for o in some for name in o.functions})
    most = sum(max(o.cost for o in some) for some in layers) + price * sum(code_bytes[n] for n in names)
    scale = 2.0 ** (COST_BITS - math.ceil(math.log2(max(most, 1.0))))
    model: Any = cp_model.CpModel()
    paid = {name: model.new_bool_var("") for name in names}
    costs = [(paid[name], round(scale * price * code_bytes[name])) for name in names]
    taken = []
    for some, which in zip(layers, kept, strict=True):
        own = {k: model.new_bool_var("") for k in which}
        model.add_exactly_one(own.values())
        for k, variable in own.items():
            for name in some[k].functions:
                model.add_implication(variable, paid[name])
            costs.append((variable, round(scale * some[k].cost)))
        # A start: as if every layer paid for all of its code.
        first = min(which, key=lambda k: some[k].cost + price * sum(code_bytes[n] for n in some[k].functions))
        for k, variable in own.items():
            model.add_hint(variable, k == first)
        taken.append(own)
    model.minimize(sum(variable * cost for variable, cost in costs))
    solver: Any = cp_model.CpSolver()
    limit_solver(solver, TIME_LIMIT_S)
    if solver.solve(model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return [which[0] for which in kept]
    return [next(k for k, variable in own.items() if solver.value(variable)) for own in taken]
