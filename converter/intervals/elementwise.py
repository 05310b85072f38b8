"""Reach of tables, sums and products of elements, and of means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgewright.converter.intervals.reach import RANGES, Reach, stays_int32

if TYPE_CHECKING:
    from edgewright.converter.ops.binary import Add, Mul
    from edgewright.converter.ops.lookup import Lookup
    from edgewright.converter.ops.mean import Mean


def lookup_reach(op: Lookup, x: Reach) -> Reach:
    """Smallest and largest entry between two places of the table."""
    lowest = RANGES[op.input_dtype][0]
    places = np.arange(256)
    behind = places[None, :] >= places[:, None]
    table = op.table.astype(np.int16)
    least = np.minimum.accumulate(np.where(behind, table, np.iinfo(np.int16).max), axis=1)
    most = np.maximum.accumulate(np.where(behind, table, np.iinfo(np.int16).min), axis=1)
    first, last = (part.astype(np.intp) - lowest for part in (x.low, x.high))
    return Reach(least[first, last], most[first, last])


def add_reach(op: Add, a: Reach, b: Reach) -> Reach | None:
    """A sum rises with both inputs, a difference falls with the second."""
    limit = 2 * 255 << op.left_shift
    if max(op.shifts) > 0 or not stays_int32(limit, op.output_shift):
        return None
    low, high = (b.low, b.high) if op.sign > 0 else (b.high, b.low)
    return Reach.of(op.golden(a.low, low), op.golden(a.high, high))


def mul_reach(op: Mul, a: Reach, b: Reach) -> Reach | None:
    """A product is smallest and largest at corners of the two intervals."""
    if not stays_int32(255 * 255, op.output_shift):
        return None
    corners = [op.golden(p, q) for p in (a.low, a.high) for q in (b.low, b.high)]
    return Reach.of(np.minimum.reduce(corners), np.maximum.reduce(corners))


def mean_reach(op: Mean, x: Reach) -> Reach | None:
    """Rises with every element."""
    count = int(np.prod([x.low.shape[a] for a in op.axes]))
    if not stays_int32(255 * count, op.shift):
        return None
    return Reach.of(op.golden(x.low), op.golden(x.high))
