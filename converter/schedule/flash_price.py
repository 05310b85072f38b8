"""What flash is worth: prices, in cycles a byte, at which the search weighs flash against time.

Kernels of one layer differ in the flash that their constants take (weights stored as int16, transformed
weights) and in the code that they need. With a price on every byte the cheapest path is found as before,
once it is decided which functions the network has (`shared_code.py`); a limit of flash is met by raising
the prices until the path keeps to it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from edgewright.converter.schedule.candidate import Candidate
from edgewright.converter.schedule.search import FREE, Path, Prices, by_cycles, cheapest
from edgewright.converter.schedule.shared_code import Option, choose

Optimize = Literal["size", "balanced", "speed"]
# Cycles for a byte where flash is all that counts.
FLASH_IS_ALL = 1e6
# "speed": a kilobyte of code has to save at least so much of all cycles; constants cost nothing.
CODE_WORTH = 0.003 / 1024
# Halvings of the range of prices that is searched.
PRICE_STEPS = 20

Edges = Sequence[Sequence[Candidate]]


@dataclass(frozen=True)
class Layers:
    """The layer schedule that costs least.

    Args:
        cycles: It takes.
        constant_bytes: Of its kernels.
        functions: Their code, by name.
        code_bytes: Of all of them.
    """

    cycles: float
    constant_bytes: int
    functions: frozenset[str]
    code_bytes: int


def cheapest_layers(edges: Edges, arena_bytes: int, prices: Prices = FREE) -> Layers:
    """The kernels of least cost of the layers that fit into an arena, each function paid for once.

    Args:
        edges: Candidates by first position.
        arena_bytes: Largest moment.
        prices: Of flash.
    """
    wholes = [[c for c in some if c.op is not None and c.peak_bytes <= arena_bytes] for some in edges]
    layers = [some for some in wholes if some]
    sizes = {name: size for some in layers for c in some for name, size in c.functions.items()}
    options = [
        [Option(c.cycles + c.constant_bytes * prices.constants, frozenset(c.functions)) for c in some]
        for some in layers
    ]
    chosen = choose(options, sizes, prices.code)
    taken = [some[k] for some, k in zip(layers, chosen.options, strict=True)]
    return Layers(
        sum(c.cycles for c in taken),
        sum(c.constant_bytes for c in taken),
        chosen.functions,
        sum(sizes[name] for name in chosen.functions),
    )


def flash_prices(edges: Edges, arena_bytes: int, optimize: Optimize) -> Prices:
    """What a byte is worth.

    "speed": only code costs something; "balanced": a percent more flash has to save a percent of the cycles;
    "size": any number of cycles.

    Args:
        edges: Candidates by first position.
        arena_bytes: Largest moment of a plan.
        optimize: The wish.
    """
    everything = Prices(FLASH_IS_ALL, FLASH_IS_ALL)
    if optimize == "size":
        return everything
    cycles = cheapest_layers(edges, arena_bytes).cycles
    if optimize == "speed":
        return Prices(0.0, cycles * CODE_WORTH)
    least = cheapest_layers(edges, arena_bytes, everything)
    flash = least.constant_bytes + least.code_bytes
    price = cycles / flash if flash else 0.0
    return Prices(price, price)


def paid(edges: Edges, arena_bytes: int, prices: Prices) -> Prices:
    """The same prices, with the functions that are worth having taken as paid."""
    return replace(prices, paid=cheapest_layers(edges, arena_bytes, prices).functions)


@dataclass(frozen=True)
class FlashLimit:
    """Most flash that kernels may take; None for any.

    Args:
        kernel_bytes: Constants and code.
        constant_bytes: Constants alone.
    """

    kernel_bytes: int | None = None
    constant_bytes: int | None = None

    def keeps(self, path: Path) -> bool:
        """Whether a path's kernels take no more."""
        return (self.kernel_bytes is None or path.constant_bytes + path.code_bytes <= self.kernel_bytes) and (
            self.constant_bytes is None or path.constant_bytes <= self.constant_bytes
        )


def limiting_prices(edges: Edges, arena_bytes: int, limit: FlashLimit, least: Prices) -> Prices:
    """The lowest prices, from `least` on, at which the cheapest path keeps to a limit of flash.

    Where none does, those at which it needs the least.
    """

    def prices(price: float) -> Prices:
        code = least.code if limit.kernel_bytes is None else max(least.code, price)
        return paid(edges, arena_bytes, Prices(max(least.constants, price), code))

    def fits(found: Prices) -> bool:
        path = cheapest(edges, arena_bytes, partial(by_cycles, prices=found))
        return path is None or limit.keeps(path)

    best = prices(0.0)
    if fits(best):
        return best
    low, high, best = math.log(1e-3), math.log(FLASH_IS_ALL), prices(FLASH_IS_ALL)
    for _ in range(PRICE_STEPS):
        middle = (low + high) / 2
        found = prices(math.exp(middle))
        if fits(found):
            high, best = middle, found
        else:
            low = middle
    return best
