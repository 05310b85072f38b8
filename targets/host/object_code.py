"""Objects with plain C functions from TVM's LLVM, for processors with an operating system."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgewright.targets.codegen.tir import raw_pointers


def write_object(script: str, target: dict[str, Any], path: Path) -> None:
    """Compile the PrimFunc `f` of a script to an object whose function f takes a pointer a buffer.

    Args:
        script: TVMScript.
        target: TVM's LLVM target, e.g. `binary_dot.AARCH64`.
        path: The object file to write.
    """
    import tvm
    import tvm_ffi
    from tvm import ir, s_tir, tirx
    from tvm.script import from_source
    from tvm.script import tirx as T

    llvm = tvm.target.Target(target)
    t, s = tirx.transform, s_tir.transform
    module = t.BindTarget(llvm)(tvm.IRModule({"f": from_source(script, {"T": T})}))
    passes = [
        s.LowerInitBlock(),
        s.ConvertBlocksToOpaque(),
        s.LowerOpaqueBlock(),
        t.FlattenBuffer(),
        t.VectorizeLoop(True),
        t.UnrollLoop(),
        t.StmtSimplify(),
    ]
    module = ir.transform.Sequential(passes)(module)
    # Without MakePackedAPI: pointers in, nothing of TVM's runtime needed.
    module["f"] = raw_pointers(module["f"])
    module = t.LowerIntrin()(module)
    tvm_ffi.get_global_func("target.build.llvm")(module, llvm).write_to_file(str(path))
