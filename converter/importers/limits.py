"""Bounds on what a model file may claim, checked before anything is allocated for it.

They are far above any model for an edge device, and low enough that a hostile file cannot
exhaust the machine.
"""

from __future__ import annotations

from collections.abc import Sequence

from edgewright.errors import ModelError

MAX_FILE_BYTES = 512 << 20
"""Largest model file, and largest sum of its external data."""

MAX_ELEMENTS = 1 << 26
"""Most elements of one tensor."""

MAX_RANK = 8
MAX_NODES = 20_000
"""Most nodes of a graph; importing them takes seconds."""


def checked_elements(dims: Sequence[int], what: str) -> int:
    """Number of elements of a tensor of shape `dims`, refused when out of bounds.

    Args:
        dims: Claimed dimensions; Python integers, so the product cannot overflow.
        what: The tensor, for the message.

    Raises:
        ModelError: EW-MODEL-SIZE.
    """
    if len(dims) > MAX_RANK:
        raise ModelError("EW-MODEL-SIZE", f"{what} has {len(dims)} dimensions, more than {MAX_RANK}")
    elements = 1
    for dim in dims:
        if not 0 <= dim <= MAX_ELEMENTS:
            raise ModelError("EW-MODEL-SIZE", f"{what} has a dimension of {dim} (of 0 to {MAX_ELEMENTS:,})")
        elements *= dim
    if elements > MAX_ELEMENTS:
        shape = "x".join(str(d) for d in dims)
        raise ModelError("EW-MODEL-SIZE", f"{what} has {shape} elements, more than {MAX_ELEMENTS:,}")
    return elements
