"""Depthwise kernels on planes: where they are offered, their requantization, and how registers are given."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.costs.planes import cases
from edgewright.converter.ops.base import Padding
from edgewright.targets.codegen.kernels.depthwise import depthwise_kernel
from edgewright.targets.codegen.kernels.depthwise_planes import planes_kernels, planes_row_kernel
from edgewright.targets.codegen.kernels.depthwise_shared import shared_kernels
from edgewright.targets.codegen.kernels.depthwise_steps import COMMON_SHIFT, find_steps
from edgewright.targets.codegen.kernels.planes_compact import compact_words
from edgewright.targets.codegen.kernels.planes_factors import find_factors
from edgewright.targets.codegen.kernels.planes_passes import output_rows
from edgewright.targets.codegen.kernels.planes_schedule import Instruction, with_loads
from edgewright.targets.codegen.kernels.planes_shared import turn_pixels
from edgewright.targets.cpu import DSP, DUAL_DSP, MVE, SCALAR
from tests.targets.codegen.planes_cases import layer


@pytest.mark.parametrize("seed", range(8))
def test_steps_equal_golden(seed):
    """The formula of the module, over sums of random and of extreme inputs."""
    rng = np.random.default_rng(seed)
    op, _ = layer(rng, (6, 6, 16))
    weights = op.weights.astype(np.int64)
    lower = np.stack([weights[2, 2], weights[0, 2]])
    steps = find_steps(op, lower)
    assert steps is not None
    inputs = [rng.integers(-128, 128, (500, 3, 3, 16)), rng.choice([-128, 127], (500, 3, 3, 16))]
    ends = np.where(weights > 0, 127, -128)
    x = np.concatenate([*inputs, ends[None], -1 - ends[None]]) - op.input_zero_point
    sums = (x * weights).sum(axis=(1, 2))
    for kind in range(2):
        word = (steps.offset[kind] << 16) + ((lower[kind] << steps.scale) & 0xFFFF)
        scaled = (sums << steps.scale) + word
        assert np.abs(scaled).max() < 1 << 31
        result = ((scaled * steps.multiplier + (steps.addend[kind] << 32)) >> 32) >> steps.shift
        np.testing.assert_array_equal(np.clip(result, -128, 127), op.requantize.apply_twice(sums))


def test_layers_shift_alike():
    """So that their instructions are the same."""
    for seed in range(4):
        op, x = layer(np.random.default_rng(seed), (6, 6, 16), padding=Padding(1, 1, 1, 1))
        steps = find_steps(op, np.zeros((1, 16), np.int64))
        assert steps is not None and steps.shift == COMMON_SHIFT
        assert len(shared_kernels(op, DSP, x)) == 1


@pytest.mark.parametrize("shift", [-7, -1, 0, 3])
def test_steps_want_shifts_to_the_right(shift):
    op, _ = layer(np.random.default_rng(0), (6, 6, 4))
    op = replace(op, requantize=replace(op.requantize, shift=np.full(4, shift, np.int32)))
    assert (find_steps(op, np.zeros((1, 4), np.int64)) is not None) == (shift < 0)


def test_the_form_of_other_zero_points_rounds_twice():
    op, _ = layer(np.random.default_rng(0), (6, 6, 4), relu=False)
    factors = find_factors(op)
    assert factors is not None and factors.shift is not None
    clamped = replace(op, requantize=replace(op.requantize, clamp=(0, 100)))
    assert find_factors(clamped) is None


def test_where_kernels_are_offered():
    rng = np.random.default_rng(0)
    op, x = layer(rng, (12, 12, 8), padding=Padding(1, 1, 1, 1))
    variants = [k.variant for k in planes_kernels(op, DSP, x)]
    named = ["planes", "planes, bands of 2 rows", "planes of all channels, bands of 4 rows"]
    assert variants == [*named, *(f"{v}, int8 weights in flash" for v in named), "planes, shared code"]
    assert planes_row_kernel(op, DSP, x) is not None
    for cpu in (SCALAR, MVE):
        assert planes_kernels(op, cpu, x) == () and planes_row_kernel(op, cpu, x) is None
    small = np.clip(op.weights, -8, 7)
    for changed in (replace(op, dilation=(2, 2)), replace(op, weights=small, weight_format="int4")):
        assert planes_kernels(changed, DSP, x) == () and planes_row_kernel(changed, DSP, x) is None
    odd, y = layer(rng, (6, 6, 6))
    assert planes_kernels(odd, DSP, y) == ()


@pytest.mark.parametrize(
    ("columns", "window", "variants"),
    [
        (12, (5, 5), ["planes in tiles"]),
        (12, (9, 1), ["planes in tiles"]),
        (1, (9, 1), ["planes of a column", "planes of a column, int8 weights in flash", "column, a row"]),
    ],
)
def test_other_windows(columns, window, variants):
    op, x = layer(np.random.default_rng(1), (12, columns, 8), window)
    assert [k.variant for k in planes_kernels(op, DSP, x)] == variants


def test_bands_need_less_scratch_memory():
    op, x = layer(np.random.default_rng(2), (48, 48, 8), padding=Padding(1, 1, 1, 1))
    kernels = planes_kernels(op, DSP, x)
    whole, more, least, shared = (k.scratch_bytes for k in kernels[:4])
    assert [k.scratch_bytes for k in kernels[4:8]] == [whole, more, least, shared]
    assert kernels[7].lead_bytes == 0 and shared == 2 * least * 5 // 2
    assert (whole, more, least) == (24 * 48 * 16, 5 * 48 * 16, 2 * 48 * 16)


@pytest.mark.parametrize(
    ("rows", "pad", "wanted"), [(4, 1, "-1p 0 1 2p"), (5, 1, "-1p 0 1 2 3"), (6, 0, "0 1 2 3")]
)
def test_output_rows(rows, pad, wanted):
    """Where windows begin; p: of which only two rows that share a word lie inside."""
    outputs = rows + 2 * pad - 2
    found = output_rows(rows, outputs, 1, pad)
    assert found is not None
    assert " ".join(f"{w.first}{'p' if w.pair else ''}" for w in found) == wanted


def test_rows_far_outside_are_left_to_others():
    assert output_rows(4, 6, 1, 2) is None


def test_every_word_is_in_its_register_when_it_is_used():
    rng = np.random.default_rng(3)
    words = [("r0", 4 * n) for n in range(12)]
    for registers in (["r4", "r5"], ["r4", "r5", "r6", "r7"], [f"r{n}" for n in range(4, 20)]):
        wanted = [tuple(words[n] for n in rng.choice(12, 2, replace=False)) for _ in range(60)]
        held: dict[str, tuple[str, int]] = {}
        done = 0
        for line in with_loads([Instruction("use {0}, {1}", w) for w in wanted], registers):
            load = re.fullmatch(r"ldr (r\d+), \[(r0), #(\d+)\]", line)
            if load:
                held[load[1]] = load[2], int(load[3])
            else:
                assert tuple(held[r] for r in line.removeprefix("use ").split(", ")) == wanted[done]
                done += 1
        assert done == len(wanted)


@pytest.mark.parametrize(
    ("shape", "window", "stride", "relu"),
    [
        ((25, 5, 64), (3, 3), 1, True),
        ((24, 24, 32), (3, 3), 2, True),
        ((24, 1, 64), (10, 1), 1, True),
        ((28, 1, 64), (15, 1), 1, False),
    ],
)
def test_weights_in_flash_take_no_more_than_those_of_the_usual_kernel(shape, window, stride, relu):
    padding = Padding(0, 0, 0, 0) if window[1] == 1 else Padding(2 - stride, 1, 2 - stride, 1)
    op, x = layer(np.random.default_rng(4), shape, window, (stride, stride), padding, relu)
    kernels = [*planes_kernels(op, DSP, x), depthwise_kernel(op, DSP, x)]
    sizes = {k.variant: sum(int(c.nbytes) for c in k.constants) for k in kernels}
    fast = kernels[0].variant
    assert sizes[f"{fast}, int8 weights in flash"] <= sizes["rows"] < sizes[fast]


def test_layers_of_one_stride_share_their_code():
    """Those whose rows take the same turns; a shape made for each has code of its own."""
    rng = np.random.default_rng(6)
    sizes = ((6, 6), (13, 12), (48, 48), (8, 8))
    found = []
    for stride, pad in ((1, Padding(1, 1, 1, 1)), (2, Padding(0, 1, 0, 1))):
        for rows, columns in sizes:
            op, x = layer(rng, (rows, stride * columns, 8), stride=(stride, stride), padding=pad, zero=-128)
            (kernel,) = shared_kernels(op, DSP, x)
            found.append(kernel)
    # The last of each has four pixels a turn rather than six.
    assert [found.index(next(k for k in found if k.functions == other.functions)) for other in found] == [
        *(0, 0, 0, 3),
        *(4, 4, 4, 7),
    ]
    assert len({name for k in found for name in k.shared_code if "rows" not in name}) == 3


def test_scratch_memory_of_shared_code_holds_eight_row_pairs():
    op, x = layer(np.random.default_rng(2), (48, 48, 8), padding=Padding(1, 1, 1, 1))
    (kernel,) = shared_kernels(op, DSP, x)
    # A column of zeros on the right, one that is cleared in vain; each of 26 row pairs lies four words on.
    assert kernel.scratch_bytes == 50 * 128 + 26 * 16


@pytest.mark.parametrize(
    ("shape", "stride", "padding"),
    [
        ((12, 11, 4), (1, 1), Padding(1, 1, 1, 1)),
        ((12, 12, 4), (1, 2), Padding(1, 1, 1, 1)),
        ((1, 6, 4), (1, 1), Padding(1, 1, 1, 1)),
        ((12, 1, 4), (1, 1), Padding(1, 1, 1, 1)),
        ((12, 12, 4), (1, 1), Padding(1, 1, 1, 2)),
    ],
)
def test_rows_that_shared_code_cannot_cut(shape, stride, padding):
    op, x = layer(np.random.default_rng(3), shape, stride=stride, padding=padding)
    assert shared_kernels(op, DSP, x) == ()


@pytest.mark.parametrize(
    ("outputs", "pixels"), [(48, 6), (28, 4), (20, 4), (14, 2), (7, 7), (5, 5), (1, 1), (9, None), (11, None)]
)
def test_pixels_of_a_turn(outputs, pixels):
    assert turn_pixels(outputs) == pixels


def test_single_scales_keep_their_words():
    """Only weights that are all scaled alike are bytes of their words."""
    op, _ = layer(np.random.default_rng(0), (6, 6, 8))
    steps = find_steps(op, np.stack([op.weights[2, 2], op.weights[0, 2]]).astype(np.int64))
    assert steps is not None and compact_words(op.weights, steps, [False, True]) is not None
    other = replace(steps, scale=steps.scale - (np.arange(8) == 3))
    assert compact_words(op.weights, other, [False, True]) is None


@pytest.mark.parametrize("cpu", [DSP, DUAL_DSP])
def test_layers_of_the_cost_tables_have_kernels(cpu):
    for op, (x,) in cases():
        kernels = [*planes_kernels(op, cpu, x), planes_row_kernel(op, cpu, x)]
        assert len(kernels) > 1
        for kernel in kernels:
            assert kernel is not None
            assert kernel.code_bytes > 0 and (kernel.scratch_bytes > 0) != (kernel.variant == "column, a row")
            assert all(count >= 0 for count in kernel.work.values())
            assert len(kernel.constants[0]) in (x.shape[2], x.shape[2] // 4)
