"""The C code of README.md, compiled with the library it is written for and run on the example's images."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from edgewright.targets.board import load_board
from edgewright.targets.build import load_program_of
from edgewright.targets.codegen.library import emit_library
from edgewright.targets.compiler import WARNINGS, compile_objects, cpu_flags
from edgewright.targets.planning import plan_program
from edgewright.targets.toolchain import check_cxx_header, compile_host
from tests.docs.pages import ROOT, page

DIGITS = ROOT / "examples" / "digits"


def emit(board_id, folder):
    planned = plan_program(load_program_of(DIGITS / "digits_int8.onnx"), load_board(board_id))
    emit_library(planned.program, planned.plan, planned.kernels, planned.cpu, folder, stack_bytes=256)
    return folder


@pytest.fixture
def source(tmp_path):
    (block,) = page("README.md").blocks("c")
    file = tmp_path / "read_digit.c"
    file.write_text(block.text, encoding="utf-8")
    return file


def test_reads_digits_on_the_host(source, tmp_path):
    library = emit("mps2-an385", tmp_path / "library")
    built = ctypes.CDLL(str(compile_host(library, tmp_path / "digits.so", sources=[source])))
    samples = np.load(DIGITS / "samples.npz")
    images = np.ascontiguousarray(samples["image"], np.float32).reshape(len(samples["label"]), 64)
    read = [built.read_digit(i.ctypes.data_as(ctypes.POINTER(ctypes.c_float))) for i in images]
    assert (np.array(read) == samples["label"]).sum() >= 31


def test_compiles_for_the_board(source, tmp_path):
    library = emit("mps2-an386", tmp_path / "library")
    flags = [*cpu_flags(load_board("mps2-an386")), "-O2", *WARNINGS, f"-I{library}"]
    objects = compile_objects([*sorted(library.glob("*.c")), source], tmp_path / "objects", flags)
    assert len(objects) == 3


def test_the_header_says_what_readme_promises(tmp_path):
    library = emit("mps2-an386", tmp_path / "library")
    check_cxx_header(library / "digits_int8.h")
    header = (library / "digits_int8.h").read_text()
    for name in ("ARENA_BYTES", "STACK_BYTES", "INPUT_BYTES", "OUTPUT_BYTES"):
        assert f"#define DIGITS_INT8_{name} " in header
    assert "alignment 4" in header
    # Compilers' own headers for a core's instructions aside (arm_mve.h), only these.
    includes = [
        line.split()[1]
        for file in library.glob("*.[ch]")
        for line in file.read_text().splitlines()
        if line.startswith("#include <")
    ]
    assert set(includes) <= {"<stdint.h>", "<string.h>", "<arm_mve.h>"}
