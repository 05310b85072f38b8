"""How a wide convolution kernel computes: its tiles of pixels, and their assembler functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgewright.targets.codegen.kernels.dot_wide_layout import (
    RARE_SHARE,
    SHARED_STEPS,
    SHARED_STEPS_FEWER,
    Unrolling,
    unrolling,
)
from edgewright.targets.codegen.kernels.geometry import Geometry

# Bytes in front of a lined up receptive field (EW_WIDE_LEAD).
LEAD_BYTES = 4


@dataclass(frozen=True)
class WholeRows:
    """Where a kernel that takes the whole tensor finds the rows of a window.

    Args:
        rows: Of the input.
        row_bytes: Of each.
        stride, dilation, pad_top: Vertical.
    """

    rows: int
    row_bytes: int
    stride: int
    dilation: int
    pad_top: int


@dataclass(frozen=True)
class WideTiles:
    """How a kernel computes.

    Args:
        segments: (first pixel, number of tiles, pixels a tile), of an output row or of the whole tensor.
        outputs: Output channels of a group, at least 2.
        steps: Of two k, of the weights that tiles read.
        weights: "w16" or "w8" (`ew_wide_dsp.h`).
        expand: The weights are stored as int8 and expanded to int16 in scratch.
        form: Requantization.
        low, high: Clamp.
        dual_issue: Of the core.
        shared: The tile functions are those for all depths.
        whole: Set where the kernel takes the whole tensor, and tiles go on from row to row.
    """

    segments: Sequence[tuple[int, int, int]]
    outputs: int
    steps: int
    weights: str
    expand: bool
    form: str
    shift: int
    stride: int
    low: int
    high: int
    dual_issue: bool
    shared: bool
    whole: WholeRows | None

    @property
    def pairs(self) -> int:
        """Pairs of channels of a group."""
        return -(-self.outputs // 2)

    @property
    def full(self) -> bool:
        """Whether the clamp is that of int8."""
        return (self.low, self.high) == (-128, 127)

    @property
    def twice(self) -> int:
        return int(self.weights == "w8")

    @property
    def block(self) -> int:
        """Words of the stream of two channels that tiles read."""
        return 2 + self.behind + self.steps * (2 if self.weights == "w16" else 1)

    @property
    def behind(self) -> int:
        """Words of a stream behind the weights."""
        return 4 if self.form == "step" else 6

    @property
    def pixels(self) -> int:
        return sum(count * pixels for _, count, pixels in self.segments)

    @property
    def each(self) -> int:
        """Steps of a repeat."""
        return 1 if self.weights == "w16" else 2

    @property
    def repeats(self) -> int:
        return self.steps // self.each

    def shared_turn(self, pixels: int) -> int:
        """Repeats of a turn of the shared loop."""
        return (SHARED_STEPS if pixels == 4 else SHARED_STEPS_FEWER) // self.each

    def unrolling(self, pixels: int) -> Unrolling:
        """Of tiles of so many pixels."""
        share = sum(c * p for _, c, p in self.segments if p == pixels) / self.pixels
        return unrolling(self.repeats, self.each, rare=share < RARE_SHARE)

    @property
    def x_bytes(self) -> int:
        """Scratch bytes of the receptive fields of a tile."""
        return 4 * self.steps * max(pixels for _, _, pixels in self.segments)

    def line_bytes(self, g: Geometry) -> int:
        """Scratch bytes behind them: a kernel row of a receptive field that is lined up as int8 first."""
        if runs_inside(g):
            return 0
        return -(-(LEAD_BYTES + g.width * g.group_channels) // 4) * 4

    def row_bytes(self, g: Geometry) -> int:
        """Scratch bytes behind that: pointers to the rows of a window."""
        return 4 * g.height if self.whole else 0

    def singly(self, g: Geometry) -> bool:
        """Whether the pixels of some tiles are gathered one by one: beside padding, or in several rows."""
        crossing = self.pixels > g.out_columns and g.out_columns % self.segments[0][2] != 0
        return crossing or not runs_inside(g)

    def scratch_bytes(self, g: Geometry) -> int:
        """All of it, with weights as int16 at the end."""
        wide = 4 * self.block * self.pairs * g.groups if self.expand else 0
        return self.x_bytes + self.line_bytes(g) + self.row_bytes(g) + wide


def runs_inside(g: Geometry) -> bool:
    """Whether no receptive field touches padding or needs to be lined up."""
    last = (g.out_columns - 1) * g.stride - g.pad_left + (g.width - 1) * g.dilation
    return takes_runs(g) and g.pad_left == 0 and last < g.columns


def takes_runs(g: Geometry) -> bool:
    """Whether a kernel row of a receptive field is consecutive, and long enough to be read as one run."""
    consecutive = g.width == 1 or (g.dilation == 1 and g.groups == 1)
    return consecutive and g.width * g.group_channels >= 4


def tile_name(tiles: WideTiles, pixels: int) -> str:
    """Name of a tile function: all that its text depends on."""
    clamp = "" if tiles.full else "_narrow"
    form = f"{tiles.weights}_{tiles.form}{tiles.shift or ''}{clamp}"
    if tiles.shared:
        return f"ew_wide_any_2x{pixels}_{form}"
    u = tiles.unrolling(pixels)
    return f"ew_wide_2x{pixels}_{form}_{tiles.steps}_{u.straight}_{u.turn}_{tiles.stride}"


def tile_function(tiles: WideTiles, pixels: int) -> str:
    """A tile function; kernels share those of one depth, or one for all depths."""
    name, u = tile_name(tiles, pixels), tiles.unrolling(pixels)
    clamp = "full" if tiles.full else "narrow"
    core = "dual" if tiles.dual_issue else "single"
    kind = f"{name}, {pixels}, {tiles.weights}, {tiles.form}, {clamp}, {core}, {tiles.shift}"
    if tiles.shared:
        made = f"EW_WIDE_SHARED({kind}, {tiles.shared_turn(pixels).bit_length() - 1})"
    elif u.turn:
        made = f"EW_WIDE_LOOP({kind}, {tiles.stride}, {u.straight}, {u.turn})"
    else:
        made = f"EW_WIDE_STRAIGHT({kind}, {tiles.stride}, {u.straight})"
    return f"#ifndef {name.upper()}\n#define {name.upper()}\n{made}\n#endif\n"
