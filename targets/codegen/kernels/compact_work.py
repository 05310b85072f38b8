"""How often one call of a compact kernel does each thing that has a cost."""

from __future__ import annotations

import numpy as np

from edgewright.targets.codegen.kernels.geometry import Geometry
from edgewright.targets.codegen.kernels.work import Work


def conv_work(g: Geometry, outputs: int) -> Work:
    """`ew_conv_compact` of one output row.

    Args:
        g: What the row reads.
        outputs: Output channels of a group.
    """
    tiles = -(-g.out_columns // 3)
    # The last tile gathers its last pixel again.
    first = np.minimum(np.arange(3 * tiles), g.out_columns - 1) * g.stride - g.pad_left
    taps = first[:, None] + np.arange(g.width) * g.dilation
    inside = (taps >= 0) & (taps < g.columns)
    run = inside.all(axis=1) if g.dilation == 1 and g.groups == 1 else np.zeros(len(first), bool)
    columns, outside = int(inside[~run].sum()), int((~inside).sum())
    copied = {g.width * g.group_channels: int(run.sum()), g.group_channels: columns}
    if g.width == 1:
        copied = {g.group_channels: int(run.sum()) + columns}
    if g.height == g.width == 1 and g.group_channels % 4 == 0:
        copied = {}
    once, pairs = g.groups * g.height, -(-outputs // 2)
    return {
        "compact_conv": 1,
        "compact_tile": g.groups * tiles,
        "compact_row": once * len(first),
        "compact_part": once * sum(copied.values()),
        "compact_word": once * sum(n * (size // 4) for size, n in copied.items()),
        "compact_byte": once * sum(n * (size % 4) for size, n in copied.items())
        + once * outside * g.group_channels,
        "compact_widen": g.groups * len(first) * g.quads,
        "compact_pair": g.groups * tiles * pairs,
        "compact_quad": g.groups * tiles * pairs * g.quads,
        "compact_output": g.groups * g.out_columns * outputs,
    }


def depthwise_work(g: Geometry, quads: int) -> Work:
    """`ew_depthwise_compact` of one output row, `quads` fours of channels."""
    taps = g.height * g.width
    return {
        "compact_depthwise": 1,
        "compact_depthwise_pointer": g.out_columns * taps,
        "compact_depthwise_quad": g.out_columns * quads,
        "compact_depthwise_tap": g.out_columns * quads * taps,
    }
