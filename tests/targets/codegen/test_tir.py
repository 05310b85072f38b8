"""TVMScript becomes plain C with the uniform row-kernel signature."""

from __future__ import annotations

from dataclasses import replace

from edgewright.targets.codegen.row_kernel import RowInput, RowKernel
from edgewright.targets.codegen.tir import kernel_source

SCRIPT = """
@T.prim_func(s_tir=True)
def f(A: T.Buffer((8,), "int8"), W: T.Buffer((8,), "int8"), Y: T.Buffer((8,), "int8")):
    T.func_attr({"global_symbol": "f", "tirx.noalias": True})
    for i in range(8):
        with T.sblock("copy"):
            v = T.axis.spatial(8, i)
            Y[v] = A[v] + W[v]
"""
KERNEL = RowKernel(
    family="sum_8",
    script=SCRIPT,
    arguments=("rows[0]", "c[0]", "out"),
    inputs=(RowInput(1, 8),),
    out_rows=1,
    out_row_bytes=8,
)


def test_signature_and_qualifiers():
    symbol, text = kernel_source(KERNEL)
    assert symbol.startswith("ew_k_sum_8_")
    assert (
        f"static void {symbol}(const void *const *rows, void *out, const void *const *c, void *scratch)"
        in text
    )
    assert "const int8_t *restrict A, const int8_t *restrict W, int8_t *restrict Y" in text
    assert "(void)scratch;" in text
    assert "TVM" not in text


def test_in_place_kernels_promise_nothing_about_aliasing():
    assert "restrict" not in kernel_source(replace(KERNEL, may_alias=True))[1]


def test_equal_kernels_have_equal_symbols():
    assert kernel_source(KERNEL)[0] == kernel_source(replace(KERNEL, reason="another layer"))[0]
    assert kernel_source(KERNEL)[0] != kernel_source(replace(KERNEL, arguments=("rows[0]", "c[1]", "out")))[0]


def test_a_kernel_can_be_one_micro_kernel_call():
    symbol, text = kernel_source(replace(KERNEL, script="", call="ew_copy_row"))
    assert text.endswith("{\n  (void)scratch;\n  ew_copy_row(rows[0], c[0], out);\n}\n")
    assert symbol in text
