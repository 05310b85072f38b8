"""`edgewright plan`: the kernels and the memory a model needs on a board, before anything is built."""

from __future__ import annotations

import typer

from edgewright.cli.common import Output, add_command
from edgewright.cli.options import BoardOption, IoOption, ModelArgument, ShapeOption, parse_shapes
from edgewright.cli.table import text_fields, text_table


def plan(
    model: ModelArgument, board: BoardOption, io: IoOption = "source", shape: ShapeOption = None
) -> Output:
    """Show the schedule of a model on a board: kernel, output and memory of every layer.

    The arena is placed exactly; where it is not proven smallest the gap is stated.
    """
    from edgewright.converter.schedule import peak_text, plan_to_json
    from edgewright.converter.short_names import short_names
    from edgewright.targets.board import load_board
    from edgewright.targets.build import load_program_of, plan_program

    target = load_board(board)
    planned = plan_program(load_program_of(model, io=io, shapes=parse_shapes(shape)), target)
    layout, kernels = planned.plan, {t.node.name: t.kernel for t in planned.tasks}
    short = short_names(node.name for node in layout.order)
    rows = []
    for step, node in enumerate(layout.order):
        kernel = kernels.get(node.name)
        shape_text = "x".join(map(str, planned.program.values[node.output].shape))
        scratch = f"{kernel.scratch_bytes:,}" if kernel else "-"
        alive = f"{layout.bytes_in_use(step):,}"
        why = kernel.reason if kernel else "moves no data"
        rows.append((short[node.name], node.op.kind, shape_text, scratch, alive, why))
    proven = "proven smallest" if layout.optimal else f"at most {layout.gap_bytes:,} B above the smallest"
    fields = [
        ("arena", f"{layout.arena_bytes:,} B of {target.memory.ram.size_bytes:,} B RAM, {proven}"),
        ("peak", f"step {layout.peak_step}, {peak_text(layout)}"),
        ("kernels", f"for {planned.cpu.name} cores"),
    ]
    table = text_table(("layer", "kind", "output", "scratch B", "alive B", "kernel"), rows, right=(3, 4))
    data = {"board": target.id, "cpu_class": planned.cpu.name, "plan": plan_to_json(layout)}
    return Output(data, f"{text_fields(fields)}\n\n{table}")


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "plan", plan)
