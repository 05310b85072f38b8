"""The C code of README.md and docs/memory.md, compiled with its library and run on the example's images."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import pytest

from edgewright.converter.schedule import Wish
from edgewright.targets.board import load_board
from edgewright.targets.build import load_program_of
from edgewright.targets.codegen.library import emit_library
from edgewright.targets.compiler import WARNINGS, compile_objects, cpu_flags
from edgewright.targets.planning import plan_program
from edgewright.targets.toolchain import check_cxx_header, compile_host
from tests.docs.pages import ROOT, page

DIGITS = ROOT / "examples" / "digits"
RESIDENT, ROWS = Wish(input="resident"), Wish(input="rows")
IN_STRIPS = Wish(input="rows", slowdown=100.0)
ADDRESS = 0x1000
# Stands for the external flash of docs/memory.md: holds one image.
FLASH = """
#include <stdint.h>
#include <string.h>
uint8_t flash[256];
uint32_t read_bytes;
void flash_read(uint32_t address, void *to, uint32_t bytes);
void flash_read(uint32_t address, void *to, uint32_t bytes) {
  memcpy(to, flash + (address - 0x1000u), bytes);
  read_bytes += bytes;
}
"""


def emit(board_id: str, folder: Path, wish: Wish = RESIDENT) -> Path:
    planned = plan_program(load_program_of(DIGITS / "digits_int8.onnx"), load_board(board_id), wish)
    emit_library(planned.program, planned.plan, planned.kernels, planned.cpu, folder, stack_bytes=256)
    return folder


def sources() -> dict[str, tuple[str, Wish]]:
    """C code and what its library was planned for, by what the code is about."""
    (whole,) = page("README.md").blocks("c")
    resident, pushed, fetched = page("docs/memory.md").blocks("c")
    return {
        "readme": (whole.text, RESIDENT),
        "resident": (resident.text, RESIDENT),
        "pushed": (pushed.text, ROWS),
        "fetched": (fetched.text, ROWS),
    }


def build(name: str, folder: Path, wish: Wish | None = None) -> ctypes.CDLL:
    """The page's code and its library, compiled for the host."""
    text, own = sources()[name]
    files = {folder / "example.c": text}
    if name == "fetched":
        files[folder / "flash.c"] = FLASH
    for file, content in files.items():
        file.write_text(content, encoding="utf-8")
    library = emit("mps2-an385", folder / "library", wish or own)
    return ctypes.CDLL(str(compile_host(library, folder / "digits.so", sources=list(files))))


@pytest.fixture(scope="module")
def samples() -> tuple[np.ndarray, np.ndarray]:
    """Images [n, 8, 8] and labels [n]."""
    data = np.load(DIGITS / "samples.npz")
    images = np.ascontiguousarray(data["image"], np.float32).reshape(len(data["label"]), 8, 8)
    return images, data["label"]


@pytest.fixture(scope="module")
def wanted(samples) -> np.ndarray:
    """The reference's scores [n, 10]."""
    program = load_program_of(DIGITS / "digits_int8.onnx")
    (port_in,), (port_out,) = program.inputs, program.outputs
    return np.array(
        [
            program.run({port_in.name: image.reshape(1, 1, 8, 8)})[port_out.name].reshape(10)
            for image in samples[0]
        ]
    )


def pointer(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def test_reads_digits(samples, tmp_path):
    built = build("readme", tmp_path)
    images, labels = samples
    read = [built.read_digit(pointer(image)) for image in images]
    assert (np.array(read) == labels).sum() >= 31


def test_input_resident(samples, wanted, tmp_path):
    built, scores = build("resident", tmp_path), np.zeros(10, np.float32)
    for image, want in zip(samples[0], wanted, strict=True):
        built.score_image(pointer(image), pointer(scores))
        assert (scores == want).all()


def test_rows_pushed(samples, wanted, tmp_path):
    built, scores = build("pushed", tmp_path), np.zeros(10, np.float32)
    for image, want in zip(samples[0], wanted, strict=True):
        built.frame_begins()
        assert [built.line_arrived(pointer(line), pointer(scores)) for line in image] == [0] * 7 + [1]
        assert (scores == want).all()


@pytest.mark.parametrize("wish", [ROWS, IN_STRIPS], ids=["whole rows", "smallest"])
def test_rows_fetched(samples, wanted, wish, tmp_path):
    built, scores = build("fetched", tmp_path, wish), np.zeros(10, np.float32)
    flash = (ctypes.c_uint8 * 256).in_dll(built, "flash")
    count = ctypes.c_uint32.in_dll(built, "read_bytes")
    for image, want in zip(samples[0], wanted, strict=True):
        flash[:], count.value = image.tobytes(), 0
        built.score_stored_image(ADDRESS, pointer(scores))
        assert (scores == want).all()
        assert count.value >= 256


@pytest.mark.parametrize("name", sources())
def test_compiles_for_the_board(name, tmp_path):
    text, wish = sources()[name]
    file = tmp_path / "example.c"
    file.write_text(text, encoding="utf-8")
    library = emit("mps2-an386", tmp_path / "library", wish)
    flags = [*cpu_flags(load_board("mps2-an386")), "-O2", *WARNINGS, f"-I{library}"]
    objects = compile_objects([*sorted(library.glob("*.c")), file], tmp_path / "objects", flags)
    assert len(objects) == 3


def includes(library: Path) -> set[str]:
    lines = [line for file in library.glob("*.[ch]") for line in file.read_text().splitlines()]
    return {line.split()[1] for line in lines if line.startswith("#include <")}


def test_the_header_says_what_readme_promises(tmp_path):
    library = emit("mps2-an386", tmp_path / "library")
    check_cxx_header(library / "digits_int8.h")
    header = (library / "digits_int8.h").read_text()
    for name in ("ARENA_BYTES", "STACK_BYTES", "INPUT_BYTES", "OUTPUT_BYTES"):
        assert f"#define DIGITS_INT8_{name} " in header
    assert "alignment 4" in header
    # Compilers' own headers for a core's instructions aside (arm_mve.h), only these.
    assert includes(library) <= {"<stdint.h>", "<string.h>", "<arm_mve.h>"}


def test_the_header_for_rows_says_what_the_pages_promise(tmp_path):
    library = emit("mps2-an386", tmp_path / "library", ROWS)
    check_cxx_header(library / "digits_int8.h")
    header = (library / "digits_int8.h").read_text()
    for name in ("INPUT_ROWS", "INPUT_ROW_BYTES", "PASSES"):
        assert f"#define DIGITS_INT8_{name} " in header
    for name in ("begin", "push_row", "run_rows"):
        assert f"digits_int8_{name}(" in header
    assert "digits_int8_input(" not in header
