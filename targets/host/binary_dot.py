"""Sums of products of signs on application processors: XNOR and popcount, vectorized by TVM's LLVM.

    mismatches[p, o] = sum over k of popcount((x[p, k] xor w[o, k]) and m[p, k])

TensorIR holds the loops; 16 output channels lie beside one another, so that a vector counts the bits of 16
words: VPOPCNTD where the processor has it, else shuffles of a table on x86, CNT on AArch64.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.binary_conv import BinaryConv2D
from edgewright.converter.ops.bits import pack_bits
from edgewright.converter.ops.window import pad_border, window_views

LANES = 16
AARCH64: dict[str, Any] = {"kind": "llvm", "mtriple": "aarch64-linux-gnu", "mattr": ["+neon"]}
UInt32Array = npt.NDArray[np.uint32]


def host_target() -> dict[str, Any]:
    """This processor, as LLVM names it."""
    from tvm.target import codegen

    return {"kind": "llvm", "mcpu": str(codegen.llvm_get_system_cpu())}


def mismatch_script(pixels: int, words: int, blocks: int, *, masked: bool) -> str:
    """TVMScript of `mismatches` for `blocks` groups of 16 output channels."""
    mask = f'M: T.Buffer(({pixels}, {words}), "uint32"), ' if masked else ""
    bits = "(X[p, k] ^ W[o, k, l])" + (" & M[p, k]" if masked else "")
    lane = f"Y[p, o * {LANES} + l]"
    return f"""
@T.prim_func(s_tir=True)
def f(X: T.Buffer(({pixels}, {words}), "uint32"), {mask}W: T.Buffer(({blocks}, {words}, {LANES}), "uint32"),
      Y: T.Buffer(({pixels}, {blocks * LANES}), "int32")):
    T.func_attr({{"global_symbol": "f", "tirx.noalias": True}})
    for o, p in T.grid({blocks}, {pixels}):
        for l in T.vectorized({LANES}):
            {lane} = 0
        for k in range({words}):
            for l in T.vectorized({LANES}):
                {lane} = {lane} + T.cast(T.popcount({bits}), "int32")
"""


def compile_mismatches(pixels: int, words: int, blocks: int, target: dict[str, Any], *, masked: bool) -> Any:
    """TVM's executable with the function `f` (x, mask if any, w, y)."""
    import tvm
    from tvm.script import from_source
    from tvm.script import tirx as T

    function = from_source(mismatch_script(pixels, words, blocks, masked=masked), {"T": T})
    return tvm.compile(tvm.IRModule({"f": function}), tvm.target.Target(target))


def assembly(pixels: int, words: int, blocks: int, target: dict[str, Any]) -> str:
    """Assembly of the kernel for any target that LLVM knows."""
    return str(compile_mismatches(pixels, words, blocks, target, masked=False).mod.inspect_source("asm"))


@lru_cache(maxsize=64)
def _compiled(pixels: int, words: int, blocks: int, masked: bool) -> Any:
    return compile_mismatches(pixels, words, blocks, host_target(), masked=masked)["f"]


def mismatches(x: UInt32Array, w: UInt32Array, mask: UInt32Array | None = None) -> npt.NDArray[np.int32]:
    """Differing signs of every pixel and output channel, on this machine.

    Args:
        x: Packed signs [P, words].
        w: Packed weights [O, words].
        mask: [P, words]: bits that count; None for all.

    Returns:
        int32 [P, O].
    """
    from tvm import runtime

    (pixels, words), outputs = x.shape, len(w)
    blocks = -(-outputs // LANES)
    packed = np.zeros((blocks * LANES, words), np.uint32)
    packed[:outputs] = w
    lanes = np.ascontiguousarray(packed.reshape(blocks, LANES, words).transpose(0, 2, 1))
    arrays = [x, lanes] if mask is None else [x, mask, lanes]
    result = runtime.tensor(np.empty((pixels, blocks * LANES), np.int32))
    _compiled(pixels, words, blocks, mask is not None)(
        *(runtime.tensor(np.ascontiguousarray(a)) for a in arrays), result
    )
    return np.asarray(result.numpy()[:, :outputs])


def binary_sums(op: BinaryConv2D, x: UInt32Array) -> npt.NDArray[np.int64]:
    """`BinaryConv2D.sums` on this machine: uint32 [H, W, words] -> int64 [H', W', O]."""
    fields = _fields(op, x, pack_bits(np.full(op.channels, op.pad_sign > 0)))
    rows, columns = fields.shape[:2]
    flat = fields.reshape(rows * columns, -1)
    weights = op.weights.reshape(len(op.weights), -1)
    if op.pad_sign or op.padding.top + op.padding.bottom + op.padding.left + op.padding.right == 0:
        sums = op.depth - 2 * mismatches(flat, weights).astype(np.int64)
    else:
        ones = np.broadcast_to(pack_bits(np.ones(op.channels, np.bool_)), x.shape)
        mask = _fields(op, np.ascontiguousarray(ones), np.zeros(x.shape[2], np.uint32)).reshape(flat.shape)
        terms = np.bitwise_count(mask).sum(axis=1, dtype=np.int64)
        sums = terms[:, None] - 2 * mismatches(flat, weights, mask).astype(np.int64)
    return sums.reshape(rows, columns, -1)


def _fields(op: BinaryConv2D, x: UInt32Array, fill: UInt32Array) -> UInt32Array:
    """Receptive fields [H', W', kh, kw, words], with the pixel `fill` in the padding."""
    padded = pad_border(x, op.padding, 0)
    inside = pad_border(np.ones((*x.shape[:2], 1), np.bool_), op.padding, 0)
    padded = np.where(inside, padded, fill)
    return np.ascontiguousarray(window_views(padded, op.window, op.stride, op.dilation))
