"""Bytes of the functions that wide convolution kernels use, as measured in object files for Cortex-M4.

The planner counts a function once, however many layers call it; so every function has a name and a size.
"""

from __future__ import annotations

from collections.abc import Mapping

from edgewright.targets.codegen.kernels.dot_wide_tiles import WideTiles, tile_name
from edgewright.targets.codegen.kernels.folded_requantization import FoldedEpilogue
from edgewright.targets.codegen.kernels.geometry import Geometry

# Functions of `ew_wide_layer_dsp.h` and `ew_wide_gather.h`. Those with two sizes have a form _twice.
DRIVER = {"ew_wide_begin": 90, "ew_wide_next": 346, "ew_wide_window": 118}
GATHER, RUN, FEW, BORDER, LINE_UP, LAST = (210, 250), (120, 142), 118, 228, 176, 64
EXPAND = {"ew_wide_expand": 116, "ew_wide_expand_words": 194}
EXPAND_LAYER = {"ew_wide_expand_layer": 54, **EXPAND}

# Of a tile function, by its pixels: a step of the loop over k with int16 weights, a word of which has two
# with int8 weights; on dual-issue cores, where loads of several registers are short.
STEP = {4: 48, 3: 40, 2: 28, 1: 18}
DUAL_STEP = {4: 38, 3: 30, 2: 20, 1: 14}
WIDEN, DUAL_WIDEN = 14, 18
# Beside the steps: once, for a pixel, for each of its two outputs by the form of requantization.
TILE, PIXEL, OUTPUT = 44, 8, {"step": 8, "relu": 12, "once": 12, "linear": 16}
CLAMP_ONCE, CLAMP_OUTPUT = 4, 12
# A loop over k; entered anywhere, with any distance of pixels in the output.
LOOP, SHARED, SHARED_PIXEL = 10, 30, 6
# A step that reads an image, at distances that are mostly too far for short instructions.
IMAGE_STEP = {4: 50, 3: 39, 2: 27, 1: 16}
DUAL_IMAGE_STEP = {4: 46, 3: 35, 2: 23, 1: 12}
# The function that is a kernel's own: of rows, of a whole image; what a further size of tiles, an odd number
# of channels and expanded weights add.
IMAGE_ROWS, IMAGE_WHOLE, IMAGE_SIZE, IMAGE_ODD, IMAGE_EXPAND = 90, 130, 50, 44, 22


def wrapper_bytes(g: Geometry, tiles: WideTiles) -> int:
    """Of the function that is a kernel's own."""
    sizes = len(tiles.segments)
    singly = (6 if sizes == 1 else 16) * tiles.singly(g)
    return 58 + 20 * (sizes - 1) + singly + 6 * tiles.expand + 12 * sizes * (tiles.outputs % 2)


def wide_code(g: Geometry, tiles: WideTiles) -> dict[str, int]:
    """Functions of a kernel that gathers, and their bytes."""
    sizes = [pixels for _, _, pixels in tiles.segments]
    twice = "_twice" * tiles.twice
    code = DRIVER | {tile_name(tiles, pixels): _tile_bytes(tiles, pixels) for pixels in sizes}
    run = {f"ew_wide_run{twice}": RUN[tiles.twice]}
    if 4 in sizes:
        code |= {f"ew_wide_gather{twice}": GATHER[tiles.twice]}
    if set(sizes) - {4}:
        code |= {f"ew_wide_few{twice}": FEW} | run
    if tiles.singly(g):
        code |= {f"ew_wide_border{twice}": BORDER, "ew_wide_line_up": LINE_UP} | run
    if tiles.outputs % 2:
        code |= {"ew_wide_last": LAST}
    return code | (EXPAND_LAYER if tiles.expand else {})


def _tile_bytes(tiles: WideTiles, pixels: int) -> int:
    u = tiles.unrolling(pixels)
    repeats = 1 + tiles.shared_turn(pixels) if tiles.shared else u.repeats
    loop = SHARED + SHARED_PIXEL * pixels if tiles.shared else LOOP * (u.turn > 0)
    beside = tile_bytes(pixels, tiles.form, full=tiles.full, dual_issue=tiles.dual_issue)
    return beside + loop + repeats * repeat_bytes(pixels, tiles.weights, dual_issue=tiles.dual_issue)


def tile_bytes(pixels: int, form: str, *, full: bool, dual_issue: bool) -> int:
    """Of a tile function without its steps.

    Args:
        pixels: Of a tile.
        form: Requantization.
        full: Whether the clamp is that of int8.
        dual_issue: Of the core.
    """
    clamp = 0 if full else CLAMP_ONCE + 2 * pixels * CLAMP_OUTPUT
    return TILE + pixels * (PIXEL + 2 * OUTPUT[form]) + clamp - 12 * dual_issue


def repeat_bytes(pixels: int, weights: str, *, dual_issue: bool, image: bool = False) -> int:
    """Of a repeat: one step with int16 weights ("w16"), two with int8 ones ("w8")."""
    if image:
        step = (DUAL_IMAGE_STEP if dual_issue else IMAGE_STEP)[pixels]
    else:
        step = (DUAL_STEP if dual_issue else STEP)[pixels]
    return step if weights == "w16" else 2 * step + (DUAL_WIDEN if dual_issue else WIDEN)


def image_code(tiles: Mapping[str, int], place: str) -> dict[str, int]:
    """Functions of a kernel that reads an image.

    Args:
        tiles: Tile functions and their bytes.
        place: Of the weights.
    """
    row = {"ew_wide_image_row_twice": 140} if place == "loop" else {"ew_wide_image_row": 115}
    return dict(tiles) | row | (EXPAND if place == "ram" else {})


def image_wrapper_bytes(sizes: int, place: str, *, whole: bool, odd: bool) -> int:
    """Of the function that is the own one of a kernel that reads an image.

    Args:
        sizes: Of tiles.
        place: Of the weights.
        whole: Whether it takes the whole tensor.
        odd: Whether the number of channels is odd.
    """
    begin = (IMAGE_WHOLE if whole else IMAGE_ROWS) + IMAGE_EXPAND * (place == "ram")
    return begin + IMAGE_SIZE * (sizes - 1) + IMAGE_ODD * sizes * odd


def image_tile_bytes(call: FoldedEpilogue, pixels: int, place: str, steps: int, *, dual_issue: bool) -> int:
    """Of a tile function that reads an image; its steps are unrolled whole."""
    weights, repeats = ("w8", steps // 2) if place == "loop" else ("w16", steps)
    repeat = repeat_bytes(pixels, weights, dual_issue=dual_issue, image=True)
    return tile_bytes(pixels, call.form, full=call.full, dual_issue=dual_issue) + repeats * repeat
