"""Operators without exact integer arithmetic, in float32: one node of the source model each.

The node is kept as an ONNX model of its own; code generation gets its loops from TVM Relax.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.base import OpKind
from edgewright.converter.program import Array, Shape, TensorType
from edgewright.errors import ModelError

if TYPE_CHECKING:
    from edgewright.targets.codegen.row_kernel import RowKernel
    from edgewright.targets.cpu import CpuClass


@dataclass(frozen=True, eq=False)
class FloatOp(OpKind):
    """y = node(x0, x1, ...), float32, every tensor in ONNX order.

    Its arithmetic is that of the generated C with IEEE single precision: the same bits on the device
    and on the host, and within rounding of other implementations.

    Args:
        model: uint8 [bytes], serialized ONNX model of the one node; its graph inputs x0, x1, ... are the
            op's inputs, its initializers the constants, y the output.
        op_type: ONNX operator, e.g. "InstanceNormalization"; in lower case it is the op's `kind`.
        shape: Rows, columns and channels of the output; its elements are in ONNX order.
        constant_bytes: Bytes of the constants that the generated C reads.
    """

    model: npt.NDArray[np.uint8]
    op_type: str
    shape: Shape
    constant_bytes: int = 0

    @property
    def kind(self) -> str:  # type: ignore[override]
        return self.op_type.lower()

    @property
    def weights_bytes(self) -> int:
        return self.constant_bytes

    def output_type(self, *inputs: TensorType) -> TensorType:
        wrong = [x.dtype for x in inputs if x.dtype != "float32"]
        if wrong:
            raise ModelError("EW-OP-SHAPE", f"{self.op_type} of float32 applied to {wrong[0]}")
        return TensorType(self.shape, "float32", None)

    def row_kernel(self, cpu: CpuClass, *inputs: TensorType) -> RowKernel:
        from edgewright.targets.codegen.kernels.relax_op import float_kernel

        return float_kernel(self, *inputs)

    def golden(self, *inputs: Array) -> Array:
        from edgewright.targets.codegen.host_function import run_on_host

        elements = int(np.prod(self.shape))
        result: npt.NDArray[Any] = run_on_host(self.model.tobytes(), inputs, elements)
        return result.reshape(self.shape)
