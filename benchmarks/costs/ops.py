"""Operations that exist only to be measured: a copy, a float function, an empty kernel, parts of ops."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from edgewright.converter.ops.base import OpKind
from edgewright.converter.program import Array, TensorType
from edgewright.targets.codegen.kernels.relax_op import FUNCTIONS as FLOAT_FUNCTIONS
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel
from edgewright.targets.costs.estimate import copy_work
from edgewright.targets.cpu import SCALAR, CpuClass

FUNCTIONS = tuple(sorted(set(FLOAT_FUNCTIONS.values())))
POSITIVE = ("ew_logf", "ew_powf", "ew_sqrtf")


@dataclass(frozen=True, eq=False)
class Copy(OpKind):
    """A memcpy of `size_bytes`, as the driver of a streamed segment copies rows."""

    kind: ClassVar[str] = "copy"
    size_bytes: int

    def output_type(self, *inputs: TensorType) -> TensorType:
        return inputs[0]

    def golden(self, *inputs: Array) -> Array:
        return inputs[0]

    def row_kernel(self, cpu: CpuClass, *inputs: TensorType) -> RowKernel:
        body = "{ memcpy(out, rows[0], *(const uint32_t *)size); }\n"
        return RowKernel(
            family="copy",
            script="",
            source=f"static void f(const void *const *rows, void *out, const void *size) {body}",
            arguments=("rows", "out", "c[0]"),
            inputs=(RowInput(1, inputs[0].size_bytes),),
            out_rows=1,
            out_row_bytes=self.size_bytes,
            constants=(np.array([self.size_bytes], np.int32),),
            headers=("ew_math.h",),
            work=copy_work(self.size_bytes),
        )


@dataclass(frozen=True, eq=False)
class FloatFunction(OpKind):
    """One of the functions of ew_float.h for every element."""

    kind: ClassVar[str] = "function"
    name: str

    def output_type(self, *inputs: TensorType) -> TensorType:
        return inputs[0]

    def golden(self, *inputs: Array) -> Array:
        return inputs[0]

    def row_kernel(self, cpu: CpuClass, *inputs: TensorType) -> RowKernel:
        (x,) = inputs
        argument = "x[i]"
        if self.name in POSITIVE:
            argument = "x[i] * x[i] + 0.5f" + (", x[i]" if self.name == "ew_powf" else "")
        loop = f"for (int32_t i = 0; i < {x.elements}; i++) y[i] = {self.name}({argument});"
        return RowKernel(
            family="function",
            script="",
            source=f"static void f(const float *x, float *y) {{ {loop} }}\n",
            arguments=("rows[0]", "out"),
            inputs=(RowInput(1, x.size_bytes),),
            out_rows=1,
            out_row_bytes=x.size_bytes,
            headers=("ew_float.h",),
            work={
                "float": 1,
                "float_step": x.elements,
                f"float_{self.name.removeprefix('ew_')}": x.elements,
            },
        )


@dataclass(frozen=True, eq=False)
class Nothing(OpKind):
    """A kernel that returns at once: what is left is the driver."""

    kind: ClassVar[str] = "nothing"
    windows: tuple[int, ...]
    out_rows: int

    def output_type(self, *inputs: TensorType) -> TensorType:
        return replace(inputs[0], shape=(self.out_rows, 1, 4))

    def golden(self, *inputs: Array) -> Array:
        return inputs[0]

    def row_kernel(self, cpu: CpuClass, *inputs: TensorType) -> RowKernel:
        return RowKernel(
            family="nothing",
            script="",
            source="static void f(void *out) { (void)out; }\n",
            arguments=("out",),
            inputs=tuple(
                RowInput(x.shape[0], 4, window=w) for x, w in zip(inputs, self.windows, strict=True)
            ),
            out_rows=self.out_rows,
            out_row_bytes=4,
            headers=("ew_math.h",),
            work={"row": 0},  # what is left is all the driver's
        )


@dataclass(frozen=True, eq=False)
class Part(OpKind):
    """One of the two kernels of an op that sums up its input row by row, as a layer of its own."""

    kind: ClassVar[str] = "part"
    op: OpKind
    source: TensorType
    index: int

    def output_type(self, *inputs: TensorType) -> TensorType:
        kernel = self._kernel(SCALAR)
        return replace(self.source, shape=(kernel.out_rows, 1, kernel.out_row_bytes))

    def golden(self, *inputs: Array) -> Array:
        return inputs[0]

    def row_kernel(self, cpu: CpuClass, *inputs: TensorType) -> RowKernel:
        return self._kernel(cpu)

    def _kernel(self, cpu: CpuClass) -> RowKernel:
        kernels = self.op.stream_kernels(cpu, self.source)
        assert kernels is not None
        # The driver of a layer schedule finds the sums at the start of the input.
        views = tuple(replace(v, pad_top=0) for v in kernels[self.index].inputs)
        return replace(kernels[self.index], inputs=views, accumulates=False)
