"""The C compilers: tools, flags of a core, objects of a library folder, and the host's own compiler."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from edgewright.errors import DeviceError, WorkError
from edgewright.targets.board import Board

PREFIX = "arm-none-eabi-"
JOBS = 2
COMPILE_TIMEOUT_S = 300
WARNINGS = ("-Wall", "-Wextra", "-Werror", "-std=c11")
# Objects also say how much stack each function needs and whom it calls (targets/stack.py); constants are
# not merged, so that the linker's map says exactly whose they are (targets/sizes.py).
OBJECT_FLAGS = ("-ffunction-sections", "-fdata-sections", "-fcallgraph-info=su", "-fno-merge-constants", "-g")
PACKAGES = {"arm-none-eabi-": "gcc-arm-none-eabi and libnewlib-arm-none-eabi", "cc": "gcc", "c++": "g++"}
# Libraries with float operators: the same arithmetic on every target (ew_float.h says why).
FLOAT_OP_FLAGS = ("-ffp-contract=off", "-fno-tree-vectorize")
FLOAT_FLAGS = {
    "cortex-m4": ("-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"),
    "cortex-m7": ("-mfpu=fpv5-sp-d16", "-mfloat-abi=hard"),
    "cortex-m33": ("-mfpu=fpv5-sp-d16", "-mfloat-abi=hard"),
    "cortex-m55": ("-mfpu=auto", "-mfloat-abi=hard"),
}


def find_tool(tool: str) -> str:
    """Path of a program.

    Raises:
        DeviceError: EW-TOOL-MISSING with the Debian package that has it.
    """
    found = shutil.which(tool)
    if found is None:
        package = next((p for start, p in PACKAGES.items() if tool.startswith(start)), tool)
        raise DeviceError("EW-TOOL-MISSING", f"{tool} is not installed", f"apt install {package}", tool=tool)
    return found


def run_tool(command: Sequence[str | Path], code: str) -> str:
    """Run a compiler or binutils program and return its output.

    Raises:
        WorkError: `code` with the first error line where it fails or takes too long.
        DeviceError: EW-TOOL-MISSING.
    """
    arguments = [find_tool(str(command[0])), *map(str, command[1:])]
    try:
        done = subprocess.run(
            arguments,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=COMPILE_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise WorkError(code, f"{command[0]} did not end within {COMPILE_TIMEOUT_S} s") from error
    if done.returncode:
        raise WorkError(code, f"{command[0]}: {first_error(done.stderr)}", output=done.stderr[-4000:])
    return done.stdout


def first_error(stderr: str) -> str:
    """The first line that says what is wrong."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    for pattern in (
        r"(fatal )?error:",
        r"undefined reference|overflowed by|cannot find|multiple definition|Assert",
    ):
        for line in lines:
            if re.search(pattern, line) and "collect2" not in line:
                return line
    return lines[0] if lines else "failed without a message"


def cpu_flags(board: Board) -> list[str]:
    """Code generation flags of the board's core."""
    # The other cores either always have DSP instructions or never.
    without = "+nodsp" if board.cpu == "cortex-m33" and "dsp" not in board.features else ""
    floats = FLOAT_FLAGS[board.cpu] if board.has_fpu else ("-mfloat-abi=soft",)
    if board.cpu == "cortex-m7" and "fpu-dp" in board.features:
        floats = ("-mfpu=fpv5-d16", "-mfloat-abi=hard")
    return [f"-mcpu={board.cpu}{without}", "-mthumb", *floats]


def compile_objects(
    sources: Sequence[Path], folder: Path, flags: Sequence[str], compiler: str = f"{PREFIX}gcc"
) -> tuple[Path, ...]:
    """Compile C files side by side; objects (and .ci files) go to `folder`, in the order of `sources`.

    Raises:
        WorkError: EW-TOOLCHAIN-COMPILE with the compiler's first error line.
    """
    find_tool(compiler)
    folder.mkdir(parents=True, exist_ok=True)

    def compile_one(source: Path) -> Path:
        out = folder / f"{source.stem}.o"
        run_tool([compiler, *flags, "-c", source, "-o", out], "EW-TOOLCHAIN-COMPILE")
        return out

    with ThreadPoolExecutor(JOBS) as pool:
        return tuple(pool.map(compile_one, sources))


def compile_library(library: Path, board: Board, folder: Path) -> tuple[Path, ...]:
    """Compile the C files of a library folder for a board, objects into `folder`."""
    sources = sorted(library.glob("*.c"))
    if not sources:
        raise WorkError("EW-TOOLCHAIN-EMPTY", f"{library} holds no C file")
    floats = FLOAT_OP_FLAGS if (library / "ew_float.h").exists() else ()
    flags = [*cpu_flags(board), "-O2", *OBJECT_FLAGS, *WARNINGS, *floats, relative_debug(library)]
    return compile_objects(sources, folder, flags)


def relative_debug(folder: Path) -> str:
    """Flag: debug information names a folder without its path, which is temporary while a build is made."""
    return f"-ffile-prefix-map={folder}={folder.name}"


def compile_host(library: Path, output: Path, *, sources: Sequence[Path] = (), shared: bool = True) -> Path:
    """Compile a library folder for the host.

    Args:
        library: Folder with the model's C files.
        output: File to write.
        sources: Further C files, e.g. one with main().
        shared: Shared library, otherwise an executable.

    Raises:
        WorkError: EW-TOOLCHAIN-COMPILE.
        DeviceError: EW-TOOL-MISSING.
    """
    kind = ["-shared", "-fPIC"] if shared else []
    output.parent.mkdir(parents=True, exist_ok=True)
    files = [*sorted(library.glob("*.c")), *sources]
    run_tool(
        ["cc", "-O2", *WARNINGS, *kind, f"-I{library}", *files, "-lm", "-o", output], "EW-TOOLCHAIN-COMPILE"
    )
    return output


def check_cxx_header(header: Path) -> None:
    """Check that a C++ program can include the library's header.

    Raises:
        WorkError: EW-TOOLCHAIN-COMPILE.
        DeviceError: EW-TOOL-MISSING.
    """
    flags = ["-std=c++11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-x", "c++"]
    run_tool(["c++", *flags, "-include", header, "/dev/null"], "EW-TOOLCHAIN-COMPILE")
