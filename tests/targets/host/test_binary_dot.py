"""Binary sums through TVM's LLVM equal golden on this machine and on an emulated AArch64."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest

from edgewright.converter.ops.binary_conv import BinaryConv2D
from edgewright.targets.host.binary_dot import (
    AARCH64,
    LANES,
    assembly,
    binary_sums,
    mismatch_script,
    mismatches,
)
from edgewright.targets.host.object_code import write_object
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


def _array(name: str, kind: str, array) -> str:
    return f"{kind} {name}[] = {{{','.join(str(v) for v in array.ravel().tolist())}}};\n"


def test_aarch64_equals_golden(tmp_path):
    compiler, emulator = shutil.which("aarch64-linux-gnu-gcc"), shutil.which("qemu-aarch64")
    if compiler is None or emulator is None:
        pytest.skip("needs gcc-aarch64-linux-gnu, libc6-dev-arm64-cross and qemu-user")
    pixels, words, outputs = 5, 9, 2 * LANES
    rng = np.random.default_rng(3)
    x = rng.integers(0, 2**32, (pixels, words), dtype=np.uint32)
    w = rng.integers(0, 2**32, (outputs, words), dtype=np.uint32)
    lanes = w.reshape(2, LANES, words).transpose(0, 2, 1)
    write_object(mismatch_script(pixels, words, 2, masked=False), AARCH64, tmp_path / "f.o")
    source = (
        "#include <stdint.h>\n#include <stdio.h>\n"
        + _array("x", "uint32_t", x)
        + _array("w", "uint32_t", lanes)
        + f"int32_t y[{pixels * outputs}];\nvoid f(void *, void *, void *);\n"
        + "int main(void) { f(x, w, y);\n"
        + f'  for (int i = 0; i < {pixels * outputs}; i++) printf("%d ", (int)y[i]);\n  return 0; }}\n'
    )
    (tmp_path / "main.c").write_text(source)
    command = [compiler, "-Wall", "-Wextra", "-Werror", "-static", "main.c", "f.o", "-o", "run"]
    subprocess.run(command, cwd=tmp_path, check=True)
    done = subprocess.run([emulator, str(tmp_path / "run")], capture_output=True, text=True, check=True)
    made = np.array(done.stdout.split(), np.int64).reshape(pixels, outputs)
    assert np.array_equal(made, np.bitwise_count(x[:, None] ^ w).sum(axis=2))
