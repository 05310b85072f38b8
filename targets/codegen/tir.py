"""TVMScript text to plain C: parse, lower with raw pointers, tidy the text.

Call sequence and pitfalls for apache-tvm 0.27: parameters that are buffers are turned into pointer
variables with a declared buffer, and neither MakePackedAPI nor LowerTVMBuiltin runs, so that the C
target prints ordinary functions.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import Any

from edgewright.targets.codegen.row_kernel import RowKernel

_PROLOGUE_END = "void* __tvm_ffi__library_ctx = NULL;"


def _parse(script: str) -> Any:
    from tvm.script import from_source
    from tvm.script import tirx as T

    return from_source(script, {"T": T})


def _raw_pointers(func: Any) -> Any:
    from tvm import ir, tirx

    params, declarations = [], []
    for p in func.params:
        if not tirx.is_buffer_var(p):
            params.append(p)
            continue
        pointer = tirx.Var(p.name, ir.PointerType(ir.PrimType(str(p.ty.dtype)), "global"))
        declarations.append(tirx.DeclBuffer(p, data=pointer))
        params.append(pointer)
    body = tirx.SeqStmt([*declarations, func.body]) if declarations else func.body
    return tirx.PrimFunc(params, body, func.ret_type, func.attrs)


def _lower(func: Any) -> str:
    import tvm
    import tvm_ffi
    from tvm import ir, s_tir, tirx

    target = tvm.target.Target("c")
    t, s = tirx.transform, s_tir.transform
    module = t.BindTarget(target)(tvm.IRModule({"f": func.with_attr("global_symbol", "f")}))
    passes = [
        s.CanonicalizeLoop(),
        s.LowerInitBlock(),
        s.PlanAndUpdateBufferAllocationLocation(),
        s.ConvertBlocksToOpaque(),
        s.CompactBufferAllocation(),
        s.LowerMatchBuffer(),
        s.StmtSimplify(),
        s.LowerOpaqueBlock(),
        t.FlattenBuffer(),
        t.NarrowDataType(32),
        s.LoopPartition(),
        t.VectorizeLoop(False),
        t.StorageRewrite(),
        s.HoistIfThenElse(),
        t.UnrollLoop(),
        s.RenormalizeSplitPattern(),
        t.StmtSimplify(),
        t.RemoveNoOp(),
        s.RewriteUnsafeSelect(),
        t.CommonSubexprElim(),
    ]
    module = ir.transform.Sequential(passes)(module)
    module["f"] = _raw_pointers(module["f"])
    module = t.LowerIntrin()(module)
    return str(tvm_ffi.get_global_func("target.build.c")(module, target).inspect_source())


def _tidy(text: str, outputs: tuple[str, ...], restrict: str) -> str:
    """Keep the function definition; make it static, const and restrict; align local arrays."""
    text = text[text.index(_PROLOGUE_END) + len(_PROLOGUE_END) :]
    text = re.sub(r'#ifdef __cplusplus\nextern "C"\n#endif\n', "", text)
    text = re.sub(r"TVM_DLL \w+ \w+\([^)]*\);\n", "", text)

    def parameter(p: str) -> str:
        kind, name = p.strip().rsplit(" ", 1)
        if not kind.endswith("*"):
            return f"{kind} {name}"
        const = "" if name in outputs else "const "
        return f"{const}{kind[:-1]} *{restrict}{name}"

    def signature(m: re.Match[str]) -> str:
        return f"static void f({', '.join(parameter(p) for p in m[1].split(','))})"

    text = re.sub(r"TVM_DLL void f\((.*?)\)", signature, text)
    # TVM emits small temporaries as plain arrays; LDM/STM fault on 2-byte aligned ones.
    text = re.sub(r"^( +\w+ \w+\[\d+\]);$", r"\1 __attribute__((aligned(8)));", text, flags=re.M)
    return text.strip() + "\n"


@lru_cache(maxsize=512)
def _c_source(script: str, outputs: tuple[str, ...], may_alias: bool) -> str:
    return _tidy(_lower(_parse(script)), outputs, "" if may_alias else "restrict ")


def kernel_source(kernel: RowKernel) -> tuple[str, str]:
    """C of a row kernel.

    Returns:
        (symbol, text): the function with the uniform row-kernel signature. Kernels of equal
        text get equal symbols, so that layers share them.
    """
    call = ", ".join(kernel.arguments)
    body = ""
    if kernel.script:
        body = _c_source(kernel.script, kernel.outputs, kernel.may_alias)
    digest = hashlib.sha256((body + kernel.call + call).encode()).hexdigest()[:6]
    symbol = f"ew_k_{kernel.family}_{digest}"
    callee = kernel.call or f"{symbol}_body"
    body = body.replace("static void f(", f"static inline void {callee}(", 1)
    unused = "".join(
        f"  (void){name};\n"
        for name in ("rows", "out", "c", "scratch")
        if not any(re.search(rf"\b{name}\b", a) for a in kernel.arguments)
    )
    wrapper = (
        f"static void {symbol}(const void *const *rows, void *out, const void *const *c, void *scratch) {{\n"
        f"{unused}  {callee}({call});\n}}\n"
    )
    return symbol, body + wrapper
