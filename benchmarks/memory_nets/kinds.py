"""The kinds of plans that are compared: which plans of a trade-off belong to each, and what asks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from benchmarks.memory_nets.nets import Limits, Net
from edgewright.converter.schedule import Wish

Plan = Mapping[str, Any]
# Largest multiply-accumulates of the plans that compute some of them twice, in those of the network.
RECOMPUTE = 1.1
# Besides the kinds below: patch-based inference in the RAM of the resident plan, or as close as it gets.
PATCHES = "patches"
# Plans that compute nothing twice say 1.0; sums of floats may end beside it.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Kind:
    """Plans of which the one with the smallest arena counts.

    Args:
        key: Its short name.
        title: Of its row in the table.
        wish: What asks for such a plan, but for the size of the arena.
        max_overhead: Most multiply-accumulates, in those of the network.
        limit: What was promised, from a net's limits.
    """

    key: str
    title: str
    wish: Wish
    max_overhead: float
    limit: Callable[[Limits], int | None]

    def belongs(self, plan: Plan) -> bool:
        """Whether a plan of `edgewright plan --json` is of this kind."""
        return (
            plan["input"] == self.wish.input
            and plan["mac_overhead"] <= self.max_overhead + ROUNDING
            and (self.wish.schedule == "auto" or plan["schedule"] == self.wish.schedule)
        )

    def smallest(self, plans: Sequence[Plan]) -> Plan | None:
        """The plan with the smallest arena, None where there is none of this kind."""
        own = [p for p in plans if self.belongs(p)]
        return min(own, key=itemgetter("ram_bytes", "estimated_cycles"), default=None)


LAYER = Kind(
    "layer",
    "layer by layer",
    Wish("layer", "resident"),
    1.0,
    lambda limits: None,
)
RESIDENT = Kind(
    "resident",
    "input resident",
    Wish("auto", "resident", recompute=False),
    1.0,
    lambda limits: limits.resident_bytes,
)
ROWS = Kind(
    "rows",
    "input by rows",
    Wish("auto", "rows", recompute=False),
    1.0,
    lambda limits: limits.rows_bytes,
)
STRIPS = Kind(
    "strips",
    f"by rows, MACs <= {RECOMPUTE}x",
    Wish("auto", "rows"),
    RECOMPUTE,
    lambda limits: limits.rows_recompute_bytes,
)
KINDS = (LAYER, RESIDENT, ROWS, STRIPS)


def arenas_to_run(net: Net, plans: Sequence[Plan]) -> dict[str, int]:
    """Largest arena of the plans that are run, by key of their kind.

    On the board these are the smallest of each kind; of the resident ones, whose speed is promised too, what
    was promised, and patches get the smallest. Where the net runs on the host, whose kernels are others, all
    get what was promised.
    """
    promised = {kind.key: kind.limit(net.limits) for kind in KINDS}
    if not net.inputs:
        return {key: limit for key, limit in promised.items() if limit is not None}
    smallest = {kind.key: kind.smallest(plans) for kind in KINDS}
    arenas = {key: plan["ram_bytes"] for key, plan in smallest.items() if plan is not None}
    if RESIDENT.key in arenas:
        arenas[PATCHES] = arenas[RESIDENT.key]
        arenas[RESIDENT.key] = max(arenas[RESIDENT.key], promised[RESIDENT.key] or 0)
    return arenas
