"""TVMScript text to plain C: parse, lower with raw pointers, tidy the text.

Call sequence and pitfalls for apache-tvm 0.27: parameters that are buffers are turned into pointer
variables with a declared buffer, and neither MakePackedAPI nor LowerTVMBuiltin runs, so that the C
target prints ordinary functions.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from math import prod
from typing import Any

from edgewright.targets.codegen.row_kernel import RowKernel

_PROLOGUE_END = "void* __tvm_ffi__library_ctx = NULL;"
# Larger temporaries of a function given as PrimFunc go to its workspace instead of the stack.
STACK_LIMIT = 64
WORKSPACE = "workspace"


def _parse(script: str) -> Any:
    from tvm.script import from_source
    from tvm.script import tirx as T

    return from_source(script, {"T": T})


def raw_pointers(func: Any) -> Any:
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


def _lower(func: Any, symbol: str = "f", workspace: bool = False) -> tuple[str, int]:
    """(text of the C target, bytes of workspace); large temporaries lie in the workspace where wanted."""
    import tvm
    import tvm_ffi
    from tvm import ir, s_tir, tirx

    target = tvm.target.Target("c")
    t, s = tirx.transform, s_tir.transform
    module = t.BindTarget(target)(tvm.IRModule({symbol: func.with_attr("global_symbol", symbol)}))
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
    used = 0
    if workspace:
        module[symbol], used = _with_workspace(module[symbol])
    module[symbol] = raw_pointers(module[symbol])
    module = t.LowerIntrin()(module)
    return str(tvm_ffi.get_global_func("target.build.c")(module, target).inspect_source()), used


def _with_workspace(func: Any) -> tuple[Any, int]:
    """Temporaries above `STACK_LIMIT` bytes at offsets of a pointer, added as the last parameter."""
    import tvm_ffi
    from tvm import ir, tirx

    found: list[Any] = []
    tvm_ffi.structural_walk(func.body, (tirx.AllocBuffer, found.append))
    pointer = tirx.Var(WORKSPACE, ir.PointerType(ir.PrimType("int8"), "global"))
    offsets: list[tuple[Any, int]] = []
    used = 0
    for allocation in found:
        kind = allocation.buffer.ty
        # A bool takes a byte, though its type has one bit.
        size = prod(int(n) for n in kind.shape) * -(-_bits(str(kind.dtype)) // 8)
        if size > STACK_LIMIT:
            offsets.append((allocation.buffer, used))
            used += -(-size // 8) * 8
    if not used:
        return func, 0

    def moved(allocation: Any) -> Any:
        for buffer, offset in offsets:
            if allocation.buffer.same_as(buffer):
                data = tirx.op.ptr_byte_offset(pointer, offset, str(buffer.ty.dtype))
                return tirx.DeclBuffer(allocation.buffer, data=data)
        return allocation

    body = tvm_ffi.structural_map(func.body, (tirx.AllocBuffer, moved))
    return tirx.PrimFunc([*func.params, pointer], body, func.ret_type, func.attrs), used


def _bits(dtype: str) -> int:
    number = re.search(r"\d+$", dtype)
    return int(number[0]) if number else 8


def _tidy(text: str, outputs: tuple[str, ...], restrict: str, symbol: str = "f") -> str:
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
        return f"static void {symbol}({', '.join(parameter(p) for p in m[1].split(','))})"

    text = re.sub(rf"TVM_DLL void {symbol}\((.*?)\)", signature, text)
    # TVM emits small temporaries as plain arrays; LDM/STM fault on 2-byte aligned ones.
    text = re.sub(r"^( +\w+ \w+\[\d+\]);$", r"\1 __attribute__((aligned(8)));", text, flags=re.M)
    return text.strip() + "\n"


@lru_cache(maxsize=512)
def _c_source(script: str, outputs: tuple[str, ...], may_alias: bool) -> str:
    return _tidy(_lower(_parse(script))[0], outputs, "" if may_alias else "restrict ")


def prim_func_source(func: Any, symbol: str, outputs: tuple[str, ...]) -> tuple[str, int]:
    """C of a PrimFunc with static shapes.

    Args:
        func: Function whose parameters are buffers.
        symbol: Name of the C function, a static one.
        outputs: Names of the parameters it writes.

    Returns:
        (text, bytes of workspace). Where it needs a workspace, that is the last parameter.
    """
    text, used = _lower(func, symbol, workspace=True)
    return _tidy(text, (*outputs, WORKSPACE), "restrict ", symbol), used


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
    digest = hashlib.sha256((body + kernel.source + kernel.call + call).encode()).hexdigest()[:6]
    symbol = f"ew_k_{kernel.family}_{digest}"
    callee = kernel.call or f"{symbol}_body"
    body = body.replace("static void f(", f"static inline void {callee}(", 1)
    body += re.sub(r"\bf((?:_\d+)?)\(", rf"{callee}\1(", kernel.source)
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
