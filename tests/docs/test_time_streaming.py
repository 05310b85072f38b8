"""The C code and the figures of docs/time_streaming.md."""

from __future__ import annotations

import ctypes
import re

import numpy as np
import pytest

from benchmarks import time_streaming
from benchmarks.emulated_stream import seeded_signal
from edgewright.converter.streaming import stream_program, windowed
from edgewright.targets.board import load_board
from edgewright.targets.build import load_program_of
from edgewright.targets.codegen.stream_library import emit_stream_library
from edgewright.targets.compiler import WARNINGS, compile_objects, cpu_flags
from edgewright.targets.cpu import DSP, SCALAR
from edgewright.targets.toolchain import check_cxx_header, compile_host
from tests.cli.runner import cli
from tests.docs.pages import page
from tests.runtime.bare_metal import needs
from tests.shared import shared_path

PAGE = page("docs/time_streaming.md")


@pytest.fixture(scope="module")
def model():
    return shared_path("models/mlperf_tiny/str_ww_ref_model.tflite")


@pytest.fixture
def source(tmp_path):
    (block,) = PAGE.blocks("c")
    file = tmp_path / "wakeword.c"
    file.write_text(block.text, encoding="utf-8")
    return file


def test_example_runs_on_the_host(model, source, tmp_path):
    program = load_program_of(model)
    emit_stream_library(stream_program(program, 1), SCALAR, tmp_path / "library")
    built = ctypes.CDLL(str(compile_host(tmp_path / "library", tmp_path / "ww.so", sources=[source])))
    signal = seeded_signal(80, 1, 40, seed=2)
    want = [int(w[program.outputs[0].name].ravel()[0]) for w in windowed(program, signal, 1)]
    assert len(set(want)) > 10
    for _ in range(2):  # starts again
        built.wakeword_start()
        said = [
            built.wakeword_step(np.ascontiguousarray(row).ctypes.data_as(ctypes.c_void_p)) for row in signal
        ]
        assert said[:29] == [-128] * 29
        assert said[29:] == want


def test_example_compiles_for_the_board(model, source, tmp_path):
    needs("arm-none-eabi-gcc")
    library = tmp_path / "library"
    emit_stream_library(stream_program(load_program_of(model), 1), DSP, library)
    check_cxx_header(library / "str_ww_ref_model_stream.h")
    flags = [*cpu_flags(load_board("mps2-an386")), "-O2", *WARNINGS, f"-I{library}"]
    assert len(compile_objects([*sorted(library.glob("*.c")), source], tmp_path / "objects", flags)) == 3


def test_example_prints_what_the_page_shows(model):
    shown = next(b.text for b in PAGE.blocks("text") if b.text.startswith("call "))
    printed = cli("stream", model, "--board", "mps2-an386", "--hop", 1).out
    for line in shown.splitlines():
        if not line.startswith("est. cycles"):
            assert line in printed


def test_figures_are_those_measured(model, tmp_path, capsys):
    needs("qemu-system-arm", "arm-none-eabi-gcc")
    (shown,) = [b.text for b in PAGE.blocks("text") if b.text.startswith("figure ")]
    status = time_streaming.main(["--models", str(model.parent), "--out", str(tmp_path / "result.json")])
    assert status == 0
    printed = capsys.readouterr().out.splitlines()
    for line, measured in zip(shown.splitlines(), printed, strict=False):
        if "cycles" in line or "stack" in line:  # of the compiler
            stated, now = (int(re.findall(r"[\d,]{3,}", x)[-1].replace(",", "")) for x in (line, measured))
            assert now == pytest.approx(stated, rel=0.03), line
        else:
            assert line == measured
