"""How often a wide convolution kernel does each thing that has a cost.

What two channels of a tile take is a sum: once (`wide_pair_<pixels>`), for each step of two k, for each
output of its requantization, for each turn of a loop. Gathering is counted by tile, run and quad.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from edgewright.targets.codegen.kernels.dot_wide_tiles import WideTiles, takes_runs
from edgewright.targets.codegen.kernels.geometry import Geometry
from edgewright.targets.codegen.kernels.work import Work


def wide_work(g: Geometry, tiles: WideTiles) -> Work:
    """One call of a kernel that gathers."""
    parts: list[Work] = [{"wide": 1}, _gather_work(g, tiles)]
    kind = "wide_shared" if tiles.shared else "wide"
    for _, count, pixels in tiles.segments:
        calls = count * g.groups
        turns = tiles.unrolling(pixels).turns
        if tiles.shared:
            turns = max(1, -(-(tiles.repeats - 1) // tiles.shared_turn(pixels)))
        pairs, odd = calls * tiles.pairs, tiles.outputs % 2
        parts.append(tile_work(kind, pixels, tiles.form, tiles.full, pairs))
        step = f"wide_{pixels}_{tiles.weights}_step"
        parts.append({step: pairs * tiles.steps, "wide_turn": pairs * turns, "wide_last": calls * odd})
        parts.append({f"{kind}_tile": calls * (1 + odd)})
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


@dataclass
class _Walk:
    """What `ew_wide_next` comes by.

    Args:
        stretches: Of tiles at equal distances.
        windows: Output rows that begin.
        tiles: Gathered at once, by their pixels.
        singles: Pixels gathered one by one, by their first input column.
    """

    stretches: int = 0
    windows: int = 1
    tiles: dict[int, int] = field(default_factory=dict)
    singles: Counter[int] = field(default_factory=Counter)


def _gather_work(g: Geometry, tiles: WideTiles) -> Work:
    """Gathering the receptive fields of all tiles of a call."""
    walk = _walk(g, tiles)
    quads, rest = divmod(g.width * g.group_channels, 4)
    twice = "_twice" * tiles.twice
    fours = walk.tiles.get(4, 0)
    few = sum(count for pixels, count in walk.tiles.items() if pixels != 4)
    singles = walk.singles.total()
    runs = g.height * (singles + sum(n * count for n, count in walk.tiles.items() if n != 4))
    many = {f"wide_quads{twice}": quads, "wide_runs": 1, "wide_rest_four": int(rest > 0)}
    work: Work = {name: fours * g.height * count for name, count in many.items()}
    work |= {f"wide_quad{twice}": runs * quads, "wide_run": runs, "wide_rest": runs * (rest > 0)}
    work |= {"wide_few": few, "wide_single": singles, "wide_next": walk.stretches}
    work["wide_row"] = walk.windows * g.height if tiles.whole else 0
    parts = [work, *(_line_up_work(g, column, count) for column, count in walk.singles.items())]
    return {name: g.groups * count for name, count in sum_work(parts).items()}


def _line_up_work(g: Geometry, column: int, count: int) -> Work:
    """Receptive fields that begin at an input column and are lined up, if they are not consecutive."""
    columns = [column + kx * g.dilation for kx in range(g.width)]
    if takes_runs(g) and columns[0] >= 0 and columns[-1] < g.columns:
        return {}
    inside = sum(0 <= c < g.columns for c in columns)
    words, rest = divmod(g.group_channels, 4)
    row = {
        "wide_line": 1,
        "wide_line_column": g.width,
        "wide_line_word": inside * words,
        "wide_line_byte": inside * rest + (g.width - inside) * g.group_channels,
    }
    return {name: g.height * count * each for name, each in row.items()}


def _walk(g: Geometry, tiles: WideTiles) -> _Walk:
    found, c = _Walk(), 0
    for _, left, n in tiles.segments:
        while left:
            if c == g.out_columns:
                c, found.windows = 0, found.windows + 1
            count = min(left, _tiles_inside(g, c, n))
            if count:
                found.tiles[n] = found.tiles.get(n, 0) + count
                c += n * count
            else:
                count = 1
                for _ in range(n):
                    if c == g.out_columns:
                        c, found.windows = 0, found.windows + 1
                    found.singles[c * g.stride - g.pad_left] += 1
                    c += 1
            left -= count
            found.stretches += 1
    return found


def _tiles_inside(g: Geometry, c: int, n: int) -> int:
    """How many tiles of n pixels, all inside the tensor and in one row, begin at an output column."""
    column = c * g.stride - g.pad_left
    free = g.columns - 1 - (g.width - 1) * g.dilation - column
    if not takes_runs(g) or column < 0 or free < 0:
        return 0
    return min(free // g.stride + 1, g.out_columns - c) // n


def sum_work(parts: Iterable[Work]) -> Work:
    """All of it together."""
    total: Work = {}
    for part in parts:
        for name, count in part.items():
            total[name] = total.get(name, 0) + count
    return total
