"""What `edgewright plan` shows of a model on a board: data, text and pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgewright.converter.schedule import plan_to_json
from edgewright.errors import UsageError
from edgewright.runtime.report.describe import describe, describe_board
from edgewright.runtime.report.figure_style import inline_svg, save_figure
from edgewright.runtime.report.plan_data import chosen_data, front_data
from edgewright.runtime.report.plan_text import front_table, plan_fields, plan_words, step_table
from edgewright.runtime.report.tables import aligned
from edgewright.targets.board import Board
from edgewright.targets.exploration import Exploration, weights_bytes


def overview(found: Exploration, board: Board) -> dict[str, Any]:
    """JSON-ready: the trade-off, the chosen plan with its buffers, and why an input mode is missing."""
    chosen = chosen_data(found)
    if chosen is not None and found.chosen is not None:
        chosen["buffers"] = plan_to_json(found.chosen.plan)["buffers"]
    return {
        "board": board.id,
        "cpu_class": found.planning.cpu.name,
        "plans": front_data(found),
        "optimal": chosen is not None and chosen["optimal"],
        "gap_bytes": chosen["gap_bytes"] if chosen is not None else None,
        "limit_bytes": found.limit_bytes,
        "weights_bytes": weights_bytes(found.planning.program),
        "refused": {
            mode: {"code": error.code, "message": error.message} for mode, error in found.refused.items()
        },
        "plan": chosen,
    }


def overview_text(
    data: Mapping[str, Any], found: Exploration, source: str, board: Board, pictures: Sequence[Path]
) -> str:
    """The same for people."""
    fields = [
        ("model", f"{source}: {describe(found.planning.program)}"),
        ("board", f"{board.id}: {describe_board(board)}"),
    ]
    if data["plan"] is not None:
        fields += plan_fields(data["plan"])
    weights, flash = data["weights_bytes"], board.memory.flash.size_bytes
    fields.append(
        (
            "flash",
            f"{weights:,} B of weights{', more than' if weights > flash else ' of'} the board's {flash:,} B",
        )
    )
    fields += [("by rows", f"not possible: {why['message']}") for why in data["refused"].values()]
    width = max(len(name) for name, _ in fields)
    parts = [
        "\n".join(f"{name:<{width}}  {text}" for name, text in fields),
        aligned(front_table(data["plans"])),
    ]
    if data["plan"] is not None:
        parts.append(aligned(step_table(data["plan"])))
    if pictures:
        parts.append("\n".join(f"wrote  {path}" for path in pictures))
    return "\n\n".join(parts)


def figures(found: Exploration, board: Board) -> dict[str, Any]:
    """The pictures by name: `front`, and `arena` where a plan was chosen."""
    from edgewright.runtime.report.arena_picture import arena_figure
    from edgewright.runtime.report.front_picture import front_figure

    name = found.planning.program.name
    made = {
        "front": front_figure(
            front_data(found),
            f"{name} on {board.id}: memory against time",
            limit_bytes=found.limit_bytes,
            limit_name="there is RAM for",
        )
    }
    data = chosen_data(found)
    if found.chosen is not None and data is not None:
        plan = found.chosen.plan
        network = found.network(plan.input_mode)
        words = (
            f"{plan_words(data)} ({data['how']}): {plan.arena_bytes:,} B, "
            f"{data['slowdown']:.3f}x the estimated cycles of the layer plan"
        )
        made["arena"] = arena_figure(plan, network, f"{name}: the arena over time", words)
    return made


def inline_pictures(found: Exploration, board: Board) -> dict[str, str]:
    """The pictures as <svg> elements."""
    return {name: inline_svg(figure, name) for name, figure in figures(found, board).items()}


def write_pictures(found: Exploration, board: Board, folder: Path) -> list[Path]:
    """Write the pictures as SVG and PNG.

    Raises:
        UsageError: EW-OUT-WRITE.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [
            path
            for name, figure in figures(found, board).items()
            for path in save_figure(figure, folder, name)
        ]
    except OSError as error:
        raise UsageError("EW-OUT-WRITE", f"cannot write {folder}: {error}") from error
