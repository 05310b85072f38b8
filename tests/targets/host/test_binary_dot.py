"""Binary sums through TVM's LLVM equal golden on this machine; other targets are compiled and read."""

from __future__ import annotations

import numpy as np
import pytest

from edgewright.converter.ops.binary_conv import BinaryConv2D
from edgewright.targets.host.binary_dot import AARCH64, assembly, binary_sums, mismatches
from tests.targets.codegen.binary_cases import inputs, thresholded

pytest.importorskip("tvm")


def test_mismatches_equal_numpy():
    rng = np.random.default_rng(1)
    x = rng.integers(0, 2**32, (7, 5), dtype=np.uint32)
    w = rng.integers(0, 2**32, (21, 5), dtype=np.uint32)
    want = np.bitwise_count(x[:, None] ^ w).sum(axis=2)
    assert np.array_equal(mismatches(x, w), want)
    mask = rng.integers(0, 2**32, x.shape, dtype=np.uint32)
    want = np.bitwise_count((x[:, None] ^ w) & mask[:, None]).sum(axis=2)
    assert np.array_equal(mismatches(x, w, mask), want)


@pytest.mark.parametrize("seed", range(12))
def test_sums_equal_golden(seed):
    rng = np.random.default_rng([2, seed])
    op, types = thresholded(rng)
    assert isinstance(op, BinaryConv2D)
    (x,) = inputs(rng, op, types)
    assert np.array_equal(binary_sums(op, x), op.sums(x))


def test_aarch64_counts_bits_in_vectors():
    text = assembly(4, 9, 2, AARCH64)
    assert "cnt\tv" in text
    assert "uaddlp" in text or "uadalp" in text or "udot" in text
