"""Cycle estimates of row kernels from measured costs, so that schedules can be compared without running."""

from edgewright.targets.costs.cost_table import CostTable, cost_model, cost_table, cycle_model
from edgewright.targets.costs.estimate import (
    copy_cycles,
    driver_cycles,
    estimate_call_cycles,
    estimate_kernel_cycles,
)

__all__ = [
    "CostTable",
    "copy_cycles",
    "cost_model",
    "cost_table",
    "cycle_model",
    "driver_cycles",
    "estimate_call_cycles",
    "estimate_kernel_cycles",
]
