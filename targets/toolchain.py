"""Compiling and linking: a library folder and the firmware templates become the image of a board."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from edgewright.errors import DeviceError, WorkError
from edgewright.targets.board import Board
from edgewright.targets.board_header import board_header, linker_script
from edgewright.targets.rp2040_boot2 import boot2_source
from edgewright.targets.sizes import ImageSizes, measure_sizes

FIRMWARE = Path(__file__).resolve().parents[1] / "firmware_templates"
PREFIX = "arm-none-eabi-"
JOBS = 2
COMPILE_TIMEOUT_S = 300
WARNINGS = ("-Wall", "-Wextra", "-Werror", "-std=c11")
# Relocatable objects also say how much stack each function needs and whom it calls (targets/stack.py).
OBJECT_FLAGS = ("-ffunction-sections", "-fdata-sections", "-fcallgraph-info=su", "-g")
PACKAGES = {"arm-none-eabi-": "gcc-arm-none-eabi and libnewlib-arm-none-eabi", "cc": "gcc", "c++": "g++"}
# Second boot stage in flash: boards of this clock driver's chip.
BOOT2_CLOCKS = {"clock_rp2040"}
FLOAT_FLAGS = {
    "cortex-m4": ("-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"),
    "cortex-m7": ("-mfpu=fpv5-sp-d16", "-mfloat-abi=hard"),
    "cortex-m33": ("-mfpu=fpv5-sp-d16", "-mfloat-abi=hard"),
    "cortex-m55": ("-mfpu=auto", "-mfloat-abi=hard"),
}


@dataclass(frozen=True)
class FirmwareImage:
    """A linked firmware.

    Args:
        elf: Image with symbols.
        bin: What lies in the flash region, from its first byte on.
        map: The linker's map.
        sizes: Where the bytes are.
        library_objects: Objects of the model's library.
        firmware_objects: Objects of the monitor, drivers and start-up.
        keep_input: Whether the firmware keeps its own copy of the input between inferences.
    """

    elf: Path
    bin: Path
    map: Path
    sizes: ImageSizes
    library_objects: tuple[Path, ...]
    firmware_objects: tuple[Path, ...]
    keep_input: bool


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
    return compile_objects(sources, folder, [*cpu_flags(board), "-O2", *OBJECT_FLAGS, *WARNINGS])


def firmware_sources(board: Board) -> list[Path]:
    """The monitor, the start-up and the board's drivers."""
    clock = board.clock.name if board.clock else "clock_reset"
    names = (board.console.driver.name, board.timer.name, f"cycles_{board.cycles}", clock)
    return [
        *sorted((FIRMWARE / "monitor").glob("*.c")),
        *sorted((FIRMWARE / "cortex_m").glob("*.c")),
        *(FIRMWARE / "drivers" / f"{n}.c" for n in names),
    ]


def _firmware_objects(library: Path, board: Board, folder: Path, keep_input: bool) -> tuple[Path, ...]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ew_board.h").write_text(board_header(board))
    includes = [folder, library, *(FIRMWARE / part for part in ("monitor", "drivers", "cortex_m"))]
    flags = [*cpu_flags(board), "-Os", *OBJECT_FLAGS, *WARNINGS, f"-DEW_KEEP_INPUT={int(keep_input)}"]
    flags += [f"-I{path}" for path in includes]
    sources = firmware_sources(board)
    if has_boot2(board):
        sources.append(_checked_boot2(folder))
    return compile_objects(sources, folder, flags)


def has_boot2(board: Board) -> bool:
    """Whether the flash begins with the RP2040's second boot stage."""
    return board.clock is not None and board.clock.name in BOOT2_CLOCKS


def _checked_boot2(folder: Path) -> Path:
    """Assemble the second boot stage and write it as C data with its checksum."""
    code, binary = folder / "boot2_code.o", folder / "boot2_code.bin"
    run_tool([f"{PREFIX}gcc", "-c", FIRMWARE / "rp2040" / "boot2.S", "-o", code], "EW-TOOLCHAIN-COMPILE")
    run_tool([f"{PREFIX}objcopy", "-O", "binary", "-j", ".text", code, binary], "EW-TOOLCHAIN-LINK")
    source = folder / "boot2.c"
    source.write_text(boot2_source(binary.read_bytes()))
    return source


def build_firmware(
    library: Path,
    board: Board,
    folder: Path,
    *,
    keep_input: bool = True,
    stack_bytes: int | None = None,
) -> FirmwareImage:
    """Compile a library folder with the firmware templates and link the image of a board.

    Args:
        library: Folder with the model's C files and `firmware_model.h`.
        board: Target.
        folder: Gets firmware.elf, firmware.bin, firmware.map; intermediate files go to `folder`/objects.
        keep_input: False saves the RAM of one input, but each inference then needs a new load.
        stack_bytes: RAM for the stack; the board's own value by default.

    Raises:
        WorkError: EW-TOOLCHAIN-*; EW-MEM-OVER or EW-FLASH-OVER where the image does not fit.
        DeviceError: EW-TOOL-MISSING.
    """
    library_objects = compile_library(library, board, folder / "objects" / "library")
    firmware_objects = _firmware_objects(library, board, folder / "objects" / "firmware", keep_input)
    script, elf, binary, map_file = (
        folder / n for n in ("objects/link.ld", "firmware.elf", "firmware.bin", "firmware.map")
    )
    script.write_text(linker_script(board, stack_bytes or board.memory.stack_bytes, has_boot2(board)))
    _link(board, script, elf, map_file, (*firmware_objects, *library_objects))
    # Sections outside the flash region (the vector table of some boards) would leave a gap of megabytes.
    outside = ["-R", ".vectors"] if board.memory.vectors else []
    run_tool([f"{PREFIX}objcopy", "-O", "binary", *outside, elf, binary], "EW-TOOLCHAIN-LINK")
    sizes = measure_sizes(elf, map_file, library_objects, firmware_objects)
    return FirmwareImage(elf, binary, map_file, sizes, library_objects, firmware_objects, keep_input)


def _link(board: Board, script: Path, elf: Path, map_file: Path, objects: Sequence[Path]) -> None:
    flags = [*cpu_flags(board), "-nostartfiles", "-static", "-Wl,--gc-sections", "-Wl,--fatal-warnings"]
    # Images in RAM have writable code, which the linker would warn about.
    flags += ["-Wl,--no-warn-rwx-segments", f"-Wl,-Map={map_file}", f"-T{script}"]
    try:
        run_tool([f"{PREFIX}gcc", *flags, *objects, "-lm", "-o", elf], "EW-TOOLCHAIN-LINK")
    except WorkError as error:
        raise over_budget(error, board) from error


def over_budget(error: WorkError, board: Board) -> WorkError:
    """The linker's "region overflowed by N bytes" as a budget error; any other error as it is."""
    overflow = re.search(r"region `(\w+)' overflowed by (\d+) bytes", str(error.details.get("output", "")))
    if overflow is None:
        return error
    region, excess = overflow[1], int(overflow[2])
    memory = board.memory.ram if region == "RAM" else board.memory.flash
    code, what = ("EW-MEM-OVER", "RAM") if region == "RAM" else ("EW-FLASH-OVER", "flash")
    return WorkError(
        code,
        f"the firmware needs {memory.size_bytes + excess:,} bytes of {what}; {board.id} has {memory.size_bytes:,}",
        required_bytes=memory.size_bytes + excess,
        available_bytes=memory.size_bytes,
        excess_bytes=excess,
    )


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
