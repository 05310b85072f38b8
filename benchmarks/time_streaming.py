"""MLPerf Tiny's streaming wakeword model, a step at a time: `python -m benchmarks.time_streaming`.

The generated C runs on an emulated Cortex-M4, and every step is compared with inference over the whole
window. Exit status: 0, 1 where a limit is missed, 2 where the model is missing or the command line
is wrong.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.emulated_stream import run_emulated, seeded_signal
from benchmarks.figures import M4_BOARD, MODELS
from benchmarks.locate import ENVIRONMENT, locate
from benchmarks.machine import ROOT
from benchmarks.outcome import verdict, write_document
from benchmarks.results import Figure, whole
from edgewright.cli.table import text_table
from edgewright.converter.program import Port, Program
from edgewright.converter.streaming import stream_program, windowed
from edgewright.errors import EdgewrightError
from edgewright.targets.board import load_board
from edgewright.targets.build import load_program_of

OUT = ROOT / "build" / "bench" / "time_streaming.json"
KEY, HOP, STEPS = "SWW", 1, 1000
# What is promised.
MACS_RATIO, STATE_BYTES = 0.065, 4_200


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit status."""
    options = parse(arguments)
    begin = time.monotonic()
    try:
        (file,) = locate([m for m in MODELS if m.key == KEY], options.models).values()
        result = measure(load_program_of(file), options.steps)
        options.out.parent.mkdir(parents=True, exist_ok=True)
    except EdgewrightError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    figures = figures_of(result)
    seconds = time.monotonic() - begin
    write_document(options.out, figures, seconds, board=M4_BOARD, result=result)
    rows = [
        (f.row, f.text + ("" if f.ok else " ✗"), "-" if f.limit is None else f"{f.limit:,g}") for f in figures
    ]
    print(text_table(("figure", KEY, "limit"), rows, right=(1, 2)))
    return verdict(figures, options.out, seconds)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line; argparse itself ends with status 2 where it is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.time_streaming", description=__doc__.split("\n")[0]
    )
    parser.add_argument(
        "--models",
        type=Path,
        metavar="DIR",
        help=f"folder with the .tflite models (default: ${ENVIRONMENT}, then the development data)",
    )
    parser.add_argument("--steps", type=_count, default=STEPS, metavar="N", help="steps to compare")
    parser.add_argument("--out", type=Path, default=OUT, metavar="FILE", help="JSON file to write")
    return parser.parse_args(arguments)


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def measure(program: Program, steps: int) -> dict[str, Any]:
    """Stream the model on the emulated board, and once more with its features as a second output.

    The classes alone are the same for most noise; cost and memory are those of the model as it is. A hop as
    long as the window, which computes everything, says what inference over the window costs.
    """
    board, streamed = load_board(M4_BOARD), stream_program(program, HOP)
    kind = program.values[program.inputs[0].value]
    signal = seeded_signal(streamed.window_rows + (steps - 1) * HOP, *kind.shape[1:])
    watched = with_features(program)
    expected = windowed(watched, signal, HOP)
    run, memory = run_emulated(streamed, board, signal, expected)
    inner, _ = run_emulated(stream_program(watched, HOP), board, signal, expected)
    features = watched.outputs[-1].name
    window, _ = run_emulated(
        stream_program(program, kind.shape[0]), board, signal, expected[:: kind.shape[0]]
    )
    assert run.cycles is not None and window.cycles is not None, board.cpu
    return {
        "hop": HOP,
        "window_steps": streamed.window_rows,
        "macs": streamed.macs,
        "window_macs": program.macs,
        "macs_ratio": streamed.macs / program.macs,
        "state_bytes": memory.state_bytes,
        "arena_bytes": memory.arena_bytes,
        "arena_used_bytes": run.arena_used_bytes,
        "stack_used_bytes": run.stack_used_bytes,
        "cycles_a_step": max(run.cycles),
        "cycles_a_window": max(window.cycles),
        "instructions_a_step": max(run.instructions),
        "steps_compared": run.compared,
        "mismatches": run.mismatches,
        "feature_steps_compared": inner.compared,
        "feature_mismatches": inner.mismatches,
        "distinct_features": len({call[features].tobytes() for call in expected}),
    }


def with_features(program: Program) -> Program:
    """The program with the input of its last fully connected layer as a second output."""
    value = next(n for n in reversed(program.nodes) if n.op.kind == "fc").inputs[0]
    port = Port("features", value, program.values[value].shape, (0, 1, 2))
    return replace(program, outputs=(*program.outputs, port))


def figures_of(result: dict[str, Any]) -> list[Figure]:
    """Each with its limit, where there is one."""

    def figure(
        row: str, key: str, limit: float | None = None, text: str | None = None, ok: bool = True
    ) -> Figure:
        value = result[key]
        kept = limit is None or value <= limit
        return Figure(row, KEY, text or whole(value), value, limit, ok=ok and kept)

    def equal(row: str, key: str, compared: str) -> Figure:
        steps = result[compared]
        return figure(row, key, 0, f"{result[key]} of {steps:,}", ok=steps > 0)

    return [
        figure("MACs of a step / of a window", "macs_ratio", MACS_RATIO, f"{result['macs_ratio']:.4f}"),
        figure("state, bytes", "state_bytes", STATE_BYTES),
        figure("arena, bytes", "arena_bytes"),
        figure(
            "arena used, bytes",
            "arena_used_bytes",
            result["arena_bytes"],
            ok=result["arena_used_bytes"] == result["arena_bytes"],
        ),
        figure("stack used, bytes", "stack_used_bytes"),
        figure("M4 est. cycles a step", "cycles_a_step"),
        figure("M4 est. cycles a whole window", "cycles_a_window"),
        equal("steps that differ", "mismatches", "steps_compared"),
        equal("features that differ", "feature_mismatches", "feature_steps_compared"),
    ]


if __name__ == "__main__":
    sys.exit(main())
