"""`edgewright check`: whether a model can be deployed, and what it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from edgewright.cli.common import Output, add_command
from edgewright.cli.options import ModelArgument, ShapeOption, parse_shapes
from edgewright.cli.table import byte_text, text_fields, text_table
from edgewright.errors import ModelError

if TYPE_CHECKING:
    from edgewright.converter.lower import Problem
    from edgewright.converter.summary import ProgramSummary


def check(model: ModelArgument, shape: ShapeOption = None) -> Output:
    """Check whether a model can be deployed, and say what it is.

    Every node that cannot be deployed is listed with the reason and what to do about it.
    """
    from edgewright.converter.importers import load_model
    from edgewright.converter.lower import check_model, lower
    from edgewright.converter.summary import summarize

    imported = load_model(model, shapes=parse_shapes(shape))
    problems = check_model(imported)
    if problems:
        return _refusal(str(model), problems)
    summary = summarize(lower(imported))
    data = {"model": asdict(summary) | {"source_format": imported.source_format}, "problems": []}
    return Output(data, _text(summary, imported.source_format))


def _refusal(model: str, problems: Sequence[Problem]) -> Output:
    first = problems[0]
    rows = [(p.node or "-", p.op or "-", p.reason, p.hint) for p in problems]
    message = (
        f"{model}: {first if first.node else first.reason}"
        if len(problems) == 1
        else f"{model}: {len(problems)} problems, the first at {first}"
    )
    text = text_table(("node", "op", "problem", "what to do"), rows) if len(problems) > 1 else ""
    error = ModelError(first.code, message, first.hint)
    return Output({"model": None, "problems": [asdict(p) for p in problems]}, text, error)


def _text(summary: ProgramSummary, source_format: str) -> str:
    kinds = ", ".join(f"{count} {kind}" for kind, count in summary.ops.items())
    fields = [
        ("model", f"{summary.name} ({source_format}, sha256 {summary.sha256[:16]}…)"),
        ("ops", f"{summary.op_count}: {kinds}"),
        ("size", f"{summary.macs / 1e6:.2f} MMAC, {byte_text(summary.weights_bytes)} of weights"),
        *(("input", tensor) for tensor in summary.inputs),
        *(("output", tensor) for tensor in summary.outputs),
        ("result", "can be deployed"),
    ]
    return text_fields(fields)


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "check", check)
