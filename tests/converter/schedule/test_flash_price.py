"""Choosing among kernels of a layer that differ in cycles, flash and scratch memory."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import pytest

from edgewright.converter.schedule import Wish, make_planner, plan
from edgewright.converter.schedule.candidate import CopyCost
from edgewright.converter.schedule.flash_price import FlashLimit
from edgewright.converter.schedule.network import Forms, storage_roots
from edgewright.converter.schedule.row_op import RowOp
from edgewright.targets.codegen.row_kernel import RowInput
from tests.converter.schedule.programs import Builder

LAYERS = Wish(schedule="layer")
NODES, KERNELS = 4, 4


def planner_of(seed):
    """A chain of layers with kernels of random costs; returns (planner, kernels of each layer)."""
    rng = random.Random(seed)
    b = Builder()
    v = b.input("x", 32)
    for i in range(NODES):
        v = b.op(f"n{i}", [v], 32)
    program = b.program(v)
    root, forms = storage_roots(program), {}
    for node in program.nodes:
        kernels = tuple(
            RowOp(
                node=node.name,
                part=0,
                inputs=(root[node.inputs[0]],),
                views=(RowInput(1, 32),),
                output=node.output,
                out_rows=1,
                out_row_bytes=32,
                out_columns=1,
                scratch_bytes=rng.choice((0, 64, 256)),
                constant_bytes=rng.randint(10, 400),
                cycles=float(rng.randint(10, 500)),
                leads=(None,),
                variant=variant,
            )
            for variant in range(KERNELS)
        )
        forms[node.name] = Forms(node, kernels, None)
    made = make_planner(program, forms, CopyCost(0, 0), "resident", schedule="layer")
    return made, [f.layer for f in made.network.forms]


def wished(planner, wish):
    return plan(planner.priced(wish), wish)


def combinations(kernels, arena=2**40):
    """(cycles, flash) of every choice of kernels whose arena keeps to a limit."""
    fitting = [[k for k in own if 64 + k.scratch_bytes <= arena] for own in kernels]
    return {
        (sum(k.cycles for k in choice), sum(k.constant_bytes for k in choice))
        for choice in itertools.product(*fitting)
    }


@pytest.mark.parametrize("seed", range(10))
def test_speed_is_fastest_and_size_is_smallest(seed):
    planner, kernels = planner_of(seed)
    found = combinations(kernels)
    fast, small = (wished(planner, replace(LAYERS, optimize=o)) for o in ("speed", "size"))
    assert fast.cycles == min(cycles for cycles, _ in found)
    assert small.kernel_bytes == min(flash for _, flash in found)
    balanced = wished(planner, LAYERS)
    assert small.kernel_bytes <= balanced.kernel_bytes <= fast.kernel_bytes
    assert fast.cycles <= balanced.cycles <= small.cycles


@pytest.mark.parametrize("seed", range(10))
def test_fastest_within_a_limit_of_flash(seed):
    """Nothing that keeps to the limit is faster at a lower price of flash."""
    planner, kernels = planner_of(seed)
    every = combinations(kernels)
    low, high = min(f for _, f in every), min(every)[1]
    for limit in range(low, high + 50, 37):
        made = wished(planner, replace(LAYERS, optimize="speed", flash=FlashLimit(limit)))
        assert made.kernel_bytes <= limit
        on_hull = [
            (cycles, flash)
            for price in (0.0, *(2**k / 16 for k in range(-4, 16)))
            for cycles, flash in [min(every, key=lambda c: c[0] + price * c[1])]
            if flash <= limit
        ]
        assert made.cycles <= min(cycles for cycles, _ in on_hull)


@pytest.mark.parametrize("seed", range(10))
def test_kernels_that_do_not_fit_the_arena_are_not_taken(seed):
    planner, kernels = planner_of(seed)
    for arena in (64, 64 + 64, 64 + 256):
        found = combinations(kernels, arena)
        if found:
            made = wished(planner, replace(LAYERS, optimize="speed", arena_bytes=arena))
            assert made.arena_bytes <= arena
            assert made.cycles == min(cycles for cycles, _ in found)


def test_the_step_says_which_kernel_runs():
    planner, kernels = planner_of(3)
    made = wished(planner, replace(LAYERS, optimize="speed"))
    for step, own in zip(made.steps, kernels, strict=True):
        assert step.op is own[step.op.variant]
        assert step.cycles == min(k.cycles for k in own)
