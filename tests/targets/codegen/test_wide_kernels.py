"""Wide tiles of DSP cores: what is offered, the folded requantization, layouts. They run on emulated boards
(`tests/boards/test_wide_emulated.py`); here are the parts that need no core."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import numpy as np
import pytest

from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.ops.requantize import Requantize
from edgewright.converter.program import Quantization, TensorType
from edgewright.targets.codegen.kernels.dot_wide import wide_kernels, wide_row_kernel
from edgewright.targets.codegen.kernels.dot_wide_layer import shared_forms
from edgewright.targets.codegen.kernels.dot_wide_layout import (
    image_pairs,
    run_pairs,
    shared_skip,
    step_weights,
    unrolling,
    wide_segments,
)
from edgewright.targets.codegen.kernels.folded_requantization import (
    STEP_SHIFT,
    FoldedEpilogue,
    folded_epilogue,
    stepped,
)
from edgewright.targets.codegen.tir import kernel_source
from edgewright.targets.compiler import PREFIX
from edgewright.targets.cpu import DSP, MICRO_KERNELS, MVE, SCALAR
from tests.targets.codegen.wide_cases import FORMS, call_of, cases, weights_of, wide_program

X = Quantization(0.1, 3)
WEIGHTS = np.full((1, 64), 127, np.int8)


def finished(call: FoldedEpilogue, sums: np.ndarray) -> np.ndarray:
    """What the instructions make of sums [N, O] without bias; asserts that nothing overflows."""
    a = 2 * sums.astype(np.int64) + call.bias
    assert (np.abs(a) < 1 << 31).all()
    product = a * call.multiplier
    addend = call.addend + (a >> 63 if call.form == "linear" else 0)
    high = (product + (0 if call.form in ("once", "step") else 1 << 31)) >> 32
    assert (np.abs(high + addend) < 1 << 31).all()
    return np.clip((high + addend) >> call.shift, call.low, call.high)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("zero_point", [-127, -100, 0, 77, 127])
def test_folded_forms_equal_the_reference(form, zero_point):
    """Around every step, at the ends, and between; also where the common shift is not the channel's."""
    rng = np.random.default_rng([FORMS.index(form), zero_point + 128])
    outputs = 24
    if form in ("step", "relu"):
        zero_point = -128
    shift = -rng.integers(1, 14, outputs).astype(np.int32)
    multiplier = rng.integers(1 << 30, 1 << 31, outputs).astype(np.int32)
    bias = rng.integers(-5000, 5000, outputs).astype(np.int32)
    clamp = (-128, 127) if rng.random() < 0.5 else (-100, 90)
    original = Requantize(bias, multiplier, shift, Quantization(1.0, zero_point), clamp)
    once = form == "once"
    weights = np.full((outputs, 64), 127, np.int8)
    call = folded_epilogue(original, weights, 0, once=once)
    assert call is not None and call.form == {"step": "relu"}.get(form, form)
    found = [call, stepped(call), *shared_forms(call)]
    reach = 128 * 127 * 64
    value = np.arange(-260, 260)[:, None]
    steps = (value - 0.5) * 2.0 ** (31 - shift) / multiplier - bias
    near = (np.rint(steps)[:, None] + np.arange(-3, 4)[:, None]).reshape(-1, outputs)
    sums = np.concatenate(
        [near, rng.integers(-reach, reach, (4000, outputs)), [[reach] * outputs, [-reach] * outputs]]
    )
    sums = np.clip(sums, -reach, reach).astype(np.int64)
    want = original.apply_once(sums) if once else original.apply_twice(sums)
    for c in found:
        np.testing.assert_array_equal(finished(c, sums), want)


def test_steps_are_found_for_usual_layers():
    """Forms of few instructions are no use if the search hardly ever succeeds."""
    rng = np.random.default_rng(0)
    for _ in range(10):
        call = call_of(rng, "step", 64, 64)
        folded = folded_epilogue(call, np.full((64, 64), 100, np.int8), 5, once=False)
        assert folded is not None and stepped(folded).form == "step"


@pytest.mark.parametrize(
    ("parameters", "fits"),
    [
        ({}, True),
        ({"shift": 0}, False),
        ({"shift": 2}, False),
        ({"shift": -23}, False),
        ({"bias": 1 << 30}, False),
    ],
)
@pytest.mark.parametrize("once", [False, True])
def test_only_what_is_exact_is_folded(parameters, fits, once):
    values = [
        np.array([parameters.get(n, d)], np.int32)
        for n, d in (("bias", 0), ("multiplier", 1 << 30), ("shift", -5))
    ]
    call = Requantize(*values, Quantization(0.1, -128))
    assert (folded_epilogue(call, WEIGHTS, 0, once=once) is not None) == fits


@pytest.mark.parametrize("once", [False, True])
@pytest.mark.parametrize("bias", [0, 1 << 30, -(1 << 30), 12345])
@pytest.mark.parametrize("shift", [-25, -3, 0, 1])
def test_dead_channels_keep_their_constant(bias, shift, once):
    values = [np.array([v], np.int32) for v in (bias, 1 << 30, shift)]
    original = Requantize(*values, Quantization(0.1, -100))
    call = folded_epilogue(original, np.zeros((1, 64), np.int8), 5, once=once)
    assert call is not None
    sums = np.zeros((1, 1), np.int64)
    want = original.apply_once(sums) if once else original.apply_twice(sums)
    assert finished(call, sums) == want


@pytest.mark.parametrize("zero_point", [-128, 20])
def test_dead_channels_do_not_lower_the_shift(zero_point):
    """They have shifts of their own, but layers should share code of one shift."""
    rng = np.random.default_rng(0)
    weights = rng.integers(-100, 100, (16, 64)).astype(np.int8)
    weights[3] = weights[9] = 0
    shift = np.full(16, -9, np.int32)
    multiplier = rng.integers(1 << 30, 1 << 31, 16).astype(np.int32)
    bias = rng.integers(-5000, 5000, 16).astype(np.int32)
    original = Requantize(bias, multiplier, shift, Quantization(1.0, zero_point))
    for once in (False, True):
        call = folded_epilogue(original, weights, 5, once=once)
        assert call is not None
        found, *more = shared_forms(call)
        cut_off = once or zero_point == -128
        assert found.form == ("step" if cut_off else "linear") and bool(more) == (cut_off and not once)
        assert not cut_off or found.common_shift == STEP_SHIFT
        x = rng.integers(-128, 128, (500, 64)).astype(np.int64)
        sums = (x - 5) @ weights.astype(np.int64).T
        want = original.apply_once(sums) if once else original.apply_twice(sums)
        for c in (call, found, *more):
            np.testing.assert_array_equal(finished(c, x @ weights.astype(np.int64).T), want)


@pytest.mark.parametrize("threes", [False, True])
@pytest.mark.parametrize("pixels", range(1, 40))
def test_segments_cover_all_pixels(pixels, threes):
    segments = wide_segments(pixels, threes)
    assert sum(count * size for _, count, size in segments) == pixels
    starts = [first for first, _, _ in segments]
    assert starts == [sum(c * s for _, c, s in segments[:i]) for i in range(len(segments))]


@pytest.mark.parametrize("order", [run_pairs, image_pairs])
@pytest.mark.parametrize("length", range(1, 14))
def test_every_element_has_one_place(order, length):
    pairs = order(length)
    assert sorted(i for pair in pairs for i in pair if i >= 0) == list(range(length))
    assert len(pairs) == -(-length // 2)
    w = np.arange(1, 2 * 3 * length + 1).astype(np.int8).reshape(2, 3, 1, length)
    steps = step_weights(w, order)
    assert steps.shape == (2, 3 * len(pairs), 2)
    assert sorted(steps[steps != 0].tolist()) == sorted(w.ravel().tolist())


@pytest.mark.parametrize("repeats", [1, 2, 3, 9, 32, 33, 34, 64, 72, 145, 288])
@pytest.mark.parametrize("rare", [False, True])
@pytest.mark.parametrize("each", [1, 2])
def test_loops_take_every_repeat(repeats, rare, each):
    u = unrolling(repeats, each, rare=rare)
    assert 1 + u.straight + u.turn * u.turns == repeats and (u.turn == 0) == (u.turns == 0)
    for turn in (4, 8, 32):
        first = turn - shared_skip(repeats, turn)
        assert 0 <= first <= turn and (repeats - 1 - first) % turn == 0 and (first > 0) == (repeats > 1)


def test_other_cores_and_packed_weights_get_none():
    (op, (x,)) = next(case for case in cases(0, 1) if isinstance(case[0], Conv2D))
    assert wide_kernels(op, DSP, x) and wide_row_kernel(op, DSP, x)
    for cpu in (SCALAR, MVE):
        assert not wide_kernels(op, cpu, x) and wide_row_kernel(op, cpu, x) is None
    packed = replace(op, weights=np.full_like(op.weights, 3), weight_format="int4")
    assert not wide_kernels(packed, DSP, x)


def test_kernels_say_what_they_need():
    """One name for a way of computing; scratch and flash as the place of the weights says."""
    rng = np.random.default_rng(0)
    call = call_of(rng, "step", 64, 64)
    op = Conv2D(rng.integers(-9, 9, (64, 1, 1, 64)).astype(np.int8), call, input_zero_point=3)
    kernels = {k.variant: k for k in wide_kernels(op, DSP, TensorType((1, 125, 64), "int8", X))}
    flash = kernels["tiles 2x4, int16 weights in flash"]
    ram = kernels["tiles 2x4, int8 weights, int16 in RAM"]
    shared = kernels["tiles 2x4, int8 weights, shared code"]
    size = op.weights.size
    assert flash.scratch_bytes == shared.scratch_bytes == 4 * 64 * 2
    assert 2 * size <= ram.scratch_bytes - flash.scratch_bytes < 2.5 * size
    assert flash.constant_bytes - ram.constant_bytes == size
    assert all(k.lead_bytes == 0 for k in kernels.values())
    assert len(kernels) == len(wide_kernels(op, DSP, TensorType((1, 125, 64), "int8", X)))


def test_layers_share_their_code():
    """Layers of other shapes have the same text: all that is a layer's own are constants."""
    rng = np.random.default_rng(0)
    text = set()
    for outputs, inputs, pixels in ((64, 64, 32), (16, 8, 400), (20, 32, 36)):
        call = replace(call_of(rng, "step", outputs, inputs), clamp=(-128, 127))
        op = Conv2D(weights_of(rng, outputs, 1, 1, inputs), call)
        kernels = {k.variant: k for k in wide_kernels(op, DSP, TensorType((1, pixels, inputs), "int8", X))}
        shared = kernels["tiles 2x4, int8 weights, int16 in RAM, shared code"]
        text.add(kernel_source(shared))
        assert shared.constants[0].nbytes < 100 and shared.code_bytes < 70
    assert len(text) == 1


def test_whole_tensors_are_read_before_they_are_written():
    """Groups go through the input again, so nothing of it may be written over before the last one."""
    rng = np.random.default_rng(0)
    op = Conv2D(weights_of(rng, 6, 3, 3, 4), call_of(rng, "step", 6, 36), groups=2)
    x = TensorType((9, 7, 8), "int8", X)
    whole = [k for k in wide_kernels(op, DSP, x) if k.out_rows == 1]
    assert whole and all(k.lead_bytes == op.output_type(x).size_bytes for k in whole)


@pytest.mark.parametrize("cpu", [DSP, replace(DSP, dual_issue=True)], ids=["single", "dual"])
def test_functions_are_as_large_as_declared(cpu, tmp_path):
    """Within a tenth: the planner weighs them."""
    kernels = [k for op, (x,) in cases(3, 1) for k in wide_kernels(op, cpu, x)]
    texts = dict(kernel_source(k) for k in kernels)
    heads = sorted({h for k in kernels for h in k.headers})
    text = "".join(f'#include "{h}"\n' for h in heads) + "".join(texts.values())
    text += f"const void *const used[] = {{{', '.join(texts)}}};\n"
    (tmp_path / "all.c").write_text(text)
    flags = ["-mcpu=cortex-m4", "-mthumb", "-O2", "-std=c11", f"-I{MICRO_KERNELS}"]
    subprocess.run([f"{PREFIX}gcc", *flags, "-c", "all.c", "-o", "all.o"], cwd=tmp_path, check=True)
    listing = subprocess.run([f"{PREFIX}nm", "-S", tmp_path / "all.o"], check=True, stdout=subprocess.PIPE)
    columns = [line.split() for line in listing.stdout.decode().splitlines()]
    sizes = {c[3]: int(c[1], 16) for c in columns if len(c) == 4}
    for kernel in kernels:
        for name, declared in kernel.shared_code.items():
            # What is always called with the same number is smaller, and has another name.
            if "image_row" not in name:
                assert abs(declared - sizes[name]) <= 12 + sizes[name] / 10, name
        assert abs(kernel.code_bytes - sizes[kernel_source(kernel)[0]]) <= 70, kernel.variant


def test_every_form_is_among_the_cases():
    program, kernels, _ = wide_program(1, 5, DSP)
    sources = "".join(own.layer[0].source for own in kernels.values())
    assert all(f"w16_{form}" in sources for form in FORMS)
    assert all(
        f"any_2x4_{weights}_{form}" in sources for weights in ("w8", "w16") for form in ("step", "linear")
    )
    assert all(f"ew_wide_any_2x{p}_" in sources and f"ew_wide_2x{p}_" in sources for p in (1, 2, 3, 4))
    assert all(f"ew_wide_image_{p}_" in sources for p in (1, 2, 3, 4))
    assert all(name in sources for name in ("_narrow", "EW_WIDE_LOOP", "ew_wide_border", "ew_wide_last"))
    assert any(isinstance(n.op, FullyConnected) for n in program.nodes)
