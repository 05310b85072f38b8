"""What all kernels of binary convolutions share: rows read, padding, factors, requantization."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.binary_conv import MAX_FACTOR, BinaryConv2D
from edgewright.converter.ops.bits import pack_bits
from edgewright.converter.program import TensorType
from edgewright.targets.codegen.kernels.geometry import window_input
from edgewright.targets.codegen.row_kernel import RowInput
from edgewright.targets.cpu import CpuClass

Int32Array = npt.NDArray[np.int32]


def sign_rows(op: BinaryConv2D, x: TensorType) -> RowInput:
    """How the layer walks over the rows of its packed input; rows outside are null pointers."""
    return window_input(op, x, None)


def fill_pixel(op: BinaryConv2D) -> npt.NDArray[np.uint32] | None:
    """The pixel of padding, uint32 [words]; None where there is no padding or it counts nothing."""
    padded = op.padding.top or op.padding.bottom or op.padding.left or op.padding.right
    if not padded or op.pad_sign == 0:
        return None
    return pack_bits(np.full(op.channels, op.pad_sign > 0))


def factor_view(op: BinaryConv2D, factor: TensorType) -> tuple[RowInput, str, str]:
    """(rows of the factors, C argument: factors of a row, C argument: distance of neighbours).

    Args:
        op: The layer.
        factor: Type of the second input, int32 [1, 1, 1] or [H', W', 1].
    """
    repeated = factor.shape == (1, 1, 1)
    view = RowInput(factor.shape[0], factor.row_bytes, stride=0 if repeated else 1)
    return view, f"rows[{op.window[0]}]", "0" if repeated else "1"


def requantization(
    op: BinaryConv2D, cpu: CpuClass, factor: TensorType | None
) -> tuple[str, npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """(the cheapest exact form, its constants, int32 [3 * O], those of `ew_output`).

    "bounded" needs sums below 2^30 and right shifts (`ew_math.h`), else "general"; Helium has that alone.

    Args:
        op: The layer.
        cpu: CPU class.
        factor: Type of the second input; None where all sums are shifted by `fraction_bits`.
    """
    r = op.requantize
    assert r is not None
    largest = op.depth * (1 << op.fraction_bits if factor is None else MAX_FACTOR)
    bound = largest + int(np.abs(r.bias.astype(np.int64)).max())
    right = bool(((r.shift <= -1) & (r.shift >= -30)).all())
    bounded = bound < 1 << 30 and right and cpu.name != "mve"
    shift = -r.shift if bounded else r.shift
    packed = np.concatenate([r.bias, r.multiplier, shift]).astype(np.int32)
    output = np.array([r.output.zero_point, *r.clamp], np.int32)
    return "bounded" if bounded else "general", packed, output
