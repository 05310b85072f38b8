"""Results of the benchmark as lines of figures: each with its value, its limit and the incumbent's figure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.figures import (
    BOARDS,
    M4_BOARD,
    M7_BOARD,
    M55_BOARD,
    SMALL_BOARD,
    Incumbent,
    Limits,
    Model,
)

Result = Mapping[str, Any]
TOP1 = "top-1 on the device"


@dataclass(frozen=True)
class Figure:
    """One measured value.

    Args:
        row: What was measured.
        model: Key of the model.
        text: The value for people.
        value: The value; None where there is none (the error says why).
        limit: What was promised, None where nothing was.
        incumbent: TFLM's figure, None where it has none.
        ok: Whether the promise is kept; True without one.
    """

    row: str
    model: str
    text: str
    value: float | None
    limit: float | None = None
    incumbent: float | None = None
    ok: bool = True


@dataclass(frozen=True)
class Cost:
    """A row of figures taken from a run on one board.

    Args:
        row: Its title.
        board: Where it was measured.
        key: In the result of `run_on_board`.
        show: How it is written.
        limit: The field of `Limits`, if any.
        incumbent: The field of `Incumbent`, if any.
    """

    row: str
    board: str
    key: str
    show: Callable[[float], str]
    limit: str | None = None
    incumbent: str | None = None


def millions(value: float) -> str:
    """5_760_177 -> "5.76"."""
    return f"{value / 1e6:.3f}" if value < 1e6 else f"{value / 1e6:.2f}"


def whole(value: float) -> str:
    """16384 -> "16,384"."""
    return f"{value:,.0f}"


COSTS = (
    Cost("M4 est. cycles, M", M4_BOARD, "estimated_cycles", millions, "m4_cycles", "m4_cycles"),
    Cost("arena, bytes", M4_BOARD, "arena_bytes", whole, "arena_bytes", "arena_bytes"),
    Cost("code + rodata, bytes", M4_BOARD, "code_bytes", whole, "code_bytes", "code_bytes"),
    Cost("stack, bytes", M4_BOARD, "stack_bytes", whole, None, "stack_bytes"),
    Cost("M7 instructions, M", M7_BOARD, "instructions", millions, None, "m7_instructions"),
    Cost("M55 instructions, M", M55_BOARD, "instructions", millions, None, "m55_instructions"),
)


def figures_of(model: Model, runs: Mapping[tuple[str, str], Result], quick: bool) -> list[Figure]:
    """All figures of one model, in the order of the table.

    Args:
        model: The model.
        runs: Results of `run_on_board` by (model, board), and of `deploy_seconds` by (model, "deploy").
        quick: Few inputs were run: the promised number of inputs is not asked for.
    """
    found = [_equal(model, board, runs[model.key, board], quick) for board in BOARDS]
    if "top1" in runs[model.key, M4_BOARD]:
        found.append(_top1(model, runs[model.key, M4_BOARD]))
    found += [_cost(model, cost, runs[model.key, cost.board].get(cost.key)) for cost in COSTS]
    if (model.key, "deploy") in runs:
        found.append(_deploy(model, runs[model.key, "deploy"]))
    if (model.key, SMALL_BOARD) in runs:
        found.append(_small(model, runs[model.key, SMALL_BOARD]))
    return found


def row_of_board(board: str) -> str:
    """Title of the row with the equal outputs of a board."""
    return f"equal on {board} ({BOARDS[board]})"


def _equal(model: Model, board: str, run: Result, quick: bool) -> Figure:
    """Inputs whose outputs equal golden and LiteRT's reference kernels, of those run."""
    row = row_of_board(board)
    if "equal_golden" not in run:
        return Figure(row, model.key, _failed(run), None, ok=False)
    equal, inputs = min(run["equal_golden"], run["equal_litert"]), run["inputs"]
    enough = quick or inputs >= 100
    return Figure(row, model.key, f"{equal}/{inputs}", equal, inputs, ok=equal == inputs and enough)


def _top1(model: Model, run: Result) -> Figure:
    text, same = f"{run['top1']}/{run['inputs']}", run["top1"] == run["top1_litert"]
    return Figure(TOP1, model.key, text, run["top1"], run["top1_litert"], ok=same)


def _cost(model: Model, cost: Cost, value: float | None) -> Figure:
    limit = _field(model.limits, cost.limit)
    incumbent = _field(model.incumbent, cost.incumbent)
    if value is None:
        return Figure(cost.row, model.key, "-", None, limit, incumbent, ok=limit is None)
    kept = limit is None or value <= limit
    return Figure(cost.row, model.key, cost.show(value), value, limit, incumbent, ok=kept)


def _field(figures: Limits | Incumbent, name: str | None) -> float | None:
    return asdict(figures)[name] if name else None


def _deploy(model: Model, run: Result) -> Figure:
    row, limit = "deploy, s wall", model.limits.deploy_s
    if "seconds" not in run or "error" in run:
        return Figure(row, model.key, _failed(run), None, limit, ok=False)
    kept = limit is None or run["seconds"] < limit
    return Figure(row, model.key, f"{run['seconds']:.1f}", run["seconds"], limit, ok=kept)


def _small(model: Model, run: Result) -> Figure:
    """Runs and is verified, or is refused with the bytes that are missing."""
    row, error = f"on {SMALL_BOARD}, 16 KB", run.get("error")
    if error is None:
        equal = min(run["equal_golden"], run["equal_litert"])
        return Figure(
            row, model.key, f"{equal}/{run['inputs']}", equal, run["inputs"], ok=equal == run["inputs"]
        )
    refused = error["code"] == "EW-MEM-OVER" and error.get("excess_bytes", 0) > 0
    text = f"{error['excess_bytes']:,} B too big" if refused else _failed(run)
    return Figure(row, model.key, text, None, ok=refused)


def _failed(run: Result) -> str:
    return str(run["error"]["code"]) if "error" in run else "not run"
