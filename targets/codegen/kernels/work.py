"""How often one call of a convolution kernel does each thing that has a cost (`RowKernel.work`).

The names are those of the cost tables (targets/costs). Each counts turns of one loop, or calls of one
function, of the micro-kernels, so that cost is a sum of counts times measured coefficients.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgewright.targets.codegen.kernels.geometry import Geometry

Work = dict[str, float]


def gather_work(g: Geometry, tiles: int) -> Work:
    """`ew_gather` of one output row: channels in multiples of 4, `tiles` calls for each group.

    A row of a window that lies inside the tensor, all channels of it, is widened as one run; others
    column by column.
    """
    quads = g.group_channels // 4
    whole, inside, outside = _columns(g)
    once = g.groups * g.height  # for each output pixel
    runs, columns = once * whole, once * inside
    widened = {g.width * quads: runs, quads: columns} if g.width > 1 else {quads: runs + columns}
    return {
        "gather": g.groups * tiles,
        "gather_pixel": g.groups * g.out_columns,
        "gather_row": once * g.out_columns,
        "gather_run": runs,
        "gather_column": columns,
        "gather_outside": once * outside,
        "gather_fill": once * outside * quads,
        **_widen_work(widened),
    }


def gather_any_work(g: Geometry, tiles: int) -> Work:
    """`ew_gather_any` of one output row: each receptive field is lined up as int8, then widened."""
    pixels = g.groups * g.out_columns
    work = {"gather_any": g.groups * tiles, "gather_any_pixel": pixels}
    return work | line_up_work(g, vectors=False) | _widen_work({g.quads: pixels})


def gather_s8_work(g: Geometry, runs: int) -> Work:
    """`ew_gather_s8` of one output row on Helium, `runs` calls for each group."""
    return {"gather_s8": g.groups * runs} | line_up_work(g, vectors=True)


def tile_work(g: Geometry, segments: Sequence[tuple[int, int, int]], outputs: int, form: str) -> Work:
    """`ew_tile_2xP_<form>` of one output row: two channels of P pixels over the depth.

    Args:
        g: What the row reads.
        segments: From `split_tiles`.
        outputs: Output channels of a group.
        form: Requantization.
    """
    work: Work = {}
    for _, tiles, pixels in segments:
        calls = g.groups * tiles * -(-outputs // 2)
        work[f"tile_2x{pixels}_{form}"] = calls
        if form not in ("relu", "linear"):  # those finish both channels in registers
            work[f"tile_2x{pixels}_{form}_channel"] = g.groups * tiles * outputs
        work[f"dot_2x{pixels}"] = calls * g.quads
        work[f"dot_2x{pixels}_rest"] = calls * (g.quads % 4)
    return work


def tile_mve_work(g: Geometry, runs: int, outputs: int, form: str) -> Work:
    """`ew_tile_mve` or `ew_tile_once_mve` of one output row: four channels of a run of pixels."""
    fours = g.groups * -(-outputs // 4)
    pixels = fours * g.out_columns
    work: Work = {
        f"tile_mve_{form}": fours * runs,
        f"tile_mve_{form}_pixel": pixels,
        "dot_mve": pixels * -(-4 * g.quads // 16),
    }
    if form == "once":
        work["tile_mve_once_channel"] = g.groups * outputs * g.out_columns
    return work


def depthwise_work(runs: Sequence[tuple[str, int, int]], quads: int, height: int) -> Work:
    """Depthwise kernels that take four channels of a run of pixels.

    Args:
        runs: (name of the micro-kernel without "ew_", pixels, kernel columns used).
        quads: Fours of channels.
        height: Kernel rows.
    """
    work: Work = {"depthwise": 1, "depthwise_quad": quads}
    # Models of one column use one run of one pixel and tap everywhere, for which gcc makes a copy of the
    # function without these loops.
    temporal = len(runs) == 1 and runs[0][1:] == (1, 1)
    # So it does for the borders beside unrolled runs, which are of one pixel.
    unrolled = any("3x" in name for name, _, _ in runs)
    for name, pixels, taps in runs:
        if temporal:
            added: Work = {f"{name}_temporal": quads, f"{name}_temporal_row": quads * height}
        elif "3x" in name:  # unrolled: no loops over the window
            added = {"depthwise_unrolled": quads, f"{name}_pixel": quads * pixels}
        elif unrolled and taps == 2:
            added = {f"{name}_border": quads * pixels}
        else:
            added = {
                name: quads,
                f"{name}_pixel": quads * pixels,
                f"{name}_row": quads * pixels * height,
                f"{name}_tap": quads * pixels * height * taps,
            }
        for key, count in added.items():
            work[key] = work.get(key, 0) + count
    return work


def depthwise_any_work(columns: int, outputs: int, window: tuple[int, int]) -> Work:
    """`ew_depthwise_any`: one output at a time, every tap checked against the border."""
    height, width = window
    return {
        "depthwise_any": 1,
        "depthwise_any_pixel": columns,
        "depthwise_any_output": columns * outputs,
        "depthwise_any_row": columns * outputs * height,
        "depthwise_any_tap": columns * outputs * height * width,
    }


def _columns(g: Geometry) -> tuple[int, int, int]:
    """Over all output pixels of a row: (windows taken as one run, columns inside of the others, outside)."""
    first = np.arange(g.out_columns) * g.stride - g.pad_left
    taps = first[:, None] + np.arange(g.width) * g.dilation
    inside = ((taps >= 0) & (taps < g.columns)).sum(axis=1)
    run = (inside == g.width) if g.dilation == 1 and g.groups == 1 else np.zeros(g.out_columns, bool)
    return int(run.sum()), int(inside[~run].sum()), int((g.width - inside[~run]).sum())


def line_up_work(g: Geometry, *, vectors: bool) -> Work:
    """`ew_line_up` of every receptive field of one output row; `vectors`: copies sixteen bytes at a time."""
    whole, inside, outside = _columns(g)
    once = g.groups * g.height
    work: Work = {
        "line_row": once * g.out_columns,
        "line_column": once * inside,
        "line_outside": once * outside,
        "line_fill": once * outside * g.group_channels,
        "line_copy": once * (whole + inside),
        "line_word": 0,
        "line_byte": 0,
    }
    for size, copies in ((g.group_channels * g.width, whole), (g.group_channels, inside)):
        if vectors:
            work["line_vector"] = work.get("line_vector", 0) + once * copies * (size // 16)
            size %= 16
        work["line_word"] += once * copies * (size // 4)
        work["line_byte"] += once * copies * (size % 4)
    return work


def _widen_work(calls: dict[int, int]) -> Work:
    """`ew_widen`: calls by the number of quads each widens; the DSP form takes two at a time."""
    return {
        "widen_pair": sum(count * (quads // 2) for quads, count in calls.items()),
        "widen_odd": sum(count * (quads % 2) for quads, count in calls.items()),
    }
