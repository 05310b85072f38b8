"""report.txt: the summary, then layers, steps of the plan, code and rewrites in aligned columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgewright.runtime.report.code_tables import code_tables
from edgewright.runtime.report.plan_text import front_table, plan_fields, plan_sentence, step_table
from edgewright.runtime.report.tables import aligned, render_layers, summary


def render_text(report: Mapping[str, Any]) -> str:
    """The whole file."""
    labels, plan = summary(report), report["plan"]
    parts = [render_layers(report)]
    if plan is not None and "peak" in plan:
        labels += plan_fields(plan)
        parts.append(aligned(step_table(plan)))
    elif plan is not None:
        labels.append(("plan", plan_sentence(plan)))
    if plan is not None and "front" in plan:
        parts.append(aligned(front_table(plan["front"])))
    parts += [f"{title}\n{aligned(table)}" for title, table in code_tables(report)]
    width = max(len(label) for label, _ in labels)
    head = "\n".join(f"{label:<{width}}  {text}" for label, text in labels)
    return "\n\n".join([head, *filter(None, parts)]) + "\n"
