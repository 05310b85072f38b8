"""How often one call of a compact kernel does each thing that has a cost."""

from __future__ import annotations

import numpy as np

from edgewright.targets.codegen.kernels.geometry import Geometry
from edgewright.targets.codegen.kernels.work import Work


def conv_work(g: Geometry, outputs: int, *, in_place: bool) -> Work:
    """`ew_conv_compact` of one output row.

    Args:
        g: What the row reads.
        outputs: Output channels of a group.
        in_place: Whether receptive fields are not copied.
    """
    tiles, single = -(-g.out_columns // 3), g.out_columns % 3 == 1
    # A last tile of two pixels gathers the second one again.
    pixels = g.out_columns + (g.out_columns % 3 == 2)
    first = np.minimum(np.arange(pixels), g.out_columns - 1) * g.stride - g.pad_left
    taps = first[:, None] + np.arange(g.width) * g.dilation
    inside = (taps >= 0) & (taps < g.columns)
    run = inside.all(axis=1) if g.dilation == 1 and g.groups == 1 else np.zeros(len(first), bool)
    columns, outside = int(inside[~run].sum()), int((~inside).sum())
    copied = {g.width * g.group_channels: int(run.sum()), g.group_channels: columns}
    if g.width == 1:
        copied = {g.group_channels: int(run.sum()) + columns}
    if in_place:
        copied = {}
    once, pairs = g.groups * g.height, -(-outputs // 2)
    return {
        "compact_conv": 1,
        "compact_tile": g.groups * tiles,
        "compact_row": 0 if in_place else once * len(first),
        "compact_part": once * sum(copied.values()),
        "compact_word": once * sum(n * (size // 4) for size, n in copied.items()),
        "compact_byte": once * sum(n * (size % 4) for size, n in copied.items())
        + once * outside * g.group_channels,
        "compact_widen": g.groups * len(first) * g.quads,
        "compact_pair_3": g.groups * (tiles - single) * pairs,
        "compact_pair_1": g.groups * single * pairs,
        "compact_quad_3": g.groups * (tiles - single) * pairs * g.quads,
        "compact_quad_1": g.groups * single * pairs * g.quads,
    }


def depthwise_work(g: Geometry, quads: int) -> Work:
    """`ew_depthwise_compact` of one output row, `quads` fours of channels."""
    taps = g.height * g.width
    first = np.arange(g.out_columns) * g.stride - g.pad_left
    inside = (first >= 0) & (first + (g.width - 1) * g.dilation < g.columns)
    # Behind the first pixel inside the row no pointers are made; rows of padding count like others.
    made = int((~inside).sum()) + bool(inside.any())
    return {
        "compact_depthwise": 1,
        "compact_depthwise_pixel": g.out_columns,
        "compact_depthwise_pointer": made * taps,
        "compact_depthwise_quad": g.out_columns * quads,
        "compact_depthwise_tap": g.out_columns * quads * taps,
    }
