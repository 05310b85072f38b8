"""What of the toolchain is on this machine, in which version, and what to install for what."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

DISTRIBUTION = "edgewright"
PROBE_TIMEOUT_S = 20.0
REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^]]*\])?\s*([^;]*)(;.*)?")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for.

    Args:
        name: Program or Python package.
        group: Kind of thing.
        status: "broken" is there but not usable.
        version: Empty where it is missing or tells none.
        purpose: What it is for.
        required: Whether building for emulated boards needs it.
        install: What to install where it is missing or broken.
    """

    name: str
    group: Literal["python", "program"]
    status: Literal["ok", "missing", "broken"]
    version: str
    purpose: str
    required: bool
    install: str


@dataclass(frozen=True)
class Program:
    """An external program and how to see that it works.

    Args:
        name: Executable.
        purpose: What it is for.
        install: Command that installs it on Debian and Ubuntu.
        required: Whether building for emulated boards needs it.
        probe: Arguments of a run that must end with status 0; the first version number it prints is
            the program's.
        stdin: Given to that run.
        expect: Text that run must print.
        package: Name in the report where it is not the executable's.
    """

    name: str
    purpose: str
    install: str
    required: bool = True
    probe: tuple[str, ...] = ("--version",)
    stdin: str = ""
    expect: str = ""
    package: str = ""


PROGRAMS = (
    Program("arm-none-eabi-gcc", "building firmware for Cortex-M", "apt install gcc-arm-none-eabi"),
    Program(
        "arm-none-eabi-gcc",
        "C library of the firmware",
        "apt install libnewlib-arm-none-eabi",
        probe=("-E", "-x", "c", "-"),
        stdin="#include <string.h>\n#include <newlib.h>\nnewlib_version _NEWLIB_VERSION\n",
        expect="newlib_version",
        package="newlib",
    ),
    Program("qemu-system-arm", "running emulated boards", "apt install qemu-system-arm"),
    Program(
        "qemu-system-arm",
        "counting instructions on emulated boards",
        "a QEMU built with --enable-plugins (Debian's and Ubuntu's are)",
        probe=("--help",),
        expect="-plugin",
        package="qemu plugins",
    ),
    Program("cc", "building the instruction counter for the emulator", "apt install gcc libc6-dev"),
    Program("gdb-multiarch", "flashing through a GDB server", "apt install gdb-multiarch", required=False),
    Program("openocd", "flashing with OpenOCD", "apt install openocd", required=False),
    Program("pyocd", "flashing with pyOCD", "pip install pyocd", required=False),
)

PYTHON_PURPOSES = {
    "apache-tvm": "generating kernels",
    "apache-tvm-ffi": "generating kernels (this version only: newer ones crash)",
    "onnx": "reading models",
    "onnx-ir": "reading models",
    "onnxruntime": "running models on this machine",
    "tflite": "reading .tflite models",
    "numpy": "reference arithmetic",
    "pyserial": "talking to boards",
    "ortools": "planning memory",
    "typer": "this command line",
    "rich": "this command line",
    "jinja2": "writing C code and reports",
    "matplotlib": "plots in reports",
}


def examine() -> list[Finding]:
    """Look for everything edgewright uses: Python and its packages, then external programs."""
    with ThreadPoolExecutor() as pool:
        programs = list(pool.map(_program, PROGRAMS))
    return [_python(), *python_packages(), *programs]


def _python() -> Finding:
    return Finding(
        "python",
        "python",
        "ok",
        platform.python_version(),
        f"running edgewright ({sys.executable})",
        True,
        "",
    )


def python_packages(requirements: Iterable[str] | None = None) -> list[Finding]:
    """The packages edgewright depends on, as its own metadata lists them.

    Args:
        requirements: Requirement lines (`name>=1`), by default those of the installed edgewright.
    """
    if requirements is None:
        try:
            requirements = importlib.metadata.requires(DISTRIBUTION) or []
        except importlib.metadata.PackageNotFoundError:
            hint = "run scripts/setup.sh, or pip install -e ."
            return [Finding(DISTRIBUTION, "python", "missing", "", "edgewright's own metadata", True, hint)]
    return [_package(line) for line in requirements if "extra ==" not in line]


def _package(requirement: str) -> Finding:
    matched = REQUIREMENT.match(requirement)
    assert matched is not None, requirement
    name, wanted = matched[1], matched[3].strip().strip("()")
    purpose = PYTHON_PURPOSES.get(name.lower(), "")
    install = f'pip install "{name}{wanted}"'
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return Finding(name, "python", "missing", "", purpose, True, install)
    # Only exact pins are compared: the others are pip's to keep.
    wrong = wanted.startswith("==") and version != wanted.removeprefix("==").strip()
    return Finding(
        name, "python", "broken" if wrong else "ok", version, purpose, True, install if wrong else ""
    )


def _program(program: Program) -> Finding:
    name = program.package or program.name
    path = shutil.which(program.name)
    if path is None:
        return _finding(program, name, "missing", "")
    try:
        done = subprocess.run(
            [path, *program.probe],
            input=program.stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PROBE_TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return _finding(program, name, "broken", "")
    output = done.stdout + done.stderr
    if done.returncode != 0 or program.expect not in output:
        return _finding(program, name, "broken", "")
    return _finding(program, name, "ok", _version(output, program))


def _finding(
    program: Program, name: str, status: Literal["ok", "missing", "broken"], version: str
) -> Finding:
    install = "" if status == "ok" else program.install
    return Finding(name, "program", status, version, program.purpose, program.required, install)


def _version(output: str, program: Program) -> str:
    """The first number of the form 1.2 behind the text to expect, on lines that are not paths."""
    text = output[output.rfind(program.expect) :] if program.package == "newlib" else output
    found = re.search(r"\d+\.\d+[\w.]*", re.sub(r"\([^)]*\)", "", text))
    return found[0] if found and program.package != "qemu plugins" else ""


def unusable(findings: Sequence[Finding]) -> list[Finding]:
    """What building for emulated boards needs and is not there or not usable."""
    return [f for f in findings if f.required and f.status != "ok"]
