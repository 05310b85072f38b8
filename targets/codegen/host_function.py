"""Float operators on the host: the C that runs on the device, compiled by the host's compiler.

It is the golden arithmetic of those operators: what the device computes is defined by that C, IEEE
single precision without contraction.
"""

from __future__ import annotations

import atexit
import ctypes
import hashlib
import os
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from edgewright.converter.program import Array
from edgewright.targets.codegen.kernels.relax_op import float_code
from edgewright.targets.compiler import WARNINGS, run_tool
from edgewright.targets.cpu import MICRO_KERNELS

FLAGS = ("-O1", *WARNINGS, "-ffp-contract=off", "-fno-fast-math", "-shared", "-fPIC")
ENTRY = "ew_float_op"


def run_on_host(model: bytes, inputs: Sequence[Array], elements: int) -> Array:
    """Run a single-node model.

    Args:
        model: As `float_code` takes it.
        inputs: float32 arrays, in ONNX order.
        elements: Of the output.

    Returns:
        float32 [elements].

    Raises:
        DeviceError: EW-TOOL-MISSING without a C compiler.
        ModelError: EW-OP-SHAPE where the arrays are not the model's.
    """
    code = float_code(model)
    function = _function(code.source, code.arguments)
    data = [np.ascontiguousarray(x, np.float32) for x in inputs]
    code.check(tuple(x.nbytes for x in data), 4 * elements)
    rows = (ctypes.c_void_p * len(data))(*(x.ctypes.data for x in data))
    constants = (ctypes.c_void_p * max(1, len(code.constants)))(*(c.ctypes.data for c in code.constants))
    out: Array = np.empty(elements, np.float32)
    scratch = np.empty(-(-code.scratch_bytes // 8) + 1, np.float64)
    function(rows, out.ctypes.data, constants, scratch.ctypes.data)
    return out


@lru_cache(maxsize=256)
def _function(source: str, arguments: tuple[str, ...]) -> ctypes._NamedFuncPointer:
    text = _translation_unit(source, arguments)
    header = (MICRO_KERNELS / "ew_float.h").read_bytes()
    digest = hashlib.sha256(text.encode() + header + repr(FLAGS).encode()).hexdigest()
    library = _cache_folder() / f"{digest}.so"
    if not library.exists():
        _compile(text, library)
    function = ctypes.CDLL(str(library))[ENTRY]
    function.argtypes = [ctypes.c_void_p] * 4
    function.restype = None
    return function


def _translation_unit(source: str, arguments: tuple[str, ...]) -> str:
    parameters = "const void *const *rows, void *out, const void *const *c, void *scratch"
    unused = "".join(f"  (void){n};\n" for n in ("c", "scratch") if n not in arguments)
    return (
        f'#include "ew_float.h"\n{source}\nvoid {ENTRY}({parameters});\n'
        f"void {ENTRY}({parameters}) {{\n{unused}  f({', '.join(arguments)});\n}}\n"
    )


@lru_cache(maxsize=1)
def _cache_folder() -> Path:
    """A folder of this user alone, as libraries in it are loaded; one of this process where there is none."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    try:
        folder = Path(base).expanduser() / "edgewright" / "float_ops"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except (OSError, RuntimeError):  # not writable, or the user has no home
        return _temporary_folder()
    mine = folder.stat().st_uid == os.getuid() and os.access(folder, os.W_OK)
    return folder if mine else _temporary_folder()


def _temporary_folder() -> Path:
    folder = tempfile.TemporaryDirectory(prefix="edgewright-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


def _compile(text: str, library: Path) -> None:
    """Compile beside the library's place, then rename, so that a reader sees all of it or nothing."""
    with tempfile.TemporaryDirectory(dir=library.parent) as folder:
        source, made = Path(folder) / "op.c", Path(folder) / "op.so"
        source.write_text(text)
        run_tool(["cc", *FLAGS, f"-I{MICRO_KERNELS}", source, "-o", made], "EW-TOOLCHAIN-COMPILE")
        made.replace(library)
