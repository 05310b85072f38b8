"""Scheduling: the order of the operations and the place of every buffer in one static arena."""

from edgewright.converter.schedule.memory_plan import (
    Buffer,
    Plan,
    explain_peak,
    plan_from_json,
    plan_to_json,
)
from edgewright.converter.schedule.peak_text import peak_text
from edgewright.converter.schedule.planner import plan

__all__ = ["Buffer", "Plan", "explain_peak", "peak_text", "plan", "plan_from_json", "plan_to_json"]
