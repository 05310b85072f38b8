"""What flash is worth: prices, in cycles a byte, at which the search weighs flash against time.

Kernels of one layer differ in the flash that their constants take (weights stored as int16, transformed
weights) and in code that is theirs alone. With a price on every byte the cheapest path is found as before; a
limit of flash is met by raising the prices until the path keeps to it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from edgewright.converter.schedule.candidate import Candidate
from edgewright.converter.schedule.network import Network
from edgewright.converter.schedule.row_op import RowOp
from edgewright.converter.schedule.search import FREE, Path, Prices, by_cycles, cheapest

Optimize = Literal["size", "balanced", "speed"]
# Cycles for a byte where flash is all that counts.
FLASH_IS_ALL = 1e6
# "speed": a kilobyte of code has to save at least so much of all cycles; constants cost nothing.
CODE_WORTH = 0.01 / 1024
# Halvings of the range of prices that is searched.
PRICE_STEPS = 24


def flash_prices(network: Network, optimize: Optimize) -> Prices:
    """What a byte is worth.

    "speed": only code costs something; "balanced": a percent more flash has to save a percent of the cycles;
    "size": any number of cycles.
    """
    cycles = layer_cycles(network)
    if optimize == "size":
        return Prices(FLASH_IS_ALL, FLASH_IS_ALL)
    if optimize == "speed":
        return Prices(0.0, cycles * CODE_WORTH)
    flash = sum(min(op.flash_bytes for op in form.layer) for form in network.forms)
    price = cycles / flash if flash else 0.0
    return Prices(price, price)


def layer_cycles(network: Network, prices: Prices = FREE) -> float:
    """Cycles of the layer schedule that costs least."""

    def cost(op: RowOp) -> float:
        constants = (op.flash_bytes - op.code_bytes) * prices.constants
        return op.out_rows * op.cycles + constants + op.code_bytes * prices.code

    chosen = [min(form.layer, key=cost) for form in network.forms]
    return sum(op.out_rows * op.cycles for op in chosen)


@dataclass(frozen=True)
class FlashLimit:
    """Most flash that kernels may take; None for any.

    Args:
        kernel_bytes: Constants and own code.
        constant_bytes: Constants alone.
    """

    kernel_bytes: int | None = None
    constant_bytes: int | None = None

    def keeps(self, path: Path) -> bool:
        """Whether a path's kernels take no more."""
        constants = path.flash_bytes - path.code_bytes
        return (self.kernel_bytes is None or path.flash_bytes <= self.kernel_bytes) and (
            self.constant_bytes is None or constants <= self.constant_bytes
        )


def limiting_prices(
    edges: Sequence[Sequence[Candidate]], arena_bytes: int, limit: FlashLimit, least: Prices
) -> Prices:
    """The lowest prices, from `least` on, at which the cheapest path keeps to a limit of flash.

    Where none does, those at which it needs the least.
    """

    def prices(price: float) -> Prices:
        code = least.code if limit.kernel_bytes is None else max(least.code, price)
        return Prices(max(least.constants, price), code)

    def fits(price: float) -> bool:
        path = cheapest(edges, arena_bytes, partial(by_cycles, prices=prices(price)))
        return path is None or limit.keeps(path)

    if fits(0.0):
        return least
    low, high = math.log(1e-3), math.log(FLASH_IS_ALL)
    for _ in range(PRICE_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if fits(math.exp(middle)) else (middle, high)
    return prices(math.exp(high))
