"""How often a Winograd kernel does each thing that has a cost (`RowKernel.work`)."""

from __future__ import annotations

from edgewright.targets.codegen.kernels.winograd_source import Shape
from edgewright.targets.codegen.kernels.work import Work

TILES = 4  # that one dot product takes
CHANNELS = 2


def fours(tiles: int) -> int:
    """Dot products for so many tiles."""
    return -(-tiles // TILES)


def winograd_work(shape: Shape) -> Work:
    """Work of one call."""
    size, points = shape.size, (shape.size + 2) ** 2
    down, across = shape.down, shape.across
    blocks = [min(shape.block, down - first) for first in range(0, down, shape.block)]
    products = sum(fours(rows * across) for rows in blocks) * shape.outputs // CHANNELS * points
    quads = shape.channels // 4
    copied = _copied_rows(shape, down)
    name = f"winograd{size}"
    work: Work = {
        name: 1,
        f"{name}_row": down * quads,
        f"{name}_column": down * shape.columns * quads,
        f"{name}_tile": down * across * quads,
        f"{name}_{shape.form}": down * across * shape.outputs,
        "winograd_copied_word": copied * shape.columns * quads,
        "winograd_point": products,
        "winograd_step": products * shape.channels // 2,
    }
    if shape.loops:
        work["winograd_piece"] = products * shape.pieces
    if shape.has_parts:
        work[f"{name}_part"] = _copied_tiles(shape, across, blocks) * shape.outputs
    if shape.expand:
        work[f"{name}_expand"] = shape.outputs * quads
    return work


def _copied_tiles(shape: Shape, across: int, blocks: list[int]) -> int:
    """Tiles among four of which one has outputs that do not exist."""
    copied = first = 0
    for rows in blocks:
        tiles = [(first + t // across, t % across) for t in range(rows * across)]
        for start in range(0, len(tiles), TILES):
            four = tiles[start : start + TILES]
            ends = [((r + 1) * shape.size, (c + 1) * shape.size) for r, c in four]
            if any(r > shape.out_rows or c > shape.out_columns for r, c in ends):
                copied += len(four)
        first += rows
    return copied


def _copied_rows(shape: Shape, down: int) -> int:
    """Rows of pixels that are copied because some under the same row of tiles lie outside the tensor."""
    firsts = [r * shape.size - shape.pad_top for r in range(down)]
    return (shape.size + 2) * sum(f < 0 or f + shape.size + 2 > shape.rows for f in firsts)
