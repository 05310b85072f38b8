"""Flags, errors and budgets of compiling and linking, and the host's compilers."""

from __future__ import annotations

import ctypes
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from edgewright.errors import DeviceError, WorkError
from edgewright.targets import compiler
from edgewright.targets.board import load_board
from edgewright.targets.compiler import check_cxx_header, compile_host, cpu_flags, first_error
from edgewright.targets.sizes import check_budget
from edgewright.targets.toolchain import build_firmware

FAKE_MODEL = Path(__file__).parents[1] / "firmware" / "fake_model"


@pytest.fixture
def library(tmp_path):
    return Path(shutil.copytree(FAKE_MODEL, tmp_path / "library"))


@pytest.mark.parametrize(
    ("board", "flags"),
    [
        ("microbit", ["-mcpu=cortex-m0", "-mthumb", "-mfloat-abi=soft"]),
        ("mps2-an386", ["-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"]),
        ("mps3-an547", ["-mcpu=cortex-m55", "-mthumb", "-mfpu=auto", "-mfloat-abi=hard"]),
    ],
)
def test_flags_of_a_core(board, flags):
    assert cpu_flags(load_board(board)) == flags


@pytest.mark.parametrize("features", [set(), {"dsp"}, {"fpu"}, {"dsp", "fpu"}])
def test_an_m33_without_its_options_compiles(features, library, tmp_path):
    board = replace(load_board("mps2-an505"), features=frozenset(features))
    objects = compiler.compile_library(library, board, tmp_path / "objects")
    assert all(o.exists() for o in objects)
    assert ("+nodsp" in cpu_flags(board)[0]) == ("dsp" not in features)


def test_compiler_error_is_the_first_line_with_its_place(library, tmp_path):
    (library / "fake.c").write_text("int x;\nint f(void) { return y; }\n")
    with pytest.raises(WorkError) as error:
        build_firmware(library, load_board("microbit"), tmp_path / "out")
    assert error.value.code == "EW-TOOLCHAIN-COMPILE"
    assert "fake.c:2:" in error.value.message and "'y' undeclared" in error.value.message


def test_a_warning_is_an_error(library, tmp_path):
    (library / "more.c").write_text("static int unused;\n")
    with pytest.raises(WorkError) as error:
        build_firmware(library, load_board("microbit"), tmp_path / "out")
    assert error.value.code == "EW-TOOLCHAIN-COMPILE" and "unused" in error.value.message


def test_undefined_function(library, tmp_path):
    source = (
        (library / "fake.c").read_text().replace("memset(arena, 0, 8);", "void nowhere(void); nowhere();")
    )
    (library / "fake.c").write_text(source)
    with pytest.raises(WorkError) as error:
        build_firmware(library, load_board("microbit"), tmp_path / "out")
    assert error.value.code == "EW-TOOLCHAIN-LINK" and "`nowhere'" in error.value.message


def test_a_folder_without_sources(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(WorkError) as error:
        build_firmware(tmp_path / "empty", load_board("microbit"), tmp_path / "out")
    assert error.value.code == "EW-TOOLCHAIN-EMPTY"


def test_missing_compiler(library, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DeviceError) as error:
        build_firmware(library, load_board("microbit"), tmp_path / "out")
    assert error.value.code == "EW-TOOL-MISSING" and error.value.exit_code == 3
    assert "arm-none-eabi-gcc" in error.value.message and "gcc-arm-none-eabi" in error.value.hint


def test_a_compiler_that_does_not_end(library, tmp_path, monkeypatch):
    slow = tmp_path / "arm-none-eabi-gcc"
    slow.write_text("#!/bin/sh\nsleep 20\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(compiler, "COMPILE_TIMEOUT_S", 0.2)
    with pytest.raises(WorkError) as error:
        build_firmware(library, load_board("microbit"), tmp_path / "out")
    assert error.value.code == "EW-TOOLCHAIN-COMPILE" and "0.2 s" in error.value.message


def test_an_arena_larger_than_the_ram(library, tmp_path):
    header = library / "fake.h"
    header.write_text(header.read_text().replace("ARENA_BYTES 24u", "ARENA_BYTES 20000u"))
    with pytest.raises(WorkError) as error:
        build_firmware(library, load_board("microbit"), tmp_path / "out")
    assert error.value.code == "EW-MEM-OVER"
    details = error.value.details
    assert details["available_bytes"] == 16384
    assert details["required_bytes"] == 16384 + details["excess_bytes"] > 20000 + 512


def test_weights_larger_than_the_flash(library, tmp_path):
    (library / "fake_weights.c").write_text(
        "#include <stdint.h>\nextern const int8_t fake_w0[300000];\n"
        "const int8_t fake_w0[300000] = {1, -2, 3, 100};\n"
    )
    with pytest.raises(WorkError) as error:
        build_firmware(library, load_board("microbit"), tmp_path / "out")
    assert error.value.code == "EW-FLASH-OVER" and error.value.details["excess_bytes"] > 37856


@pytest.mark.parametrize(
    ("limits", "code"), [({"ram_limit": 1}, "EW-MEM-OVER"), ({"flash_limit": 1}, "EW-FLASH-OVER")]
)
def test_budgets(limits, code, tmp_path):
    board = load_board("microbit")
    sizes = build_firmware(FAKE_MODEL, board, tmp_path).sizes
    needed = {"ram_limit": sizes.ram_bytes, "flash_limit": sizes.flash_bytes}
    check_budget(board, sizes, **{k: needed[k] for k in limits})
    for less in (1, 100):
        with pytest.raises(WorkError) as error:
            check_budget(board, sizes, **{k: needed[k] - less for k in limits})
        assert error.value.code == code
        assert error.value.details["excess_bytes"] == less
    check_budget(board, sizes, ram_limit=1 << 40)  # more than the board has is no licence


def test_host_library_computes(tmp_path):
    library = ctypes.CDLL(str(compile_host(FAKE_MODEL, tmp_path / "fake.so")))
    arena = (ctypes.c_uint8 * 24)(*range(8))
    library.fake_run(arena)
    assert bytes(arena[16:20]).hex() == "04fc0c0c"


def test_host_executable(tmp_path):
    main = tmp_path / "main.c"
    main.write_text(
        '#include "fake.h"\nint main(void) { static uint8_t a[24]; fake_run(a); return a[16]; }\n'
    )
    program = compile_host(FAKE_MODEL, tmp_path / "fake", sources=[main], shared=False)
    assert program.exists()


def test_cxx_can_include_the_header(tmp_path):
    check_cxx_header(FAKE_MODEL / "fake.h")
    broken = tmp_path / "c_only.h"
    broken.write_text("void *f(void);\nstatic inline int *g(void) { return f(); }\n")
    with pytest.raises(WorkError) as error:
        check_cxx_header(broken)
    assert error.value.code == "EW-TOOLCHAIN-COMPILE"


def test_first_error_of_a_long_report():
    report = "a.c: In function 'f':\na.c:3:4: warning: x\na.c:9:1: error: y\na.c:10:1: error: z\n"
    assert first_error(report) == "a.c:9:1: error: y"
    assert first_error("ld: a.o: undefined reference to `f'\ncollect2: error: ld returned 1 exit status") == (
        "ld: a.o: undefined reference to `f'"
    )
    assert first_error("") == "failed without a message"
