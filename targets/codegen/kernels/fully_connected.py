"""Row kernel of a fully connected layer: four output channels at a time, int8 input read in place.

acc[i] = bias[o, i] + sum_{k, j} X[k, j] * W[o, k, i, j]
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.program import TensorType
from edgewright.targets.codegen.kernels.convolution import pixelwise_kernel
from edgewright.targets.codegen.kernels.loop_nest import LoopNest
from edgewright.targets.codegen.kernels.requantization import epilogue
from edgewright.targets.codegen.row_kernel import RowInput, RowKernel, Tensorize
from edgewright.targets.cpu import CpuClass


def _accumulate(quads: int) -> LoopNest:
    return LoopNest((("i", 4, "S"), ("k", quads, "R"), ("j", 4, "R")))


def _intrinsic(quads: int) -> tuple[str, str]:
    head = f"""
@T.prim_func(s_tir=True)
def %s(x: T.handle, w: T.handle, a: T.handle) -> None:
    X = T.match_buffer(x, ({quads}, 4), "int8", offset_factor=1)
    W = T.match_buffer(w, ({quads}, 4, 4), "int8", offset_factor=1)
    A = T.match_buffer(a, (4,), "int32", offset_factor=1)
    with T.sblock("root"):
        T.reads(A[0:4], X[0:{quads}, 0:4], W[0:{quads}, 0:4, 0:4])
        T.writes(A[0:4])
"""
    nest = _accumulate(quads)
    x, w = f"X[{nest.indices('kj')}]", f"W[{nest.indices('kij')}]"
    update = f'A[vi] = A[vi] + T.cast({x}, "int32") * T.cast({w}, "int32")'
    call = (
        'T.call_extern("int32", "ew_dot_4x1_s8", '
        f'W.access_ptr("r"), X.access_ptr("r"), A.access_ptr("rw"), {quads})'
    )
    return head % "desc" + nest.lines("update", update, 8), head % "impl" + f"        T.evaluate({call})\n"


def _quads_of(values: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    return np.ascontiguousarray(np.pad(values, (0, -values.size % 4), mode="edge").reshape(-1, 4))


def fully_connected_kernel(op: FullyConnected, cpu: CpuClass, x: TensorType) -> RowKernel:
    """Row kernel of a fully connected layer: [W, I] -> [W, O].

    Rows of one pixel read the int8 input directly and need no scratch; longer rows are a pixelwise
    convolution, where widening the input once serves many channels.
    """
    outputs, inputs = op.weights.shape
    rows, columns, _ = x.shape
    if columns > 1 or inputs % 4 or cpu.name == "mve":
        return pixelwise_kernel(op, cpu, x)
    quads, groups = inputs // 4, -(-outputs // 4)
    packed = np.zeros((groups * 4, inputs), np.int8)
    packed[:outputs] = op.weights
    call = epilogue(op.requantize, op.weights, op.input_zero_point, once=True)
    nest = _accumulate(quads)
    value, weight = f"X[{nest.indices('kj')}]", f"W[vo, {nest.indices('kij')}]"
    accumulate = f"""
T.reads({value}, {weight})
T.writes(acc[vi])
with T.init():
    acc[vi] = B[vo, vi]
acc[vi] = acc[vi] + T.cast({value}, "int32") * T.cast({weight}, "int32")
"""
    guard = f"T.where(vo * 4 + i < {outputs})\n" if outputs % 4 else ""
    requantize = f"{guard}Y[vo * 4 + vi] = {call.call('acc[vi]', 'M[vo, vi]', 'S[vo, vi]')}"
    finish = LoopNest((("i", 4, "S"),))
    per_channel = f'T.Buffer(({groups}, 4), "int32")'
    script = f"""
@T.prim_func(s_tir=True)
def f(X: T.Buffer(({quads}, 4), "int8"), W: T.Buffer(({groups}, {quads}, 4, 4), "int8"),
      B: {per_channel}, M: {per_channel}, S: {per_channel}, Y: T.Buffer(({outputs},), "int8")):
    T.func_attr({{"global_symbol": "f", "tirx.noalias": True}})
    for o in range({groups}):
        with T.sblock("group"):
            vo = T.axis.spatial({groups}, o)
            acc = T.sblock_alloc_buffer((4,), "int32")
{nest.lines("acc", accumulate, 12)}{finish.lines("rq", requantize, 12)}"""
    return RowKernel(
        family=f"fc_{inputs}_{outputs}",
        script=script,
        arguments=("rows[0]", "c[0]", "c[1]", "c[2]", "c[3]", "out"),
        inputs=(RowInput(rows, x.row_bytes),),
        out_rows=rows,
        out_row_bytes=outputs,
        constants=(
            np.ascontiguousarray(packed.reshape(groups, 4, quads, 4).transpose(0, 2, 1, 3)),
            _quads_of(call.bias),
            _quads_of(call.multiplier),
            _quads_of(call.shift),
        ),
        headers=("ew_math.h", f"ew_dot_{cpu.name}.h"),
        tensorize=(Tensorize("acc", nest.depth, _intrinsic(quads)),),
        reason=f"4 channels at a time, input read in place, {call.function}",
    )
