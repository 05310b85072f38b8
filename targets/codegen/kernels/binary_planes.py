"""Binary convolutions whose words hold 32 output channels: counters in planes (`ew_binary_planes.h`).

For every input channel of a window one word says which outputs disagree with its sign. Carry-save adders
count these words for 32 outputs at once (128 on Helium), so that no sum goes across a word, and thresholds
and zero padding become constants that the counters start from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.binary_conv import BinaryConv2D
from edgewright.converter.ops.bits import WORD_BITS, pack_bits, unpack_signs
from edgewright.converter.program import Array, TensorType
from edgewright.targets.codegen.kernels.binary_output import (
    factor_view,
    fill_pixel,
    requantization,
    sign_rows,
)
from edgewright.targets.codegen.kernels.binary_work import planes_work
from edgewright.targets.codegen.row_kernel import RowKernel
from edgewright.targets.cpu import CpuClass

HALF_CHANNELS = 16
# The micro-kernels keep four planes, of weight 1 to 8, apart; all further ones lie above them.
LOWEST_TOP = 4
VECTOR_WORDS = 4


@dataclass(frozen=True)
class Part:
    """Output channels that one set of micro-kernels makes.

    Args:
        name: Start of their names.
        words: Words of 32 channels they take at a time.
        first, count: Output channels.
    """

    name: str
    words: int
    first: int
    count: int

    @property
    def blocks(self) -> int:
        return -(-self.count // (WORD_BITS * self.words))


def split_outputs(outputs: int, cpu: CpuClass) -> list[Part]:
    """Vectors of 128 channels on Helium, as long as more than half of one is used; words of 32 for the rest.

    >>> from edgewright.targets.cpu import MVE
    >>> [(p.name, p.first, p.count) for p in split_outputs(200, MVE)]
    [('ew_binary_mve', 0, 200)]
    >>> [(p.name, p.first, p.count) for p in split_outputs(160, MVE)]
    [('ew_binary_mve', 0, 128), ('ew_binary', 128, 32)]
    """
    vector = WORD_BITS * VECTOR_WORDS
    taken = 0
    if cpu.name == "mve":
        taken = outputs if outputs % vector > vector // 2 else outputs - outputs % vector
    parts = [Part("ew_binary_mve", VECTOR_WORDS, 0, taken), Part("ew_binary", 1, taken, outputs - taken)]
    return [p for p in parts if p.count]


class Pool:
    """Constants of a kernel, by the C expressions that name them."""

    def __init__(self) -> None:
        self.arrays: list[Array] = []

    def add(self, array: Array | None) -> str:
        """The expression of a new constant, "0" for none."""
        if array is None:
            return "0"
        self.arrays.append(array)
        return f"c[{len(self.arrays) - 1}]"


def binary_planes_kernel(
    op: BinaryConv2D, cpu: CpuClass, x: TensorType, factor: TensorType | None
) -> RowKernel:
    """Row kernel of a binary convolution; arguments as `binary_convolution_kernel`."""
    y = op.output_type(*((x,) if factor is None else (x, factor)))
    parts, pool, inputs = split_outputs(op.weights.shape[0], cpu), Pool(), [sign_rows(op, x)]
    fill = pool.add(fill_pixel(op))
    form, k, tail = "bits", "", list[str]()
    if op.requantize is not None:
        form, packed, output = requantization(op, cpu, factor)
        k = pool.add(packed)
        if factor is None:
            tail = [pool.add(np.array([1 << op.fraction_bits], np.int32)), "0", pool.add(output)]
        else:
            view, *factors = factor_view(op, factor)
            inputs.append(view)
            tail = [*factors, pool.add(output)]
    calls: list[tuple[str, tuple[str, ...]]] = []
    for part in parts:
        first = f"(const int32_t *){k} + {part.first}" if k else pool.add(start_planes(op, part))
        out = f"({'int8_t' if k else 'uint32_t'} *)out + {part.first // (1 if k else WORD_BITS)}"
        window, weights = pool.add(_window(op, x, y, part)), pool.add(pack_planes(op, part))
        calls.append((f"{part.name}_{form}", ("rows", out, window, weights, first, fill, "scratch", *tail)))
    call, source, passed = _combined(calls)
    return RowKernel(
        family=f"binary{op.window[0]}x{op.window[1]}_{x.shape[1]}x{op.channels}_{op.weights.shape[0]}",
        script="",
        call=call,
        source=source,
        arguments=passed,
        inputs=tuple(inputs),
        out_rows=y.shape[0],
        out_row_bytes=y.row_bytes,
        constants=tuple(pool.arrays),
        headers=("ew_binary_conv_mve.h" if cpu.name == "mve" else "ew_binary_conv.h",),
        # One word for each group of 16 input channels of the window.
        scratch_bytes=4 * op.window[0] * op.window[1] * halves_of(op) * max(p.words for p in parts),
        reason=f"carry-save counters of {' and '.join(str(WORD_BITS * p.words) for p in parts)} channels, "
        + ("thresholds" if form == "bits" else f"{form} requantization"),
        work=planes_work(op, x, y, form, [(p.words, p.blocks, p.count) for p in parts]),
    )


def _combined(calls: Sequence[tuple[str, tuple[str, ...]]]) -> tuple[str, str, tuple[str, ...]]:
    """(call, source, arguments) of a kernel that makes these calls."""
    if len(calls) == 1:
        return calls[0][0], "", calls[0][1]
    names = ("rows", "out", "c", "scratch")
    parameters = "const void *const *rows, void *out, const void *const *c, void *scratch"
    body = "".join(f"  {name}({', '.join(arguments)});\n" for name, arguments in calls)
    return "", f"static void f({parameters}) {{\n{body}}}\n", names


def halves_of(op: BinaryConv2D) -> int:
    """Groups of 16 input channels of a pixel."""
    return -(-op.channels // HALF_CHANNELS)


def last_plane(depth: int) -> int:
    """The plane that counts of at most `depth` mismatches do not reach."""
    return max(LOWEST_TOP, depth.bit_length())


def pack_planes(op: BinaryConv2D, part: Part) -> npt.NDArray[np.uint32]:
    """uint32 [O, kh, kw, words] -> [blocks, kh, kw, channels to a multiple of 16, part.words], zero filled.

    Bit i of a word belongs to its i-th output; channels are stored as pairs (first, first ^ second).
    """
    _, height, width, _ = op.weights.shape
    used = op.weights[part.first : part.first + part.count]
    outputs = part.blocks * part.words * WORD_BITS
    bits = np.zeros((outputs, height, width, halves_of(op) * HALF_CHANNELS), np.bool_)
    bits[: part.count, ..., : op.channels] = unpack_signs(used, op.channels) > 0
    words = pack_bits(bits.transpose(1, 2, 3, 0))
    words[:, :, 1::2] ^= words[:, :, ::2]
    by_block = words.reshape(*words.shape[:3], part.blocks, part.words)
    return np.ascontiguousarray(by_block.transpose(3, 0, 1, 2, 4))


def start_planes(op: BinaryConv2D, part: Part) -> npt.NDArray[np.uint32]:
    """What the counters start from: uint32 [blocks, top + 2, part.words].

    With m = floor((depth - threshold) / 2), the most mismatches whose sum reaches the threshold, counts start
    from 2^top - 1 - m, planes 0 to top. The last word has a bit where depth and threshold are both even or
    both odd: half a mismatch more is one more there.
    """
    assert op.thresholds is not None
    depth, top = op.depth, last_plane(op.depth)
    lanes = part.blocks * part.words * WORD_BITS
    wanted = np.full(lanes, depth + 2, np.int64)
    wanted[: part.count] = op.thresholds[part.first : part.first + part.count]
    most = np.clip((depth - wanted) // 2, -1, depth)
    start = (1 << top) - 1 - most
    planes = np.stack([start >> p & 1 for p in range(top + 1)] + [(depth - wanted + 1) & 1])
    words = pack_bits(planes.astype(np.bool_)).reshape(top + 2, part.blocks, part.words)
    return np.ascontiguousarray(words.transpose(1, 0, 2))


def _window(op: BinaryConv2D, x: TensorType, y: TensorType, part: Part) -> npt.NDArray[np.int32]:
    """The constants of `ew_binary_window`: int32 [13]."""
    steps = (op.stride[1], op.dilation[1], op.padding.left)
    read = (x.shape[1], x.shape[2], op.channels, halves_of(op), *op.window, *steps)
    return np.array([*read, y.shape[1], part.count, y.shape[2], last_plane(op.depth)], np.int32)
