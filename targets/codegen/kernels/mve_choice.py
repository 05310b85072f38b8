"""Kernels for Helium to choose from besides the row kernel of an operation with weights."""

from __future__ import annotations

from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.program import TensorType
from edgewright.targets.codegen.kernels.depthwise_mve import depthwise_mve_kernels, depthwise_strip_kernel
from edgewright.targets.codegen.row_kernel import RowKernel
from edgewright.targets.cpu import CpuClass


def mve_kernels(
    op: Conv2D | DepthwiseConv2D | FullyConnected, cpu: CpuClass, x: TensorType
) -> tuple[RowKernel, ...]:
    """Kernels of a layer schedule; empty where there are none, or the core has no Helium."""
    if cpu.name != "mve" or not isinstance(op, DepthwiseConv2D):
        return ()
    row = depthwise_strip_kernel(op, x)
    return (*((row,) if row is not None else ()), *depthwise_mve_kernels(op, x))
