"""Kernels of the scalar class for layers with int8 weights: which there are for a layer."""

from __future__ import annotations

import numpy as np

from edgewright.converter.ops.base import OpKind
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.program import TensorType
from edgewright.targets.codegen.kernels.geometry import pixel_geometry, window_geometry, window_input
from edgewright.targets.codegen.kernels.requantization import epilogue
from edgewright.targets.codegen.kernels.scalar_lanes import lanes_kernel
from edgewright.targets.codegen.kernels.scalar_pairs import Dense, fits_pairs, pairs_kernel
from edgewright.targets.codegen.kernels.scalar_planes import planes_kernels
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel
from edgewright.targets.cpu import CpuClass

# Columns of an output row from which on its planes take fewer instructions than four channels at a time.
PLANE_COLUMNS = 24


def scalar_kernels(op: OpKind, cpu: CpuClass, x: TensorType) -> tuple[RowKernel, ...]:
    """Kernels of a layer on cores without DSP instructions; none where they do not apply.

    Args:
        op: Any operation.
        cpu: CPU class.
        x: Its input, as the kernel sees it.
    """
    if cpu.name != "scalar" or getattr(op, "weight_format", "") != "int8":
        return ()
    if isinstance(op, DepthwiseConv2D):
        return planes_kernels(op, x)
    layer = _dense(op, x)
    if layer is None or not fits_pairs(layer.weights):
        return ()
    # A single pixel would leave three of four unused.
    more = (lanes_kernel(layer),) if layer.geometry.out_columns > 1 else ()
    return (pairs_kernel(layer), *more)


def scalar_row_kernel(op: OpKind, cpu: CpuClass, x: TensorType) -> RowKernel | None:
    """The kernel that makes one output row of a layer a call, for streams too; its weights take a byte each.

    Returns:
        None where none applies, or where rows are too short for planes of them to be worth their while.
    """
    kernels = scalar_kernels(op, cpu, x)
    if not kernels or not isinstance(op, DepthwiseConv2D):
        return kernels[1] if len(kernels) > 1 else None
    return kernels[-1] if op.output_type(x).shape[1] >= PLANE_COLUMNS else None


def _dense(op: OpKind, x: TensorType) -> Dense | None:
    if isinstance(op, Conv2D):
        return _convolution(op, x)
    return _fully_connected(op, x) if isinstance(op, FullyConnected) else None


def _convolution(op: Conv2D, x: TensorType) -> Dense:
    outputs, height, width, _ = op.weights.shape
    out_rows = op.output_type(x).shape[0]
    geometry = window_geometry(op, x)
    rows = window_input(op, x, op.input_zero_point)
    call = epilogue(op.requantize, op.weights, op.input_zero_point, ("general",))
    family = f"conv{height}x{width}_{x.shape[1]}x{x.shape[2]}_{outputs}"
    return Dense(family, op.weights, geometry, call, False, rows, out_rows)


def _fully_connected(op: FullyConnected, x: TensorType) -> Dense:
    outputs, inputs = op.weights.shape
    rows, columns, _ = x.shape
    weights = np.ascontiguousarray(op.weights.reshape(outputs, 1, 1, inputs))
    geometry = pixel_geometry(op, x)
    call = epilogue(op.requantize, weights, op.input_zero_point, ("once",))
    return Dense(
        f"fc_{columns}x{inputs}_{outputs}", weights, geometry, call, True, RowInput(rows, x.row_bytes), rows
    )
