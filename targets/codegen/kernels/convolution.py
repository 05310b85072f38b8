"""Row kernels of convolutions and of fully connected layers over several pixels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.ops.weight_format import WeightFormat, weight_format
from edgewright.converter.program import TensorType
from edgewright.targets.codegen.kernels.dot import dot_kernel
from edgewright.targets.codegen.kernels.dot_mve import dot_mve_kernel
from edgewright.targets.codegen.kernels.dot_wide import wide_row_kernel
from edgewright.targets.codegen.kernels.geometry import (
    Geometry,
    pixel_geometry,
    window_geometry,
    window_input,
)
from edgewright.targets.codegen.kernels.packed_dot import MAX_DEPTH, packed_dot_kernel
from edgewright.targets.codegen.kernels.packed_mve import packed_mve_kernel
from edgewright.targets.codegen.kernels.requantization import epilogue
from edgewright.targets.codegen.kernels.scalar_kernels import scalar_row_kernel
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel
from edgewright.targets.cpu import CpuClass


def convolution_kernel(op: Conv2D, cpu: CpuClass, x: TensorType) -> RowKernel:
    """Row kernel of a convolution: [kh rows][W, C] -> [W', O]."""
    better = wide_row_kernel(op, cpu, x) or scalar_row_kernel(op, cpu, x)
    return better or tiled_convolution(op, cpu, x)


def pixelwise_kernel(op: FullyConnected, cpu: CpuClass, x: TensorType) -> RowKernel:
    """Row kernel of a fully connected layer over many pixels: a 1x1 convolution with one rounding."""
    better = wide_row_kernel(op, cpu, x) or scalar_row_kernel(op, cpu, x)
    return better or tiled_pixelwise(op, cpu, x)


def tiled_convolution(op: Conv2D, cpu: CpuClass, x: TensorType, most_pixels: int = 4) -> RowKernel:
    """Row kernel of a convolution in tiles of few pixels, for any layer: [kh rows][W, C] -> [W', O].

    Args:
        op: The convolution.
        cpu: CPU class.
        x: Type of its input.
        most_pixels: The largest tile with packed weights.
    """
    outputs, height, width, _ = op.weights.shape
    out_rows, _out_columns, _ = op.output_type(x).shape
    geometry = window_geometry(op, x)
    rows = window_input(op, x, op.input_zero_point)
    family = f"conv{height}x{width}_{x.shape[1]}x{x.shape[2]}_{outputs}"
    return _kernel(family, op, op.weights, geometry, rows, out_rows, cpu, most_pixels)


def tiled_pixelwise(op: FullyConnected, cpu: CpuClass, x: TensorType, most_pixels: int = 4) -> RowKernel:
    """The same of a fully connected layer over many pixels: a 1x1 convolution with one rounding."""
    outputs, inputs = op.weights.shape
    rows, columns, _ = x.shape
    weights = op.weights.reshape(outputs, 1, 1, inputs)
    geometry = pixel_geometry(op, x)
    family = f"fc_{columns}x{inputs}_{outputs}"
    source = RowInput(rows, x.row_bytes)
    return _kernel(family, op, weights, geometry, source, rows, cpu, most_pixels)


def packed_format(name: str, depth: int) -> WeightFormat | None:
    """The format of weights that stay packed in flash; None for those stored as int8.

    Args:
        name: Of the layer's format.
        depth: Weights of an output channel.
    """
    stored = weight_format(name)
    return stored if stored.packed and depth <= MAX_DEPTH else None


def _kernel(
    family: str,
    op: Conv2D | FullyConnected,
    weights: npt.NDArray[np.int8],
    geometry: Geometry,
    rows: RowInput,
    out_rows: int,
    cpu: CpuClass,
    most_pixels: int,
) -> RowKernel:
    requantize, once = op.requantize, isinstance(op, FullyConnected)
    stored = packed_format(op.weight_format, weights[0].size)
    if cpu.name == "mve":
        call = epilogue(requantize, weights, geometry.zero_point, ("once" if once else "general",))
        if stored is not None:
            return packed_mve_kernel(family, weights, stored, geometry, call, rows, out_rows)
        return dot_mve_kernel(family, weights, geometry, call, rows, out_rows)
    if stored is not None:
        return packed_dot_kernel(
            family,
            weights,
            stored,
            geometry,
            requantize,
            rows,
            out_rows,
            cpu,
            once=once,
            most_pixels=most_pixels,
        )
    forms = ["once_right", "once"] if once else ["bounded", "general"]
    if cpu.name == "dsp" and not once and (weights.shape[0] // geometry.groups) % 2 == 0:
        # The assembler forms store channel pairs.
        forms += ["relu", "linear"]
    call = epilogue(requantize, weights, geometry.zero_point, forms)
    return dot_kernel(family, weights, geometry, call, rows, out_rows, cpu)
