"""Run by test_tensorize_smoke.py in a process of its own: a bad pair of TVM wheels crashes here.

Tensorizes a dot product of 16 int8 pairs with a micro-kernel of four, and prints the result.
"""

import tvm
from tvm import s_tir
from tvm.script import tirx as T


@T.prim_func(s_tir=True)
def dot16(x: T.Buffer((16,), "int8"), w: T.Buffer((16,), "int8"), total: T.Buffer((1,), "int32")):
    for i in range(16):
        with T.sblock("dot"):
            k = T.axis.remap("R", [i])
            with T.init():
                total[0] = 0
            total[0] = total[0] + T.cast(x[k], "int32") * T.cast(w[k], "int32")


@T.prim_func(s_tir=True)
def four_products(x_handle: T.handle, w_handle: T.handle, total_handle: T.handle) -> None:
    x = T.match_buffer(x_handle, (4,), dtype="int8", offset_factor=1)
    w = T.match_buffer(w_handle, (4,), dtype="int8", offset_factor=1)
    total = T.match_buffer(total_handle, (1,), dtype="int32", offset_factor=1)
    with T.sblock("root"):
        T.reads(total[0], x[0:4], w[0:4])
        T.writes(total[0])
        for i in range(4):
            with T.sblock("step"):
                k = T.axis.remap("R", [i])
                total[0] = total[0] + T.cast(x[k], "int32") * T.cast(w[k], "int32")


@T.prim_func(s_tir=True)
def four_products_call(x_handle: T.handle, w_handle: T.handle, total_handle: T.handle) -> None:
    x = T.match_buffer(x_handle, (4,), dtype="int8", offset_factor=1)
    w = T.match_buffer(w_handle, (4,), dtype="int8", offset_factor=1)
    total = T.match_buffer(total_handle, (1,), dtype="int32", offset_factor=1)
    with T.sblock("root"):
        T.reads(total[0], x[0:4], w[0:4])
        T.writes(total[0])
        total[0] = T.call_extern("int32", "dot4", x.access_ptr("r"), w.access_ptr("r"), total[0])


def main() -> None:
    s_tir.TensorIntrin.register("probe_dot4", four_products, four_products_call)
    schedule = s_tir.Schedule(tvm.IRModule({"dot16": dot16}))
    schedule.work_on("dot16")
    block = schedule.get_sblock("dot")
    (loop,) = schedule.get_loops(block)
    outer, inner = schedule.split(loop, [None, 4])
    schedule.decompose_reduction(block, outer)
    schedule.tensorize(inner, "probe_dot4")
    print(schedule.mod["dot16"].script())


if __name__ == "__main__":
    main()
