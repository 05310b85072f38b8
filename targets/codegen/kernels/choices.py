"""The kernels to choose from for a layer: the usual row kernel, and others that trade memory for time.

What is offered fits the layer and is exact; which one runs is the planner's choice, by estimated or measured
cost, arena and flash.
"""

from __future__ import annotations

from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.ops.weight_format import weight_format
from edgewright.converter.program import TensorType
from edgewright.targets.codegen.kernels.compact import compact_kernels
from edgewright.targets.codegen.kernels.convolution import tiled_convolution, tiled_pixelwise
from edgewright.targets.codegen.kernels.depthwise_planes import planes_kernels
from edgewright.targets.codegen.kernels.dot_wide import wide_kernels
from edgewright.targets.codegen.kernels.fully_connected_dsp import fc_kernels
from edgewright.targets.codegen.kernels.mve_choice import mve_kernels
from edgewright.targets.codegen.kernels.scalar_kernels import scalar_kernels
from edgewright.targets.codegen.kernels.winograd import winograd_kernels
from edgewright.targets.codegen.row_kernel import RowKernel
from edgewright.targets.cpu import CpuClass

Weighted = Conv2D | DepthwiseConv2D | FullyConnected


def weighted_kernels(op: Weighted, cpu: CpuClass, x: TensorType) -> tuple[RowKernel, ...]:
    """Kernels of an operation with weights in a layer schedule, the usual one first.

    Args:
        op: The operation.
        cpu: Class of core.
        x: Type of its input.
    """
    usual = op.row_kernel(cpu, x)
    if weight_format(op.weight_format).packed:
        return (usual,)
    lean = tuple(k for k in _tiled(op, cpu, x) if k.scratch_bytes < usual.scratch_bytes)
    others = {"scalar": scalar_kernels, "dsp": _dsp_kernels, "mve": mve_kernels}[cpu.name](op, cpu, x)
    return (usual, *lean, *(k for k in others if k.variant != usual.variant))


def _tiled(op: Weighted, cpu: CpuClass, x: TensorType) -> tuple[RowKernel, ...]:
    """The kernel in small tiles, which takes less scratch memory than what replaced it."""
    if cpu.name == "mve" or isinstance(op, DepthwiseConv2D):
        return ()
    if isinstance(op, FullyConnected):
        return (tiled_pixelwise(op, cpu, x),) if x.shape[1] > 1 else ()
    return (tiled_convolution(op, cpu, x),)


def _dsp_kernels(op: Weighted, cpu: CpuClass, x: TensorType) -> tuple[RowKernel, ...]:
    compact = compact_kernels(op, cpu, x)
    if isinstance(op, DepthwiseConv2D):
        return (*planes_kernels(op, cpu, x), *compact)
    # Tiles of pixels have nothing to share over a single one.
    found = (*(fc_kernels(op, cpu, x) or wide_kernels(op, cpu, x)), *compact)
    return found if isinstance(op, FullyConnected) else (*found, *winograd_kernels(op, cpu, x))
