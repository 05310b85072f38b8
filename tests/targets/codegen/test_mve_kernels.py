"""Layouts, choices and arithmetic of the Helium kernels, as far as the host can tell; boards run them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.ops.requantize import Requantize
from edgewright.converter.program import Quantization, TensorType
from edgewright.targets.codegen.kernels.add_mve import LONG, ORDER, add_mve_kernel
from edgewright.targets.codegen.kernels.depthwise_mve import depthwise_mve_kernels
from edgewright.targets.codegen.kernels.finish_mve import Finish, channel_fours, finish_instructions
from edgewright.targets.codegen.kernels.linear_sum import linear_sum
from edgewright.targets.codegen.kernels.strip_mve import Strip
from edgewright.targets.codegen.kernels.tile_mve import TileShape, tile_source, weight_stream
from edgewright.targets.cpu import MVE
from tests.targets.codegen.mve_cases import KINDS, add, cases
from tests.targets.codegen.planes_cases import layer

SHAPES = [
    TileShape(2, 1, 4, 64),
    TileShape(1, 1, 3, 48),
    TileShape(2, 1, 70, 1120),
    TileShape(2, 3, 12, 128),
    TileShape(1, 2, 3, 48),
]


def interleave(vectors: list[np.ndarray]) -> np.ndarray:
    """What narrowing twice makes of the vectors of a block."""
    if len(vectors) == 1:
        return vectors[0]
    half = [np.stack([a, b], axis=1).reshape(-1) for a, b in zip(vectors[::2], vectors[1::2], strict=True)]
    return half[0] if len(half) == 1 else np.stack(half, axis=1).reshape(-1)


@pytest.mark.parametrize("outputs", [1, 4, 7, 8, 12, 16, 23, 29, 64])
def test_narrowing_brings_channels_into_their_order(outputs):
    fours = list(channel_fours(outputs))
    found: list[int] = []
    while fours:
        block = 4 if outputs - len(found) >= 16 else 2 if outputs - len(found) >= 8 else 1
        taken, fours = fours[:block], fours[block:]
        found += [int(c) for c in interleave(taken) if c >= 0]
    assert found == list(range(outputs))


@pytest.mark.parametrize("shape", SHAPES)
def test_weight_stream_has_every_weight_in_its_place(shape):
    rng = np.random.default_rng(3)
    outputs, row = 13, 16 * shape.vectors - (5 if shape.rows == 1 else 0)
    weights = rng.integers(-128, 128, (outputs, shape.rows, row)).astype(np.int8)
    bias = rng.integers(-(1 << 20), 1 << 20, outputs).astype(np.int32)
    x = rng.integers(-128, 128, (shape.rows, 16 * shape.vectors))
    stream = weight_stream(weights, bias, shape)
    order = channel_fours(outputs)
    order = np.pad(order, ((0, -len(order) % (shape.channels // 4)), (0, 0)), constant_values=-1)
    for block, channels in zip(stream, order.reshape(-1, shape.channels), strict=True):
        starts, words = block[:8], np.ascontiguousarray(block[8:])
        taps = words.view(np.int8).reshape(shape.steps, shape.channels, 16).astype(np.int64)
        sums = np.einsum("scv,sv->c", taps, x.reshape(shape.steps, 16))
        for lane, channel in enumerate(channels):
            if channel >= 0:
                assert sums[lane] == (weights[channel] * x[:, :row]).sum()
                assert all(starts[lane :: shape.channels] == bias[channel])


@pytest.mark.parametrize("shape", SHAPES)
def test_offsets_of_loads_are_encodable(shape):
    assert shape.possible
    text = tile_source(shape, Finish(24, shape.pixels, "linear", 3, -128, 127))
    offsets = [
        int(line.split("#")[1].split("]")[0])
        for line in text.splitlines()
        if "vldrw" in line and "], " not in line and "#" in line
    ]
    assert offsets and all(-508 <= o <= 508 and o % 4 == 0 for o in offsets)


def test_tiles_that_do_not_fit_are_not_possible():
    assert not TileShape(2, 4, 2, 64).possible  # four rows have no registers
    assert not TileShape(2, 3, 40, 640).possible
    assert not TileShape(2, 1, 2, 30).possible  # vectors are loaded as words


@pytest.mark.parametrize("outputs", [8, 16, 48, 61])
def test_instructions_of_the_requantization_grow_with_the_channels(outputs):
    counts = [finish_instructions(Finish(outputs, 2, form, 0, -128, 127)) for form in ("relu", "linear")]
    assert counts[0] < counts[1]
    assert counts[0] < finish_instructions(Finish(outputs + 16, 2, "relu", 0, -128, 127))


def strip_outputs(strip: Strip, weights: np.ndarray, lines: np.ndarray, out_lines: int) -> np.ndarray:
    """The strip of one channel in numpy: lines [n, pixels] come one by one, outputs [out_lines, run]."""
    room = np.full(strip.pitch + 64, 99, np.int64)
    taps = np.zeros(strip.field, np.int64)
    for j in range(strip.along):
        taps[j * strip.lines : j * strip.lines + strip.across] = weights[j]
    result = np.zeros((out_lines, strip.outputs[0]), np.int64)
    at_once, seen = strip.outputs[1], 0
    for o in range(0, out_lines, at_once):
        first = min(o, out_lines - at_once)
        for y in range(seen, first * strip.stride[1] + strip.lines):
            room[y + strip.lines * np.arange(lines.shape[1])] = lines[y]
            seen = y + 1
        for n in range(strip.count):
            start = first * strip.stride[1] + strip.place(n)[0]
            pixel, line = divmod(n, at_once)
            result[first + line, pixel] = (room[start : start + strip.field] * taps).sum()
    return result


@pytest.mark.parametrize("at_once", [1, 2, 3])
@pytest.mark.parametrize(
    ("along", "across", "stride"), [(3, 3, (1, 1)), (3, 3, (2, 2)), (2, 4, (1, 2)), (5, 1, (1, 1))]
)
def test_strips_hold_all_taps_of_an_output_side_by_side(along, across, stride, at_once):
    rng = np.random.default_rng(5)
    run, out_lines = 6, 5
    pixels, count = (run - 1) * stride[0] + along, (out_lines - 1) * stride[1] + across
    lines = rng.integers(-128, 128, (count, pixels))
    weights = rng.integers(-128, 128, (along, across))
    passed = (out_lines - at_once) * stride[1]
    strip = Strip(along, across, stride, (run, at_once), 0, (1, 1), "relu")
    strip = replace(strip, pitch=strip.lines * pixels + passed + 16)
    expected = np.zeros((out_lines, run), np.int64)
    for o in range(out_lines):
        for p in range(run):
            view = lines[o * stride[1] : o * stride[1] + across, p * stride[0] : p * stride[0] + along]
            expected[o, p] = (view.T * weights).sum()
    assert np.array_equal(strip_outputs(strip, weights, lines, out_lines), expected)


def depthwise(
    rows: int, columns: int, channels: int, stride: int, pad: int
) -> tuple[DepthwiseConv2D, TensorType]:
    call = Requantize.for_conv(1.0, np.full(channels, 0.001), Quantization(1.0, 0), None, channels=channels)
    weights = np.ones((3, 3, channels), np.int8)
    op = DepthwiseConv2D(weights, call, (stride, stride), (1, 1), Padding(pad, pad, pad, pad), 1, 0)
    return op, TensorType((rows, columns, channels), "int8", Quantization(1.0, 0))


def test_a_whole_depthwise_layer_may_write_over_its_input():
    op, x = depthwise(12, 12, 8, 1, 1)
    along_columns, along_rows = depthwise_mve_kernels(op, x)
    assert along_columns.leads() == (0,)
    # Columns of the output do not follow the order of the input's bytes.
    assert along_rows.leads() != (0,)
    assert all(k.out_rows == 1 and k.inputs[0].rows == 1 for k in (along_columns, along_rows))


@pytest.mark.parametrize(("rows", "offered"), [(700, 2), (720, 1)])
def test_strips_lie_near_enough_for_offsets_of_16_bits(rows, offered):
    """32 channels are spread at a time; a run along so many rows is too long for that."""
    op, x = layer(np.random.default_rng(1), (rows, 2, 32), padding=Padding(1, 1, 1, 1))
    kernels = depthwise_mve_kernels(op, x)
    assert len(kernels) == offered
    assert all(31 * (k.scratch_bytes // 32) < 1 << 16 for k in kernels)


def test_depthwise_layers_with_more_taps_than_a_vector_are_left_to_others():
    op, x = depthwise(12, 12, 8, 1, 1)
    wide = replace(op, weights=np.ones((5, 5, 8), np.int8))
    assert depthwise_mve_kernels(wide, x) == ()


@pytest.mark.parametrize("seed", range(4))
def test_the_linear_form_with_rounding_shifts_equals_the_sum(seed):
    rng = np.random.default_rng(seed)
    op, types = add(rng)
    form, kernel = linear_sum(op), add_mve_kernel(op, *types)
    assert (kernel is None) == (form is None)
    if kernel is None or form is None:
        return
    first, second, constant, low, high = kernel.constants[0][4:].astype(np.int64)
    every = np.arange(-128, 128, dtype=np.int64)
    long = min(LONG, form.shift - 1)
    v = every[:, None] * first + every * second + constant
    assert v.min() >= -(1 << 31) and v.max() < 1 << 31
    v = np.clip((v + (1 << (long - 1))) >> long, -(1 << 15), (1 << 15) - 1)
    short = form.shift - long
    v = np.clip(np.clip((v + (1 << (short - 1))) >> short, -128, 127), low, high)
    pairs = every.astype(np.int8)
    assert np.array_equal(v, op.golden(pairs.reshape(256, 1, 1), pairs.reshape(1, 256, 1))[..., 0])


def test_stores_of_sums_undo_the_interleaving():
    assert np.array_equal(interleave([np.arange(4) + 4 * n for n in range(4)]), ORDER)


@pytest.mark.parametrize("kind", KINDS)
def test_work_counts_are_finite_and_positive(kind):
    for op, types in cases(kind, 1, 6):
        work = op.row_kernel(MVE, *types).work
        assert all(np.isfinite(v) and v >= 0 for v in work.values())
