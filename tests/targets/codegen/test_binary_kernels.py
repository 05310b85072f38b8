"""Kernels of binary layers, called row by row on the host, equal golden bit for bit."""

from __future__ import annotations

import itertools
import os

import numpy as np
import pytest

from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.binary_conv import BinaryConv2D
from edgewright.converter.ops.bits import bits_type, pack_bits
from edgewright.converter.ops.requantize import Requantize
from edgewright.converter.program import Quantization
from edgewright.targets.codegen.kernels.binary_planes import Part, split_outputs, start_planes
from edgewright.targets.costs import cost_model, estimate_kernel_cycles
from edgewright.targets.cpu import CPU_CLASSES, DSP, MVE, SCALAR, cpu_class
from tests.targets.codegen.binary_cases import KINDS, inputs
from tests.targets.codegen.kernel_calls import KernelCalls
from tests.targets.codegen.stream_cases import stream

CASES = 60 * int(os.environ.get("EDGEWRIGHT_SOAK", "1"))


def cases(kind):
    rng = np.random.default_rng([11, sorted(KINDS).index(kind)])
    for _ in range(CASES):
        op, types = KINDS[kind](rng)
        yield op, types, inputs(rng, op, types)


def played(recorded, calls, folder):
    contents = calls.run(folder)
    for op, outs, want in recorded:
        got = np.frombuffer(b"".join(contents[o] for o in outs), want.dtype).reshape(want.shape)
        yield op, got, want


@pytest.fixture(scope="module")
def streamed(tmp_path_factory):
    calls = KernelCalls()
    recorded = {
        kind: [
            (op, stream(calls, op.stream_kernels(SCALAR, *types), data), op.golden(*data))
            for op, types, data in cases(kind)
        ]
        for kind in KINDS
    }
    contents = calls.run(tmp_path_factory.mktemp("binary"))
    return {
        kind: [
            (op, np.frombuffer(b"".join(contents[o] for o in outs), want.dtype).reshape(want.shape), want)
            for op, outs, want in found
        ]
        for kind, found in recorded.items()
    }


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_rows_equal_golden(kind, streamed):
    assert len(streamed[kind]) == CASES
    wrong = [op for op, got, want in streamed[kind] if not np.array_equal(got, want)]
    assert not wrong, wrong[:3]


def test_outputs_take_both_signs(streamed):
    """The cases are worth something: neither all bits set nor none."""
    words = np.concatenate([want.ravel() for _, _, want in streamed["thresholded"]])
    assert 0.2 < np.bitwise_count(words).mean() / 32 < 0.8


@pytest.mark.parametrize("equal", [True, False])
def test_the_longest_sums(equal, tmp_path):
    """2^15 terms, all of one sign: the counters reach their last plane."""
    rng = np.random.default_rng(0)
    channels, outputs = 1 << 15, 34
    weights = pack_bits(rng.random((outputs, 1, 1, channels)) < 0.5)
    x = weights[0:1, :, 0].copy() if equal else ~weights[0:1, :, 0]
    sums = np.array([channels if equal else -channels] * outputs, np.int32)
    thresholds = sums + rng.integers(-1, 2, outputs).astype(np.int32)
    weights[:] = weights[0]
    call = Requantize.for_conv(0.001, np.ones(outputs), Quantization(0.5, 3), None, channels=outputs)
    calls, recorded = KernelCalls(), []
    for op in (
        BinaryConv2D(weights, channels, thresholds),
        BinaryConv2D(weights, channels, requantize=call, fraction_bits=15),
    ):
        kernels = op.stream_kernels(SCALAR, bits_type((1, 1, channels)))
        recorded.append((op, stream(calls, kernels, [x]), op.golden(x)))
    for _, got, want in played(recorded, calls, tmp_path):
        assert np.array_equal(got, want)


def test_strips_equal_the_whole(tmp_path):
    rng = np.random.default_rng(5)
    weights = pack_bits(rng.random((33, 3, 3, 40)) < 0.5)
    calls, recorded = KernelCalls(), []
    for sign in (-1, 0, 1):
        op = BinaryConv2D(
            weights, 40, rng.integers(-9, 9, 33).astype(np.int32), padding=Padding(1, 1, 1, 1), pad_sign=sign
        )
        x, kind = pack_bits(rng.random((5, 9, 40)) < 0.5), bits_type((5, 9, 40))
        for columns in (range(0, 4), range(4, 9), range(8, 9)):
            narrow, (part,) = op.strip(columns, kind)
            cut = np.ascontiguousarray(x[:, part.start : part.stop])
            outs = stream(calls, narrow.stream_kernels(SCALAR, bits_type((5, len(part), 40))), [cut])
            recorded.append((op, outs, op.golden(x)[:, columns.start : columns.stop]))
    for _, got, want in played(recorded, calls, tmp_path):
        assert np.array_equal(got, want)


@pytest.mark.parametrize("cpu", CPU_CLASSES.values(), ids=lambda c: c.name)
def test_weights_take_a_bit_each(cpu):
    """Of 128 channels to 128, an eighth of the bytes of int8 weights."""
    op = BinaryConv2D(np.zeros((128, 3, 3, 4), np.uint32), 128, np.zeros(128, np.int32))
    kernel = op.row_kernel(cpu, bits_type((8, 8, 128)))
    packed = max(kernel.constants, key=lambda c: c.nbytes)
    assert packed.nbytes == 128 * 9 * 128 // 8
    assert sum(c.nbytes for c in kernel.constants) < 1.05 * packed.nbytes


@pytest.mark.parametrize("depth_channels", [1, 5, 16, 33])
def test_counters_start_where_more_mismatches_pass_the_last_plane(depth_channels):
    op = BinaryConv2D(
        np.zeros((40, 1, 1, -(-depth_channels // 32)), np.uint32),
        depth_channels,
        np.arange(-20, 20, dtype=np.int32) * 3,
    )
    part = Part("ew_binary", 1, 0, 40)
    words = start_planes(op, part)
    top = words.shape[1] - 2
    lanes = np.unpackbits(
        words[..., 0].astype("<u4").view(np.uint8).reshape(2, top + 2, 4), axis=2, bitorder="little"
    )
    start = sum(lanes[:, p].astype(int) << p for p in range(top + 1)).reshape(-1)[:40]
    for mismatches in range(depth_channels + 1):
        positive = depth_channels - 2 * mismatches >= op.thresholds
        assert ((start + mismatches < 1 << top) == positive).all()


@pytest.mark.parametrize(
    "cpu", ["cortex-m0", "cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m55"]
)
def test_every_kernel_has_costs(cpu):
    features = {"cortex-m4": ("dsp",), "cortex-m7": ("dsp",), "cortex-m55": ("dsp", "mve")}.get(cpu, ())
    for kind in KINDS:
        for op, types, _ in itertools.islice(cases(kind), 20):
            for kernel in op.stream_kernels(cpu_class(features), *types):
                assert kernel.work
                assert estimate_kernel_cycles(kernel, cost_model(cpu)) > 0


def test_vectors_take_all_but_a_small_rest():
    def parts(outputs, cpu):
        return [(p.words, p.first, p.count) for p in split_outputs(outputs, cpu)]

    assert parts(64, DSP) == [(1, 0, 64)]
    assert parts(64, MVE) == [(1, 0, 64)]
    assert parts(65, MVE) == [(4, 0, 65)]
    assert parts(192, MVE) == [(4, 0, 128), (1, 128, 64)]
