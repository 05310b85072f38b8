"""Row kernels of convolutions of signs with signs: XNOR and popcount, in packed words."""

from __future__ import annotations

from edgewright.converter.ops.binary_conv import BinaryConv2D
from edgewright.converter.program import TensorType
from edgewright.targets.codegen.kernels.binary_planes import binary_planes_kernel
from edgewright.targets.codegen.row_kernel import RowKernel
from edgewright.targets.cpu import CpuClass


def binary_convolution_kernel(
    op: BinaryConv2D, cpu: CpuClass, x: TensorType, factor: TensorType | None = None
) -> RowKernel:
    """Row kernel: [kh rows][W, words] and a row of factors -> [W', O], packed or int8.

    Args:
        op: The layer.
        cpu: CPU class.
        x: Packed signs.
        factor: int32 [1, 1, 1] or [H', W', 1].
    """
    return binary_planes_kernel(op, cpu, x, factor)
