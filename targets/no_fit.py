"""What to tell where no plan fits: the smallest memory there is, what takes it, and the option that helps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from edgewright.converter.schedule import Plan, Planner, Wish, peak_text
from edgewright.converter.schedule.segment import InputMode
from edgewright.errors import UsageError, WorkError
from edgewright.targets.planning import Planning

MODE_WORDS: Mapping[InputMode, str] = {"resident": "input resident", "rows": "input by rows"}
# For the smallest arena of one search space.
PLACE_S = 3.0


def explain_no_fit(planning: Planning, wish: Wish, limit_bytes: int) -> WorkError:
    """EW-PLAN-MEMORY: the smallest arena in each way, its largest moment, and the options that lead there.

    Args:
        planning: Program and core.
        wish: What was asked for and is not possible.
        limit_bytes: Bytes there are for the arena.
    """
    found = [(options, p, p.arena_bytes) for options, p in _alternatives(planning, wish)]
    asked = [(p, size) for options, p, size in found if not options]
    required = min((size for _, size in asked), default=0)
    fitting = [(options, p) for options, p, size in found if options and size <= limit_bytes]
    lines = [
        f"  {''.join(o + ', ' for o in options)}{MODE_WORDS[p.input_mode]}: {size:,} B, the smallest found; "
        f"largest moment: {peak_text(p)}"
        for options, p, size in found
    ]
    too_slow = wish.slowdown is not None and required <= limit_bytes
    why = (
        f"no plan takes at most {wish.slowdown:g} times the cycles of the layer schedule and at most "
        f"{limit_bytes:,} bytes of arena"
        if too_slow
        else f"no plan fits into the {limit_bytes:,} bytes that stack and static data leave to the arena"
    )
    return WorkError(
        "EW-PLAN-MEMORY",
        "\n".join((why, *lines)),
        _hint(wish, fitting, too_slow),
        required_bytes=required,
        available_bytes=limit_bytes,
        excess_bytes=max(0, required - limit_bytes),
        smallest=[
            {"options": list(options), "input": p.input_mode, "ram_bytes": size} for options, p, size in found
        ],
    )


def _hint(wish: Wish, fitting: list[tuple[tuple[str, ...], Plan]], too_slow: bool) -> str:
    if too_slow:
        return f"a larger --slowdown than {wish.slowdown:g}, or none"
    if fitting:
        options, plan = fitting[0]
        return (
            f"with {' '.join(options)} {plan.arena_bytes:,} bytes are enough, {MODE_WORDS[plan.input_mode]}"
        )
    return "a board with more RAM (edgewright boards list), a larger --ram, or a model with a smaller input"


def _alternatives(planning: Planning, wish: Wish) -> Iterator[tuple[tuple[str, ...], Plan]]:
    """The smallest plan as asked for, then of the other input mode, then with every schedule allowed."""
    modes: tuple[InputMode, ...] = ("resident", "rows")
    for mode in sorted(modes, key=lambda m: m != (wish.input or "resident")):
        options = (f"--input {mode}",) if wish.input not in (None, mode) else ()
        planner = _planner(planning, mode, wish)
        if planner is not None and (plan := planner.smallest(time_limit_s=PLACE_S)) is not None:
            yield options, plan
    if wish.schedule != "auto":
        auto = replace(wish, schedule="auto", patches=None)
        for mode in modes:
            planner = _planner(planning, mode, auto)
            if planner is not None and (plan := planner.smallest(time_limit_s=PLACE_S)) is not None:
                flags = ("--schedule auto", f"--input {mode}") if wish.input else ("--schedule auto",)
                yield flags, plan


def _planner(planning: Planning, mode: InputMode, wish: Wish) -> Planner | None:
    try:
        return planning.planner(mode, wish)
    except UsageError as error:
        if error.code != "EW-PLAN-ROWS":
            raise
        return None
