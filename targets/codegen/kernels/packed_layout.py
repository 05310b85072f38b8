"""Layouts of packed weights in flash: uint32 words, filled up with code 0.

w = step * code + offset, codes of 4, 2 or 1 bits (`converter/ops/weight_format.py`).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.weight_format import WeightFormat

Words = npt.NDArray[np.uint32]
Codes = npt.NDArray[np.uint8]


def storage(stored: WeightFormat) -> str:
    """How weights are stored, for reports."""
    return f"{stored.name} weights of {stored.bits} bit{'s' * (stored.bits > 1)}, packed"


def grouped_codes(
    weights: npt.NDArray[np.int8], groups: int, stored: WeightFormat, channels: int, depth: int
) -> Codes:
    """int8 [O, kh, kw, I / groups] -> codes [groups * blocks, channels, depth], filled up to multiples.

    Args:
        weights: The weights.
        groups: Of the convolution.
        stored: Their format.
        channels: Output channels of a block.
        depth: The depth is rounded up to a multiple of it.
    """
    outputs = weights.shape[0] // groups
    codes = stored.codes(weights).reshape(groups, outputs, -1)
    blocks, whole = -(-outputs // channels), -(-codes.shape[2] // depth) * depth
    filled = np.zeros((groups, blocks * channels, whole), np.uint8)
    filled[:, :outputs, : codes.shape[2]] = codes
    return filled.reshape(groups * blocks, channels, whole)


def stacked(codes: Codes, bits: int) -> Words:
    """Codes of 4 and 2 bits for `ew_packed_dot4_4xP`, `ew_packed_dot2_4xP`: [blocks, 4 channels, depth].

    The halves of a word are inputs 0 and 2, or 1 and 3, of a quad; in each the four channels stand above one
    another. With 2 bits both pairs of a quad share a word: [blocks, quads]; else [blocks, quads, 2].
    """
    blocks, channels, depth = codes.shape
    quads = codes.reshape(blocks, channels, depth // 4, 4).astype(np.uint32)
    shifts = (np.arange(channels, dtype=np.uint32) * bits)[:, None, None]
    halves = np.bitwise_or.reduce(quads << shifts, axis=1)  # [blocks, quads, 4]
    words = halves[..., :2] | halves[..., 2:] << 16
    return np.ascontiguousarray(words if bits == 4 else words[..., 0] | words[..., 1] << 8)


def in_order(codes: Codes, bits: int) -> Words:
    """Codes of [.., count] one after the other from bit 0 on: words [.., count * bits / 32], rounded up."""
    count = codes.shape[-1]
    whole = 32 // bits
    filled = np.zeros((*codes.shape[:-1], -(-count // whole) * whole), np.uint32)
    filled[..., :count] = codes
    by_word = filled.reshape(*codes.shape[:-1], -1, whole)
    words = np.bitwise_or.reduce(by_word << (np.arange(whole, dtype=np.uint32) * bits), axis=-1)
    return np.ascontiguousarray(words)


def paired(codes: Codes, bits: int) -> npt.NDArray[np.unsignedinteger]:
    """Codes [blocks, 2 channels, depth] for `ew_packed_dot<bits>_2x1`, depth a multiple of 8.

    One channel in the low halves, the other one in the high ones: words [blocks, depth / 4] of 4 bits,
    [blocks, depth / 8] of 2 bits, half words [blocks, depth / 8] of 1 bit.
    """
    run = 4 if bits == 4 else 8
    by_run = codes.reshape(codes.shape[0], 2, -1, run).astype(np.uint32)
    joined = np.bitwise_or.reduce(by_run << (np.arange(run, dtype=np.uint32) * bits), axis=-1)
    if bits == 1:
        return np.asarray(joined[:, 0] | joined[:, 1] << 8, np.uint16)
    return np.asarray(joined[:, 0] | joined[:, 1] << 16, np.uint32)


def negative_planes(codes: Codes) -> Words:
    """Signs for `ew_packed_dot1_2xP`: codes [blocks, 2 channels, depth], depth a multiple of 16.

    A word is 16 inputs of both channels: in byte i bit 2 * quad + channel is 1 where the weight of input
    4 * quad + i is -1. [blocks, depth / 16].
    """
    blocks, channels, depth = codes.shape
    negative = (1 - codes.astype(np.uint32)).reshape(blocks, channels, depth // 16, 4, 4)
    quad, byte = np.arange(4, dtype=np.uint32)[:, None], np.arange(4, dtype=np.uint32)
    channel = np.arange(channels, dtype=np.uint32).reshape(1, channels, 1, 1, 1)
    placed = negative << (8 * byte + 2 * quad + channel)
    return np.ascontiguousarray(np.bitwise_or.reduce(placed, axis=(1, 3, 4)))


def planes(codes: Codes, bits: int, lanes: int) -> Words:
    """Codes [.., count] for `ew_packed_unpack`: byte j of a run of `lanes` bytes holds codes j, j + lanes, …

    `lanes` is 4 or 16; `count` is rounded up to a whole run. Words [.., bytes / 4].
    """
    run = lanes * 8 // bits
    count = codes.shape[-1]
    filled = np.zeros((*codes.shape[:-1], -(-count // run) * run), np.uint8)
    filled[..., :count] = codes
    by_plane = filled.reshape(*codes.shape[:-1], -1, 8 // bits, lanes)
    shifts = (np.arange(8 // bits, dtype=np.uint8) * bits)[:, None]
    packed = np.bitwise_or.reduce(by_plane << shifts, axis=-2).astype(np.uint8)
    return np.ascontiguousarray(packed.reshape(*codes.shape[:-1], -1)).view("<u4")
