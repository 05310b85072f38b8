"""What a multiply-accumulate costs at least on a core: the rate of its multiplier, loads left out.

A layer's cost a MAC divided by this bound says how far it is from what the core could do at most. Algorithms
that multiply less often than they count (Winograd) may come below it.

Sources: instruction timing tables of the Technical Reference Manuals (see the emulator's timing.c). M0, M0+,
M3: one multiplication by an int8 weight serves two pixels in the halves of a word: MULS and ADDS, or MLA, for
two MACs. M4, M7, M33: SMLAD, two MACs a cycle. M55: VMLADAVA, sixteen int8 MACs in two cycles.
"""

from __future__ import annotations

CYCLES_PER_MAC = {
    "cortex-m0": 1.0,
    "cortex-m0plus": 1.0,
    "cortex-m3": 1.0,
    "cortex-m4": 0.5,
    "cortex-m33": 0.5,
    "cortex-m7": 0.5,
    "cortex-m55": 0.125,
}
INSTRUCTIONS_PER_MAC = {
    "cortex-m0": 1.0,
    "cortex-m0plus": 1.0,
    "cortex-m3": 0.5,
    "cortex-m4": 0.5,
    "cortex-m33": 0.5,
    "cortex-m7": 0.5,
    "cortex-m55": 0.0625,
}


def least_cost_per_mac(core: str, unit: str) -> float | None:
    """Cycles or instructions (`unit`) a MAC takes at least on a core; None for a core not listed."""
    table = INSTRUCTIONS_PER_MAC if unit == "instructions" else CYCLES_PER_MAC
    return table.get(core)
