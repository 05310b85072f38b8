"""Where each element of an ONNX tensor lies in its program value: index arrays.

`index` has the tensor's ONNX shape; each entry is the element's flat offset in the value (HWC,
row-major), so it is always a permutation of 0 .. elements - 1. Transpose, Reshape and their kin only
rearrange the index; data moves when an operator needs another order than the one that is there.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import combinations_with_replacement
from math import prod

import numpy as np
import numpy.typing as npt

from edgewright.converter.lower.problem import Refused
from edgewright.converter.program import Shape

Index = npt.NDArray[np.int32]
Axes = tuple[int, ...]
# Positions [0:i], [i:j], [j:] of a tensor's dimensions become rows, columns and channels.
Cuts = tuple[int, int]

# Largest tensor taken: 16 Mi elements are beyond any device here, and bound the memory used below.
MAX_ELEMENTS = 1 << 24


def check_size(shape: Sequence[int], what: str) -> None:
    """Refuse empty and oversized tensors before anything is allocated for them."""
    if any(n < 1 for n in shape):
        raise Refused(f"{what} has the shape {tuple(shape)}: no elements", code="EW-MODEL-SHAPE")
    if prod(shape) > MAX_ELEMENTS:
        raise Refused(
            f"{what} of shape {tuple(shape)} has {prod(shape):,} elements, more than {MAX_ELEMENTS:,}",
            code="EW-MODEL-SIZE",
        )


def identity_index(shape: Sequence[int]) -> Index:
    """Index of a tensor stored in its own order."""
    return np.arange(prod(shape), dtype=np.int32).reshape(tuple(shape))


def channels_last(rank: int) -> Axes:
    """Axes from (N, C, spatial...) to (N, spatial..., C)."""
    return (0, *range(2, rank), 1)


def stored_index(shape: Sequence[int], axes: Axes) -> Index:
    """Index of a tensor of `shape` whose elements are stored in the order of `axes`."""
    permuted = tuple(shape[a] for a in axes)
    return identity_index(permuted).transpose(tuple(int(i) for i in np.argsort(axes)))


def is_stored_as(index: Index, axes: Axes) -> bool:
    """Whether the tensor's elements lie in the order of `axes`."""
    return bool(np.array_equal(index.transpose(axes).ravel(), np.arange(index.size)))


def axes_of(index: Index) -> Axes | None:
    """The permutation of the tensor's axes in which it is stored, or None where there is none.

    Axes of one element fit anywhere; the identity and channels-last are preferred.
    """
    rank = index.ndim
    candidates: list[Axes] = [tuple(range(rank))]
    if rank >= 3:
        candidates.append(channels_last(rank))
    first = tuple(0 for _ in index.shape)

    def stride(axis: int) -> int:
        if index.shape[axis] == 1:
            return index.size
        return int(index[(*first[:axis], 1, *first[axis + 1 :])]) - int(index[first])

    candidates.append(tuple(sorted(range(rank), key=lambda a: -stride(a))))
    return next((axes for axes in candidates if is_stored_as(index, axes)), None)


def factor_transpose(order: npt.NDArray[np.int32]) -> tuple[tuple[int, ...], Axes] | None:
    """(view, axes) so that `arange(n).reshape(view).transpose(axes).ravel()` is `order`, or None.

    The innermost dimension of the result is the longest run of equal steps; the same again on every
    run's first element gives the next one.
    """
    dims: list[tuple[int, int]] = []  # (stride, size), innermost first
    rest = order
    while rest.size > 1:
        steps = np.diff(rest)
        breaks = np.flatnonzero(steps != steps[0])
        size = int(breaks[0]) + 1 if breaks.size else int(rest.size)
        if rest.size % size or steps[0] <= 0:
            return None
        dims.append((int(steps[0]), size))
        rest = rest[::size]
    dims.reverse()
    by_stride = sorted(range(len(dims)), key=lambda i: -dims[i][0])
    view = tuple(dims[i][1] for i in by_stride)
    axes = tuple(by_stride.index(i) for i in range(len(dims)))
    if prod(view) != order.size:
        return None
    rebuilt = np.arange(order.size).reshape(view).transpose(axes).ravel()
    return (view, axes) if np.array_equal(rebuilt, order) else None


def cut_shape(sizes: Sequence[int], cuts: Cuts) -> Shape:
    """Rows, columns and channels of dimensions cut into three runs."""
    i, j = cuts
    return prod(sizes[:i]), prod(sizes[i:j]), prod(sizes[j:])


def cut(
    sizes: Sequence[int], keys: Sequence[Hashable], kept: Sequence[int], prefer: Shape | None
) -> Cuts | None:
    """Cut stored dimensions into rows, columns and channels without mixing what must stay apart.

    Args:
        sizes: Dimensions in storage order.
        keys: Dimensions merge only with others of the same key; those of one element with any.
        kept: Positions that must not be merged with another dimension of more than one element.
        prefer: The shape wanted if it is possible.

    Returns:
        The cuts, or None where three dimensions do not suffice.
    """

    def fits(run: range) -> bool:
        real = [p for p in run if sizes[p] > 1 or p in kept]
        return len({keys[p] for p in real}) <= 1 and (len(real) <= 1 or not set(real) & set(kept))

    possible = [
        (i, j)
        for i, j in combinations_with_replacement(range(len(sizes) + 1), 2)
        if fits(range(i)) and fits(range(i, j)) and fits(range(j, len(sizes)))
    ]

    def cost(cuts: Cuts) -> tuple[bool, int, Shape]:
        shape = cut_shape(sizes, cuts)
        return shape != prefer, sum(n == 1 for n in shape), shape

    return min(possible, key=cost, default=None)
