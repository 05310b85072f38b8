"""How often a wide convolution kernel does each thing that has a cost.

What two channels of a tile take is a sum: once (`wide_pair_<pixels>`), for each step of two k, for each
output of its requantization, for each turn of a loop. Gathering is counted by tile, run and quad.
"""

from __future__ import annotations

from collections.abc import Iterable

from edgewright.targets.codegen.kernels.dot_wide_tiles import WideTiles, runs_inside, takes_runs
from edgewright.targets.codegen.kernels.geometry import Geometry
from edgewright.targets.codegen.kernels.work import Work, line_up_work


def wide_work(g: Geometry, tiles: WideTiles) -> Work:
    """One call of a kernel that gathers."""
    parts: list[Work] = [{"wide": 1}, _gather_work(g, tiles)]
    kind = "wide_shared" if tiles.shared else "wide"
    for _, count, pixels in tiles.segments:
        calls = count * g.groups
        turns = tiles.unrolling(pixels).turns
        if tiles.shared:
            turns = max(1, -(-(tiles.repeats - 1) // tiles.shared_turn(pixels)))
        pairs = calls * tiles.pairs
        parts.append(tile_work(kind, pixels, tiles.form, tiles.full, pairs))
        step = f"wide_{pixels}_{tiles.weights}_step"
        tile = calls * (1 + tiles.outputs % 2)
        parts.append({step: pairs * tiles.steps, "wide_turn": pairs * turns, f"{kind}_tile": tile})
    if tiles.expand:
        parts.append(expand_work(g.groups * tiles.pairs, tiles.steps))
    return sum_work(parts)


def tile_work(kind: str, pixels: int, form: str, full: bool, pairs: int) -> Work:
    """What two channels of tiles take beside the steps.

    Args:
        kind: Start of the name.
        pixels: Of a tile.
        form: Requantization.
        full: Whether the clamp is that of int8.
        pairs: How often.
    """
    work: Work = {f"{kind}_pair_{pixels}": pairs, f"wide_{form}": 2 * pixels * pairs}
    return work if full else work | {"wide_clamp": 2 * pixels * pairs}


def expand_work(pairs: int, steps: int) -> Work:
    """`ew_wide_expand`."""
    return {"wide_expand": 1, "wide_expand_pair": pairs, "wide_expand_quad": pairs * steps // 2}


def image_work(rows: int, elements: tuple[int, int, int], lines: int) -> Work:
    """An image that is made, and the lines of tiles in it.

    Args:
        rows: Of the image.
        elements: Of a row: padding before, of the input, padding behind.
        lines: Of tiles.
    """
    left, used, right = elements
    return {
        "wide_image": 1,
        "wide_image_line": lines,
        "wide_image_row": rows,
        "wide_image_eight": rows * (used // 8),
        "wide_image_one": rows * (left + used % 8 + right),
    }


def _gather_work(g: Geometry, tiles: WideTiles) -> Work:
    """Gathering the receptive fields of all tiles of a call."""
    quads, rest = divmod(g.width * g.group_channels, 4)
    fast, slow, rows = _tiles_inside(g, tiles)
    twice = "_twice" * tiles.twice
    parts: list[Work] = [
        {"wide_gather": g.groups * (sum(fast.values()) + slow), "wide_rows": g.groups * rows * g.height}
    ]
    for pixels, count in fast.items():
        runs = g.groups * count * g.height
        many = {f"wide_quads{twice}": runs * quads, f"wide_quads_pixel{twice}": runs * quads * pixels}
        parts.append({"wide_runs": runs, "wide_rest": runs * pixels * (rest > 0), **many})
    if slow:
        runs = g.groups * slow * g.height
        parts.append({"wide_field": g.groups * slow, "wide_run": runs, f"wide_quad{twice}": runs * quads})
        parts.append({"wide_rest": runs * (rest > 0)})
        share = _border_share(g) * slow
        parts.append({name: share * n for name, n in line_up_work(g, vectors=False).items()})
    return sum_work(parts)


def _border_share(g: Geometry) -> float:
    """Work of lining up is counted for a row; so much of it is that of one slow pixel."""
    return 0.0 if runs_inside(g) else 1.0 / g.out_columns


def _tiles_inside(g: Geometry, tiles: WideTiles) -> tuple[dict[int, int], int, int]:
    """(tiles gathered at once by their pixels, pixels gathered one by one, times row pointers are made)."""
    fast: dict[int, int] = {}
    slow, rows, c = 0, 0, 0
    reach = (g.width - 1) * g.dilation
    for _, count, pixels in tiles.segments:
        for _ in range(count):
            if c == g.out_columns:
                c, rows = 0, rows + 1
            column = c * g.stride - g.pad_left
            inside = column >= 0 and column + (pixels - 1) * g.stride + reach < g.columns
            whole = c + pixels <= g.out_columns
            if inside and whole and takes_runs(g):
                fast[pixels] = fast.get(pixels, 0) + 1
            else:
                slow += pixels
            rows += (c + pixels - 1) // g.out_columns
            c = (c + pixels - 1) % g.out_columns + 1
    return fast, slow, rows + 1 if tiles.whole else 0


def sum_work(parts: Iterable[Work]) -> Work:
    """All of it together."""
    total: Work = {}
    for part in parts:
        for name, count in part.items():
            total[name] = total.get(name, 0) + count
    return total
