"""Scheduling: how every operation runs, in which order, and the place of every buffer in one static arena."""

from edgewright.converter.schedule.memory_plan import Buffer, Plan, Step, plan_to_json
from edgewright.converter.schedule.peak_text import peak_text
from edgewright.converter.schedule.planner import Planner, Wish, make_planner, plan
from edgewright.converter.schedule.trade_off import trade_off

__all__ = [
    "Buffer",
    "Plan",
    "Planner",
    "Step",
    "Wish",
    "make_planner",
    "peak_text",
    "plan",
    "plan_to_json",
    "trade_off",
]
