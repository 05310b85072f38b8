"""How often one call of a kernel with packed weights does each thing that has a cost (see `work.py`)."""

from __future__ import annotations

from collections.abc import Sequence

from edgewright.targets.codegen.kernels.geometry import Geometry
from edgewright.targets.codegen.kernels.work import Work, gather_any_work, gather_work, line_up_work

Segments = Sequence[tuple[int, int, int]]


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


def packed_tile_work(
    g: Geometry, segments: Segments, outputs: int, channels: int, bits: int, form: str, length: int
) -> Work:
    """Tiles `ew_packed<bits>_<channels>xP_<form>` of one output row.

    Args:
        g: What the row reads.
        segments: (first column, number of tiles, pixels a tile).
        outputs: Output channels of a group.
        channels: Output channels of a tile.
        bits: Of a weight.
        form: Requantization.
        length: Steps of the dot product.
    """
    work: Work = {}
    whole = channels == 1 or form in ("relu", "linear")
    for _, tiles, pixels in segments:
        calls = g.groups * tiles * -(-outputs // channels)
        name = f"packed_{channels}x{pixels}"
        work[f"{name}_{form}"] = calls
        if not whole:  # those finish as many channels as there are
            work[f"{name}_{form}_channel"] = g.groups * tiles * outputs
        work[f"packed{bits}_{channels}x{pixels}"] = calls * length
        if channels == 4:  # the loop is unrolled four times
            work[f"packed{bits}_{channels}x{pixels}_rest"] = calls * (length % 4)
        if channels == 1:
            work[f"packed{bits}_{channels}x{pixels}_word"] = calls * -(-length * bits // 4)
    return work


def unpack_work(bits: int, calls: int, fours: int) -> Work:
    """`ew_packed_unpack<bits>`: calls, and fours of weights that they make."""
    return {"unpack": calls, f"unpack{bits}_four": fours}


def unpack_mve_work(bits: int, calls: int, vectors: int) -> Work:
    """`ew_packed_unpack<bits>_mve`: calls, and vectors of sixteen weights that they make."""
    return {"unpack_mve": calls, f"unpack{bits}_mve_vector": vectors}
