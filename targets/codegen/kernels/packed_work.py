"""How often one call of a kernel with packed weights does each thing that has a cost (see `work.py`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgewright.targets.codegen.kernels.geometry import Geometry
from edgewright.targets.codegen.kernels.work import Work, gather_any_work, gather_work, line_up_work

if TYPE_CHECKING:
    from edgewright.targets.codegen.kernels.packed_source import PackedTiles

# Eights of inputs until half a word is full, by bits of a code.
FULL_EIGHTS = {4: 2, 2: 10, 1: 32}


def packed_sums_work(g: Geometry, tiles: int) -> Work:
    """`ew_gather` or `ew_packed_gather_any`, then `ew_packed_sums`, of one output row."""
    pixels = g.groups * g.out_columns
    gather = gather_any_work if g.group_channels % 4 else gather_work
    return gather(g, tiles) | {
        "packed_sums": g.groups * tiles,
        "packed_sums_pixel": pixels,
        "packed_sums_quad": pixels * g.quads,
    }


def gather_signs_work(g: Geometry, tiles: int, words: int) -> Work:
    """`ew_packed_gather_signs` of one output row; `words`: words of sixteen inputs of a field."""
    pixels = g.groups * g.out_columns
    return line_up_work(g, vectors=False) | {
        "packed_signs": g.groups * tiles,
        "packed_signs_pixel": pixels,
        "packed_signs_quad": pixels * 4 * words,
    }


def packed_gather_work(g: Geometry, tiles: int) -> Work:
    """`ew_packed_gather` of one output row: element by element."""
    pixels = g.groups * g.out_columns
    return {
        "packed_gather": g.groups * tiles,
        "packed_gather_pixel": pixels,
        "packed_gather_row": pixels * g.height,
        "packed_gather_column": pixels * g.height * g.width,
        "packed_gather_element": pixels * g.height * g.width * g.group_channels,
    }


def packed_tile_work(g: Geometry, layer: PackedTiles) -> Work:
    """Tiles `ew_packed…_<channels>xP_<form>` of one output row."""
    work: Work = {}
    bits, form, channels, length = layer.stored.bits, layer.call.form, layer.channels, layer.length
    for _, tiles, pixels in layer.segments:
        calls = g.groups * tiles * layer.blocks
        # Signs take the requantization of the tiles of int8 weights.
        tile = f"{'tile' if layer.kind == 'signs' else 'packed'}_{channels}x{pixels}_{form}"
        work[tile] = calls
        if channels > 1 and not layer.in_registers:  # those finish as many channels as there are
            work[f"{tile}_channel"] = g.groups * tiles * layer.outputs
        dot = f"packed{bits}_{channels}x{pixels}"
        work[dot] = calls * length
        if layer.kind == "codes":  # the loop is unrolled four times
            work[f"{dot}_rest"] = calls * (length % 4)
        if layer.kind == "lanes":  # the halves of a word are emptied now and then
            work[f"{dot}_full"] = calls * -(-length // FULL_EIGHTS[bits])
    return work


def unpack_work(bits: int, calls: int, fours: int) -> Work:
    """`ew_packed_unpack<bits>`: calls, and fours of weights that they make."""
    return {"unpack": calls, f"unpack{bits}_four": fours}


def unpack_mve_work(bits: int, calls: int, vectors: int) -> Work:
    """`ew_packed_unpack<bits>_mve`: calls, and vectors of sixteen weights that they make."""
    return {"unpack_mve": calls, f"unpack{bits}_mve_vector": vectors}
