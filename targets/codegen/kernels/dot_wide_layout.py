"""Constants and pixel tiles of the wide convolution kernels (`ew_wide_dsp.h`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgewright.targets.codegen.kernels.folded_requantization import FoldedEpilogue

# A tile's loop over k is unrolled whole up to so many steps, and into turns of at most so many.
STRAIGHT_STEPS = 32
TURN_STEPS = 24
# Steps of a turn of the loop that layers of all depths share, of tiles of four pixels and of fewer; powers
# of two.
SHARED_STEPS, SHARED_STEPS_FEWER = 16, 8
# Tiles that take few of a layer's pixels are unrolled less.
RARE_TURN_STEPS = 8
RARE_SHARE = 0.25


def wide_segments(pixels: int, threes: bool = False) -> list[tuple[int, int, int]]:
    """Tiles of four pixels, and of fewer for the rest: (first pixel, number of tiles, pixels a tile).

    A step of two k takes 16, 13, 10 or 7 cycles for four to one pixels: two tiles of four and one of one are
    as good as three of three. Counted in instructions (11, 8, 6, 4), or where the words of a tile are read
    from an image (16, 12, 9, 6), `threes` are better.

    >>> wide_segments(125)
    [(0, 31, 4), (124, 1, 1)]
    >>> wide_segments(125, threes=True)
    [(0, 29, 4), (116, 3, 3)]
    """
    count = -pixels % 4 if threes else int(pixels % 4 == 3)
    if 3 * count > pixels:
        count = int(pixels in (3, 5))
    fours, rest = divmod(pixels - 3 * count, 4)
    found = [(0, fours, 4), (4 * fours, count, 3), (4 * fours + 3 * count, int(rest > 0), rest)]
    return [segment for segment in found if segment[1]]


def run_pairs(length: int) -> list[tuple[int, int]]:
    """Elements of a run that share a word, in the order of `ew_wide_runs`; -1: one whose weight is 0.

    >>> run_pairs(6)
    [(0, 2), (1, 3), (4, 5)]
    >>> run_pairs(5)
    [(0, 2), (1, 3), (-1, 4)]
    """
    quads = [(q + i, q + i + 2) for q in range(0, length - length % 4, 4) for i in (0, 1)]
    n = length
    rest: tuple[list[tuple[int, int]], ...] = (
        [],
        [(-1, n - 1)],
        [(n - 2, n - 1)],
        [(-1, n - 2), (n - 3, n - 1)],
    )
    return quads + rest[n % 4]


def image_pairs(length: int) -> list[tuple[int, int]]:
    """The same in an image, where neighbours share a word.

    >>> image_pairs(3)
    [(0, 1), (2, -1)]
    """
    return [(i, i + 1 if i + 1 < length else -1) for i in range(0, length, 2)]


def step_weights(
    weights: npt.NDArray[np.int8], order: Callable[[int], list[tuple[int, int]]] = run_pairs
) -> npt.NDArray[np.int8]:
    """int8 [O, kh, kw, C] -> [O, steps, 2]: the weights of every step, a run for each kernel row."""
    outputs, height, width, channels = weights.shape
    pairs = np.array(order(width * channels), np.int64)
    rows = weights.reshape(outputs, height, width * channels)
    padded = np.concatenate([rows, np.zeros((outputs, height, 1), np.int8)], axis=2)
    return np.ascontiguousarray(padded[:, :, pairs].reshape(outputs, -1, 2))


def even_steps(steps: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """[O, steps, 2] with an even number of steps; one more has zeros."""
    return np.pad(steps, ((0, 0), (0, steps.shape[1] % 2), (0, 0)))


def channel_pairs(outputs: int, groups: int) -> npt.NDArray[np.int64]:
    """Output channels of every pair [groups * pairs, 2]; an odd last one comes with its neighbour again."""
    pairs = [(o, o + 1) for o in range(0, outputs - 1, 2)] + [(outputs - 2, outputs - 1)] * (outputs % 2)
    return np.concatenate([np.array(pairs, np.int64) + g * outputs for g in range(groups)])


def wide_stream(
    steps: npt.NDArray[np.int8], call: FoldedEpilogue, pairs: npt.NDArray[np.int64], *, expanded: bool
) -> npt.NDArray[np.int32]:
    """Streams of all channel pairs: int32 [pairs, biases, weights, constants].

    Args:
        steps: int8 [O, steps, 2]; an even number of steps where not `expanded`.
        call: Requantization.
        pairs: Channels of each pair.
        expanded: Weights as int16, doubled; else as int8, two steps a word.
    """
    if expanded:
        words = np.ascontiguousarray(2 * steps.astype(np.int16)).view(np.int32)[..., 0]
    else:
        two = steps.reshape(len(steps), -1, 2, 2)
        bytes_ = np.ascontiguousarray(two.transpose(0, 1, 3, 2)).reshape(*two.shape[:2], 4)
        words = bytes_.view(np.int32)[..., 0]
    both = words[pairs].transpose(0, 2, 1).reshape(len(pairs), -1)
    constants = [call.multiplier, call.addend, *([] if call.form == "step" else [call.shift])]
    behind = np.stack(constants, axis=1)[pairs].reshape(len(pairs), -1)
    return np.ascontiguousarray(np.concatenate([call.bias[pairs], both, behind], axis=1))


@dataclass(frozen=True)
class Unrolling:
    """How the loop over k of a tile is unrolled, in repeats (one step with int16 weights, two with int8).

    Args:
        straight: Repeats behind the first one, before the loop.
        turn: Repeats of a turn of the loop; 0 without one.
        turns: How often it is taken.
    """

    straight: int
    turn: int
    turns: int

    @property
    def repeats(self) -> int:
        return 1 + self.straight + self.turn


def unrolling(repeats: int, steps_each: int, *, rare: bool) -> Unrolling:
    """The fewest turns within the code limits, then the least code.

    Args:
        repeats: All of a depth.
        steps_each: Steps of a repeat.
        rare: Whether few tiles use it.
    """
    rest = repeats - 1
    most = (RARE_TURN_STEPS if rare else TURN_STEPS) // steps_each
    if rest <= (most if rare else STRAIGHT_STEPS // steps_each):
        return Unrolling(rest, 0, 0)
    best = min(range(1, most + 1), key=lambda turn: (rest // turn + (rest % turn + turn) / 12, turn))
    return Unrolling(rest % best, best, rest // best)


def shared_skip(repeats: int, turn: int) -> int:
    """Repeats of the first turn of a shared loop that are left out, so that those of a depth are taken.

    >>> [shared_skip(r, 4) for r in (1, 2, 5, 6)]
    [4, 3, 0, 3]
    """
    return turn - ((repeats - 2) % turn + 1 if repeats > 1 else 0)
