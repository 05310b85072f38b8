"""What flash is worth: the price, in cycles a byte, at which the search weighs flash against time.

Kernels of one layer differ in the flash that their constants take (weights stored as int16, transformed
weights). With a price on every byte the cheapest path is found as before; a limit of flash is met by
raising the price until the path keeps to it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Literal

from edgewright.converter.schedule.candidate import Candidate
from edgewright.converter.schedule.network import Network
from edgewright.converter.schedule.search import by_cycles, cheapest

Optimize = Literal["size", "balanced", "speed"]
# Cycles for a byte where flash is all that counts.
FLASH_IS_ALL = 1e6
# Halvings of the range of prices that is searched.
PRICE_STEPS = 24


def flash_price(network: Network, optimize: Optimize) -> float:
    """Cycles for a byte.

    "speed": none; "balanced": a percent more flash has to save a percent of the cycles; "size": any number.
    """
    if optimize == "speed":
        return 0.0
    if optimize == "size":
        return FLASH_IS_ALL
    flash = sum(min(op.flash_bytes for op in form.layer) for form in network.forms)
    return layer_cycles(network) / flash if flash else 0.0


def layer_cycles(network: Network) -> float:
    """Cycles of the fastest layer schedule."""
    return sum(min(op.out_rows * op.cycles for op in form.layer) for form in network.forms)


def limiting_price(
    edges: Sequence[Sequence[Candidate]], arena_bytes: int, kernel_bytes: int, least: float
) -> float:
    """The lowest price, from `least` on, at which the cheapest path keeps to a limit of flash.

    Where none does, the price at which it needs the least.
    """

    def fits(price: float) -> bool:
        path = cheapest(edges, arena_bytes, partial(by_cycles, flash_price=price))
        return path is None or path.flash_bytes <= kernel_bytes

    if fits(least):
        return least
    low, high = math.log(max(least, 1e-3)), math.log(FLASH_IS_ALL)
    for _ in range(PRICE_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if fits(math.exp(middle)) else (middle, high)
    return math.exp(high)
