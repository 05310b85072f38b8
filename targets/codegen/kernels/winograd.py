"""Kernels of 3 x 3 convolutions by Winograd's algorithm, on cores with DSP instructions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.program import Array, TensorType
from edgewright.targets.codegen.kernels.requantization import Epilogue, epilogue
from edgewright.targets.codegen.kernels.winograd_code import winograd_code
from edgewright.targets.codegen.kernels.winograd_source import Shape, winograd_source
from edgewright.targets.codegen.kernels.winograd_steps import find_steps
from edgewright.targets.codegen.kernels.winograd_transform import (
    TRANSFORMS,
    Transform,
    is_exact,
    plain_weights,
    transformed_weights,
)
from edgewright.targets.codegen.kernels.winograd_work import CHANNELS, TILES, fours, winograd_work
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel
from edgewright.targets.cpu import CpuClass

FORMS = ("relu", "linear", "bounded", "general")
# Right shifts up to which an output zero point, shifted left by it, leaves room for the sum.
MOST_SHIFT = 22


def winograd_kernels(op: Conv2D, cpu: CpuClass, x: TensorType) -> tuple[RowKernel, ...]:
    """Kernels that compute a whole layer in one call, [H, W, C] -> [H', W', O].

    Tiles of 4 x 4 and of 2 x 2 outputs, each with transformed weights in flash, and with int8 weights that
    every inference transforms. None for other windows than 3 x 3, strides, dilation, groups, packed weights,
    channels that are no multiple of 4, an odd number of outputs, and sums that might lose upper bits.

    Args:
        op: The convolution.
        cpu: CPU class.
        x: Type of its input.
    """
    outputs, height, width, channels = op.weights.shape
    usual = (op.stride, op.dilation, op.groups, op.weight_format) == ((1, 1), (1, 1), 1, "int8")
    if cpu.name != "dsp" or (height, width) != (3, 3) or not usual or channels % 4 or outputs % CHANNELS:
        return ()
    if min(op.padding.top, op.padding.left, op.padding.bottom, op.padding.right) < 0:
        return ()
    call = epilogue(op.requantize, op.weights, op.input_zero_point, FORMS)
    sums = np.abs(op.weights.astype(np.int64)).sum(axis=(1, 2, 3))
    largest = np.abs(call.bias.astype(np.int64)) + 128 * sums
    found = []
    for transform in TRANSFORMS.values():
        if not is_exact(transform, largest):
            continue
        form, shift, table = _channels(transform, call, op.weights)
        for shape in _shapes(transform.size, form, op, x):
            if shape.fits:
                shape = replace(shape, step_shift=shift)
                found.append(_kernel(op, cpu, x, transform, shape, (table, shape.numbers(call.output))))
    return tuple(found)


def _shapes(size: int, form: str, op: Conv2D, x: TensorType) -> list[Shape]:
    """Transformed weights in flash, and in scratch memory in the way that needs least of it."""
    y = op.output_type(x).shape

    def shape(block: int, expand: int) -> Shape:
        padding = (op.padding.top, op.padding.left, op.input_zero_point)
        return Shape(size, form, block, expand, *x.shape, *padding, *y)

    down, across = -(-y[0] // size), -(-y[1] // size)
    few = _best_block(down, across)
    return [shape(few, 0), min(shape(few, 1), shape(down, 2), key=_scratch_bytes)]


def _best_block(down: int, across: int) -> int:
    """The fewest rows of tiles at a time among those that compute the fewest tiles, four by four."""

    def tiles(block: int) -> int:
        whole, rest = divmod(down, block)
        return whole * fours(block * across) + fours(rest * across)

    return min(range(1, min(down, TILES) + 1), key=lambda block: (tiles(block), block))


def _scratch_bytes(shape: Shape) -> int:
    """Transformed inputs of a block, of a row of tiles in one direction, weights, and the sums of four tiles.

    The sums, and where each tile goes, share their place with the copy of the rows that a row of tiles reads.
    """
    n = shape.size + 2
    tiles = fours(shape.block * shape.across) * TILES
    inputs = tiles * n * n * shape.channels // 2
    kept = {0: 0, 1: shape.outputs, 2: CHANNELS}[shape.expand]
    rest = max(TILES * CHANNELS * n * n + tiles, n * shape.columns * shape.channels // 4)
    return 4 * (inputs + 2 * n * shape.plane + kept * n * n * shape.channels // 2 + rest)


def _channels(transform: Transform, call: Epilogue, weights: npt.NDArray[np.int8]) -> tuple[str, int, Array]:
    """(form, its shift for all channels, `ew_winograd_channel` of every output channel)."""
    form, multiplier = call.form, call.multiplier.astype(np.int64)
    bias = call.bias.astype(np.int64) * transform.bias_factor
    shift, common = call.shift.astype(np.int64), 0
    addend = np.zeros_like(shift)
    steps = find_steps(call, weights) if transform.size == 4 else None
    if steps is not None:
        form, common = f"step_{form}", steps.shift
        bias, multiplier, shift, addend = steps.bias, steps.multiplier, steps.negative, steps.addend
    elif form in ("relu", "linear"):
        shift = shift + 1
        if shift.max() > MOST_SHIFT:
            form = "bounded"
        else:
            addend = (1 << (shift - 1)) + (call.zero_point << shift)
    columns = [bias, multiplier, shift, addend]
    return form, common, np.ascontiguousarray(np.stack(columns, axis=1).astype(np.int32))


def _kernel(
    op: Conv2D, cpu: CpuClass, x: TensorType, transform: Transform, shape: Shape, tables: tuple[Array, Array]
) -> RowKernel:
    stored = plain_weights(op.weights) if shape.expand else transformed_weights(transform, op.weights)
    size, where = shape.size, "RAM" if shape.expand else "flash"
    code_bytes, shared_code = winograd_code(shape)
    return RowKernel(
        # The same for all layers, so that they share the symbol.
        family=f"winograd{size}",
        script="",
        source=winograd_source(shape, dual_issue=cpu.dual_issue),
        arguments=("rows[0]", "out", "c[0]", "c[1]", "c[2]", "scratch"),
        inputs=(RowInput(rows=1, row_bytes=x.size_bytes),),
        out_rows=1,
        out_row_bytes=shape.out_rows * shape.out_columns * shape.outputs,
        constants=(stored.reshape(-1), *tables),
        headers=("ew_winograd_layer.h",),
        scratch_bytes=_scratch_bytes(shape),
        code_bytes=code_bytes,
        shared_code=shared_code,
        variant=f"winograd {size}x{size}, weights in {where}",
        reason=f"Winograd, {9 * size * size / transform.points:.4g} times fewer products; "
        f"tiles of {size} x {size}, transformed weights in {where}",
        work=winograd_work(shape),
    )
