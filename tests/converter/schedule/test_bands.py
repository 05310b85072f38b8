"""Placement: never overlapping, never below its bound, and as small as brute force on tiny instances."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from edgewright.converter.schedule.band import Band
from edgewright.converter.schedule.placement import FREE, Together, place


def random_bands(rng, count, units, steps=1):
    """Steps of bands over events, of buffers of 4 to `units` * 4 bytes: (sizes, [(members, bands)])."""
    sizes = [4 * int(n) for n in rng.integers(1, units + 1, count)]
    found = []
    for _ in range(steps):
        events = int(rng.integers(1, 5))
        members = sorted(rng.permutation(count)[: int(rng.integers(1, count + 1))].tolist())
        bands = []
        for m in members:
            used = rng.random(events) < 0.8
            lower = upper = None
            if rng.random() < 0.4:
                lower = np.sort(rng.integers(0, sizes[m], events))
            elif rng.random() < 0.4:
                upper = np.sort(rng.integers(1, sizes[m] + 1, events))
            bands.append(Band(f"b{m}", "tensor", sizes[m], used, lower, upper))
        found.append((members, bands))
    return sizes, found


def together_of(sizes, steps):
    together = Together(sizes)
    for members, bands in steps:
        together.add(members, bands)
    return together


def overlaps(offsets, steps):
    """Pairs of buffers with a byte in use by both at the same event."""
    for members, bands in steps:
        for event in range(len(bands[0].used)):
            spans = []
            for m, b in zip(members, bands, strict=True):
                low = offsets[m] + (0 if b.lower is None else int(b.lower[event]))
                high = offsets[m] + (b.size_bytes if b.upper is None else int(b.upper[event]))
                if b.used[event] and low < high:
                    spans.append((low, high, m))
            spans.sort()
            for (_, high, a), (low, _, b) in itertools.pairwise(spans):
                if low < high:
                    yield event, a, b


def smallest_height(sizes, steps):
    """Of all offsets in units of 4 bytes, where one buffer of each pair stays above the other."""
    count = len(sizes)
    far = np.full((count, count), FREE, np.int64)
    for members, bands in steps:
        for (i, a), (j, b) in itertools.permutations(zip(members, bands, strict=True), 2):
            for event in range(len(a.used)):
                if a.used[event] and b.used[event]:
                    low = 0 if a.lower is None else int(a.lower[event])
                    high = b.size_bytes if b.upper is None else int(b.upper[event])
                    far[i, j] = max(far[i, j], high - low)
    best = sum(sizes)

    def extend(offsets):
        nonlocal best
        i = len(offsets)
        if i == count:
            best = max(o + s for o, s in zip(offsets, sizes, strict=True))
            return
        for at in range(0, best - sizes[i], 4):
            fits = all(
                far[i, j] == far[j, i] == FREE or at - o >= far[i, j] or o - at >= far[j, i]
                for j, o in enumerate(offsets)
            )
            if fits and max([at + sizes[i], *(o + s for o, s in zip(offsets, sizes, strict=False))]) < best:
                extend([*offsets, at])

    extend([])
    return best


@pytest.mark.parametrize("seed", range(60))
def test_as_small_as_brute_force(seed):
    rng = np.random.default_rng([5, seed])
    sizes, steps = random_bands(rng, int(rng.integers(1, 5)), 4, steps=int(rng.integers(1, 3)))
    together = together_of(sizes, steps)
    placed, smallest = place(together, 4, solver_s=5.0), smallest_height(sizes, steps)
    assert placed.bound_bytes <= smallest == placed.height_bytes
    assert not list(overlaps(placed.offsets, steps))
    # What is proven without the solver is true, too.
    greedy = place(together, 4)
    assert greedy.bound_bytes <= smallest <= greedy.height_bytes


@pytest.mark.parametrize("seed", range(100))
@pytest.mark.parametrize("alignment", [4, 16])
def test_never_overlapping(seed, alignment):
    rng = np.random.default_rng([6, seed])
    sizes, steps = random_bands(rng, int(rng.integers(2, 25)), 40, steps=int(rng.integers(1, 12)))
    placed = place(together_of(sizes, steps), alignment)
    assert not list(overlaps(placed.offsets, steps))
    assert all(o >= 0 and o % alignment == 0 for o in placed.offsets)
    assert max(o + s for o, s in zip(placed.offsets, sizes, strict=True)) == placed.height_bytes
    together = [sum(b.weight() for b in bands) for _, bands in steps]
    assert max(int(t.max()) for t in together) <= placed.bound_bytes <= placed.height_bytes


def whole(name, size):
    return Band(name, "tensor", size, np.ones(1, bool))


def test_a_lead_replaces_what_bands_say():
    together = Together([400, 400])
    together.add([0, 1], [whole("x", 400), whole("y", 400)], {(0, 1): 64}, shared_bytes=336)
    placed = place(together, 4)
    assert placed.height_bytes == placed.bound_bytes == 464
    assert placed.offsets[0] - placed.offsets[1] == 64


def test_a_step_without_the_lead_keeps_them_apart():
    together = Together([400, 400])
    bands = [whole("x", 400), whole("y", 400)]
    together.add([0, 1], bands, {(0, 1): 64}, shared_bytes=336)
    together.add([0, 1], bands)
    assert place(together, 4).height_bytes == 800


def test_rows_that_die_make_room_for_rows_that_come():
    """An output grows below an input that shrinks: one row apart at each event."""
    made = np.arange(1, 5) * 100
    bands = [
        Band("x", "tensor", 400, np.ones(4, bool), lower=np.arange(4) * 100),
        Band("y", "tensor", 400, np.ones(4, bool), upper=made),
    ]
    together = Together([400, 400])
    together.add([0, 1], bands)
    placed = place(together, 4)
    assert placed.offsets[0] - placed.offsets[1] == 100
    assert placed.height_bytes == placed.bound_bytes == 500


def test_the_same_instance_gets_the_same_places():
    rng = np.random.default_rng(8)
    sizes, steps = random_bands(rng, 20, 40, steps=8)
    assert place(together_of(sizes, steps), 4) == place(together_of(sizes, steps), 4)
