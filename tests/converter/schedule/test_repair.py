"""Mending paths that cannot be placed within their largest moment."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from edgewright.converter.schedule import Wish, make_planner
from edgewright.converter.schedule.candidate import CopyCost
from edgewright.converter.schedule.network import Forms, storage_roots
from edgewright.converter.schedule.row_op import RowOp
from edgewright.converter.schedule.search import front
from edgewright.targets.codegen.row_kernel import RowInput
from tests.converter.schedule.programs import Builder

LAYERS = Wish(schedule="layer", input="resident")


def planner_of(seed):
    """A chain of layers that may overtake their input by random distances, with kernels of random scratch."""
    rng = random.Random(seed)
    b = Builder()
    sizes = [rng.randrange(16, 200, 4) for _ in range(7)]
    v = b.input("x", sizes[0])
    for i, size in enumerate(sizes[1:]):
        v = b.op(f"n{i}", [v], size)
    program = b.program(v)
    root, forms = storage_roots(program), {}
    for node, given, made in zip(program.nodes, sizes[:-1], sizes[1:], strict=True):
        kernels = tuple(
            RowOp(
                node=node.name,
                part=0,
                inputs=(root[node.inputs[0]],),
                views=(RowInput(1, given),),
                output=node.output,
                out_rows=1,
                out_row_bytes=made,
                out_columns=1,
                scratch_bytes=scratch,
                cycles=500.0 - scratch - rng.randint(0, 20),
                leads=(rng.choice((None, max(0, made - given), made // 2)),),
                variant=variant,
            )
            for variant, scratch in enumerate((0, 40, 120))
        )
        forms[node.name] = Forms(node, kernels, None)
    return make_planner(program, forms, CopyCost(0, 0), "resident", schedule="layer")


def test_mended_paths_keep_their_segments_and_the_limit():
    """Of the paths with a gap some can be mended; what is found is placed within the limit."""
    gaps = mended = 0
    for seed in range(120):
        planner = planner_of(seed)
        for path in front(planner.edges, planner.cost):
            made = planner.place(path, solver_s=0.0)
            if made.arena_bytes <= path.peak_bytes:
                continue
            gaps += 1
            found = planner.repaired(path, planner.edges, path.peak_bytes)
            if found is None:
                continue
            mended += 1
            assert [c.stop for c in found.candidates] == [c.stop for c in path.candidates]
            assert planner.place(found, solver_s=0.0).arena_bytes <= path.peak_bytes
    assert gaps > mended > 0


@pytest.mark.parametrize("seed", range(30))
def test_the_fastest_within_a_limit_is_no_slower_than_mended_paths(seed):
    planner = planner_of(seed)
    for path in front(planner.edges, planner.cost):
        found = planner.repaired(path, planner.edges, path.peak_bytes)
        if found is not None:
            best = planner.fastest_within(path.peak_bytes, replace(LAYERS, arena_bytes=path.peak_bytes))
            assert best is not None and best.arena_bytes <= path.peak_bytes
            assert best.cycles <= found.cycles + 1e-6
