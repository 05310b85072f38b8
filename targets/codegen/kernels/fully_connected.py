"""Row kernel of a fully connected layer: four output channels at a time, int8 input read in place."""

from __future__ import annotations

import numpy as np

from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.program import TensorType
from edgewright.targets.codegen.kernels.convolution import packed_format, pixelwise_kernel
from edgewright.targets.codegen.kernels.dot import pack_constants
from edgewright.targets.codegen.kernels.fully_connected_dsp import fc_kernels
from edgewright.targets.codegen.kernels.function_bytes import LOOP_BYTES, functions
from edgewright.targets.codegen.kernels.requantization import epilogue
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel
from edgewright.targets.cpu import CpuClass


def fully_connected_kernel(op: FullyConnected, cpu: CpuClass, x: TensorType) -> RowKernel:
    """Row kernel of a fully connected layer: [W, I] -> [W, O].

    Rows of one pixel read the int8 input directly and need no scratch; longer rows are a pixelwise
    convolution, where widening the input once serves many channels, as are layers with packed weights.
    """
    outputs, inputs = op.weights.shape
    rows, columns, _ = x.shape
    packed = packed_format(op.weight_format, inputs) is not None
    single = fc_kernels(op, cpu, x) if columns == 1 else ()
    in_place = [kernel for kernel in single if kernel.scratch_bytes == 0]
    if in_place:
        return in_place[0]
    if columns > 1 or inputs % 4 or cpu.name == "mve" or packed:
        return pixelwise_kernel(op, cpu, x)
    quads, groups = inputs // 4, -(-outputs // 4)
    filled = np.zeros((groups * 4, inputs), np.int8)
    filled[:outputs] = op.weights
    call = epilogue(op.requantize, op.weights, op.input_zero_point, ("once_right", "once"))
    script = f"""
@T.prim_func(s_tir=True)
def f(X: T.Buffer(({inputs},), "int8"), output: T.handle, W: T.Buffer(({groups}, {inputs * 4}), "int8"),
      K: T.Buffer(({groups}, 12), "int32"), Y: T.Buffer(({outputs},), "int8")):
    T.func_attr({{"global_symbol": "f", "tirx.noalias": True}})
    for o in range({groups}):
        with T.sblock("four"):
            vo = T.axis.spatial({groups}, o)
            T.reads(X[0:{inputs}], W[vo, 0:{inputs * 4}], K[vo, 0:12])
            T.writes(Y[0:{outputs}])
            T.evaluate(T.call_extern("int32", "ew_tile_4x1_{call.form}", T.address_of(W[vo, 0]), X.data,
                T.address_of(K[vo, 0]), T.address_of(Y[vo * 4]), {quads},
                T.min(4, {outputs} - vo * 4), output))
"""
    return RowKernel(
        family=f"fc_{inputs}_{outputs}",
        script=script,
        arguments=("rows[0]", "c[0]", "c[1]", "c[2]", "out"),
        inputs=(RowInput(rows, x.row_bytes),),
        out_rows=rows,
        out_row_bytes=outputs,
        constants=(
            call.output,
            np.ascontiguousarray(filled.reshape(groups, 4, quads, 4).transpose(0, 2, 1, 3)),
            pack_constants(call, 1, 4),
        ),
        headers=(f"ew_dot_{cpu.name}.h",),
        code_bytes=LOOP_BYTES,
        shared_code=functions(cpu, [f"ew_tile_4x1_{call.form}", "ew_dot_4x1"]),
        reason="4 channels at a time, input read in place",
        work={
            "fully_connected": 1,
            f"tile_4x1_{call.form}": groups,
            f"tile_4x1_{call.form}_channel": outputs,
            "dot_4x1": groups * quads,
            "dot_4x1_rest": groups * (quads % 4),
        },
    )
