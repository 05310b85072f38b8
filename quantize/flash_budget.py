"""Choose a weights format for every layer so that all weights fit a number of bytes.

    minimize    sum over layers of e(layer, format)
    subject to  sum over layers of bytes(layer, format) <= budget

e is the error that a layer alone makes; that errors add up is an approximation (Dong et al., HAWQ-V2,
NeurIPS 2020, make the same). The choice is exact: a knapsack with one item of each layer, solved by CP-SAT.
"""

from __future__ import annotations

from collections.abc import Sequence

from edgewright.errors import WorkError
from edgewright.quantize.sensitivity import Sensitivity

# Steps of the error in which the solver counts.
RESOLUTION = 10**9
TIME_LIMIT_S = 20.0


def fit_formats(sensitivities: Sequence[Sensitivity], budget_bytes: int) -> dict[str, str]:
    """Format by layer name.

    Args:
        sensitivities: The formats each layer may have.
        budget_bytes: Of all packed weights together.

    Raises:
        WorkError: EW-QUANT-BUDGET, with the smallest size there is.
    """
    from ortools.sat.python import cp_model

    by_layer: dict[str, list[Sensitivity]] = {}
    for entry in sensitivities:
        by_layer.setdefault(entry.layer, []).append(entry)
    least = sum(min(e.weight_bytes for e in entries) for entries in by_layer.values())
    if least > budget_bytes:
        raise WorkError(
            "EW-QUANT-BUDGET",
            f"the weights take at least {least:,} bytes, more than the budget of {budget_bytes:,}",
            f"allow {least:,} bytes, or let the first and last layer be packed too: --all-layers",
            smallest_bytes=least,
        )
    largest = sum(max(e.noise for e in entries) for entries in by_layer.values())
    model = cp_model.CpModel()
    choices = {(e.layer, e.format): model.new_bool_var(f"{e.layer}={e.format}") for e in sensitivities}
    for entries in by_layer.values():
        model.add_exactly_one(choices[e.layer, e.format] for e in entries)
    model.add(sum(e.weight_bytes * choices[e.layer, e.format] for e in sensitivities) <= budget_bytes)
    scale = RESOLUTION / max(largest, 1e-300)
    model.minimize(sum(round(e.noise * scale) * choices[e.layer, e.format] for e in sensitivities))
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = TIME_LIMIT_S
    solver.parameters.num_workers = 1
    status = solver.solve(model)
    assert status in (cp_model.OPTIMAL, cp_model.FEASIBLE)
    return {layer: name for (layer, name), chosen in choices.items() if solver.value(chosen)}
