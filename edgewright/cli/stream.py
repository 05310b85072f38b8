"""`edgewright stream`: a model over time, run for the newest time steps only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from edgewright.cli.common import Output, add_command
from edgewright.cli.options import BoardOption, IoOption, ModelArgument, ShapeOption, parse_shapes
from edgewright.cli.table import text_fields, text_table
from edgewright.errors import UsageError

if TYPE_CHECKING:
    from edgewright.converter.program import Program
    from edgewright.targets.board import Board
    from edgewright.targets.time_streaming import StreamWish

HopOption = Annotated[
    int, typer.Option("--hop", metavar="N", help="New time steps in a call.", show_default=False)
]
PaddingOption = Annotated[
    Literal["refuse", "signal", "recompute"],
    typer.Option(
        "--padding",
        metavar="refuse|signal|recompute",
        help="Ops that pad in time: refuse them; signal: rows of the stream take the place of the padding, "
        "which is not exact; recompute: compute them, and what follows, in every call.",
    ),
]
AlignmentOption = Annotated[
    Literal["refuse", "recompute"],
    typer.Option(
        "--alignment",
        metavar="refuse|recompute",
        help="Ops whose stride does not divide the hop: refuse them, or recompute them and what follows.",
    ),
]
SignalOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="FILE",
        help="A signal as .npy, one row a time step: report how far streaming is from window inference on "
        "it (NRMSE).",
        show_default=False,
    ),
]
# The same for `plan` and `build`, where they are options among many.
StreamAxisOption = Annotated[
    Literal["time"] | None,
    typer.Option(
        "--stream-axis",
        metavar="time",
        help="Run the model over time, --hop new steps a call, as edgewright stream does.",
        show_default=False,
    ),
]
StreamHopOption = Annotated[
    int | None, typer.Option("--hop", metavar="N", help="New time steps in a call.", show_default=False)
]
StreamPaddingOption = Annotated[
    Literal["refuse", "signal", "recompute"],
    typer.Option(
        "--stream-padding",
        metavar="refuse|signal|recompute",
        help="What streaming over time does with ops that pad in time.",
    ),
]
StreamOutOption = Annotated[
    Path | None,
    typer.Option(
        "--out", "-o", metavar="DIR", help="Write the C library there.", show_default="nothing is written"
    ),
]


def stream(
    model: ModelArgument,
    board: BoardOption,
    hop: HopOption,
    padding: PaddingOption = "refuse",
    alignment: AlignmentOption = "refuse",
    data: SignalOption = None,
    out: StreamOutOption = None,
    io: IoOption = "source",
    shape: ShapeOption = None,
) -> Output:
    """Stream a model over time: only the new steps are computed, what is needed again is kept.

    Says what a call computes of every op, its state, memory and cost, and where streaming is not exact.
    With --out the C library of a call is written; there is no monitor firmware for it.
    """
    from edgewright.targets.board import load_board
    from edgewright.targets.build import load_program_of
    from edgewright.targets.time_streaming import StreamWish

    target = load_board(board)
    program = load_program_of(model, io=io, shapes=parse_shapes(shape))
    return stream_output(program, target, StreamWish(hop, "time", padding, alignment), data=data, out=out)


def streams_over_time(axis: str | None, hop: int | None) -> bool:
    """Whether `--stream-axis` and `--hop` ask for streaming over time.

    Raises:
        UsageError: EW-STREAM-OPTIONS where only one of them is given.
    """
    if (axis is None) != (hop is None):
        given = "--stream-axis" if hop is None else "--hop"
        raise UsageError(
            "EW-STREAM-OPTIONS", f"{given} without the other", "both: --stream-axis time --hop 1"
        )
    return axis is not None


def stream_output(
    program: Program, board: Board, wish: StreamWish, *, data: Path | None = None, out: Path | None = None
) -> Output:
    """Plan, compare with window inference and build, as far as asked for.

    Args:
        program: The model.
        board: Target.
        wish: How it is streamed.
        data: Signal to compare on.
        out: Folder for the library.
    """
    from edgewright.converter.short_names import short_names
    from edgewright.errors import EdgewrightError
    from edgewright.targets import time_streaming

    analysis = time_streaming.analyse_stream(program, wish)
    names = short_names(n.name for n in program.nodes)
    try:
        planned = time_streaming.plan_stream(program, board, wish)
    except EdgewrightError as error:
        document = time_streaming.analysis_to_json(analysis)
        return Output({"stream": document}, _refused_table(document, names), error)
    document = time_streaming.stream_to_json(planned)
    result: dict[str, object] = {"stream": document}
    parts = [text_fields(_fields(document)), _table(document, names)]
    if data is not None:
        signal = time_streaming.load_signal(data, program.values[program.inputs[0].value])
        measured = {n: vars(d) for n, d in time_streaming.measure_deviation(planned, signal).items()}
        result["deviation"] = measured
        parts.append(text_fields((f"deviation of {n}", _deviation_text(d)) for n, d in measured.items()))
    if out is not None:
        stack_bytes = time_streaming.build_stream(planned, out)["stack_bytes"]
        result |= {"out": str(out), "stack_bytes": stack_bytes}
        parts.append(text_fields([("library", f"{out}/library, stack of a call up to {stack_bytes:,} B")]))
    return Output(result, "\n\n".join(parts))


def _fields(d: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """What the call is, in lines."""
    yield "call", f"{d['hop']} new time steps of a window of {d['window_steps']}"
    yield (
        "MACs",
        f"{d['macs']:,}, {d['macs'] / max(1, d['window_macs']):.4f} of the window's {d['window_macs']:,}",
    )
    if d["estimated_cycles"] is not None:
        yield "est. cycles", f"{d['estimated_cycles']:,}"
    yield "state", f"{d['state_bytes']:,} B survive from call to call"
    yield "arena", f"{d['arena_bytes']:,} B, state and scratch included"
    yield "warm after", f"{d['warm_up_calls']} calls"
    if d["exact"]:
        yield "exact", "yes: every output equals window inference"
        return
    yield "exact", "no: to a window with signal in place of the padding"
    for finding in d["findings"]:
        yield "", finding["reason"]
    yield "delay", f"{d['delay_steps']} time steps"


def _table(d: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """What a call computes of every op; why, where that is all of it."""
    rows = [("input", "", f"{d['hop']} of {d['window_steps']}", "", f"{d['input_kept_bytes']:,}", "", "")]
    rows += [
        (
            *(names.get(o["name"], o["name"]), o["kind"], f"{o['new_rows']} of {o['rows']}"),
            *(f"{o['macs']:,}", f"{o['kept_bytes']:,}"),
            "-" if o["estimated_cycles"] is None else f"{o['estimated_cycles']:,}",
            o["reason"],
        )
        for o in d["ops"]
    ]
    header = ("layer", "kind", "rows a call", "MACs", "kept B", "est. cycles", "computed again because")
    return text_table(header, rows, right=(2, 3, 4, 5))


def _refused_table(d: Mapping[str, Any], names: Mapping[str, str]) -> str:
    found = {f["node"]: f["reason"] for f in d["findings"]}
    rows = [
        (names[o["name"]], o["kind"], f"{o['new_rows']} of {o['rows']}", found.get(o["name"], o["reason"]))
        for o in d["ops"]
    ]
    return text_table(
        ("layer", "kind", "rows a call", "what does not fit, or why all rows are computed"), rows, right=(2,)
    )


def _deviation_text(d: Mapping[str, Any]) -> str:
    return (
        f"NRMSE {d['nrmse']:.4f}, at most {d['largest']:.4g}, the same class in {d['same_class']:.1%} of "
        f"{d['windows']:,} windows"
    )


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "stream", stream)
