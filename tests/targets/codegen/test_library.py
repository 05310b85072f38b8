"""The emitted library: self-contained, without surprises, kernels shared."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from edgewright.converter.importers import load_model
from edgewright.converter.lower import lower
from edgewright.converter.rewrites import rewrite
from edgewright.converter.schedule import Wish
from edgewright.targets.codegen.step_kernels import whole_kernel
from edgewright.targets.codegen.tir import kernel_source
from edgewright.targets.cpu import CPU_CLASSES
from edgewright.targets.planning import planning_for
from tests.shared import shared_path
from tests.targets.codegen.host_library import LAYERS, emit, emit_planned
from tests.targets.codegen.op_cases import make_mixed_program
from tests.targets.codegen.row_nets import random_net

FORBIDDEN = re.compile(r"\b(malloc|calloc|realloc|free|printf|double)\b")


@pytest.fixture(scope="module", params=["layers", "streamed", "pushed"])
def mixed(request, tmp_path_factory):
    """(program, plan, folder) of a library of each kind."""
    folder = tmp_path_factory.mktemp("mixed") / "library"
    if request.param == "layers":
        program, _ = make_mixed_program(seed=7, count=3)
        return program, emit(program, CPU_CLASSES["scalar"], folder), folder
    program, mode = random_net(1), "resident" if request.param == "streamed" else "rows"
    plan = emit(program, CPU_CLASSES["scalar"], folder, Wish(input=mode, slowdown=100.0))
    assert "stream" in {s.schedule for s in plan.steps}
    return program, plan, folder


def test_every_include_is_there(mixed):
    _, _, folder = mixed
    names = {p.name for p in folder.iterdir()}
    system = {"stdint.h", "string.h", "arm_mve.h"}
    for file in folder.iterdir():
        for name in re.findall(r'#include [<"]([^>"]+)[>"]', file.read_text()):
            assert name in names | system, f"{file.name} includes {name}"


def test_no_allocation_and_no_io(mixed):
    for file in mixed[2].iterdir():
        code = re.sub(r"/\*.*?\*/", "", file.read_text(), flags=re.S)
        assert not FORBIDDEN.search(code), file.name


def test_no_file_of_its_own_is_writable_data(mixed):
    """All state is in the arena: the objects have neither .data nor .bss."""
    _, _, folder = mixed
    for source in folder.glob("*.c"):
        subprocess.run(
            ["cc", "-std=c11", "-O2", "-fno-pic", "-c", source.name, "-o", "x.o"], cwd=folder, check=True
        )
        sizes = subprocess.run(
            ["size", "x.o"], cwd=folder, check=True, capture_output=True, text=True
        ).stdout.splitlines()[1]
        assert sizes.split()[1:3] == ["0", "0"], source.name


def test_cxx_can_include_the_header(mixed):
    program, _, folder = mixed
    text = f'#include "{program.name}.h"\nint main() {{ return {program.name.upper()}_ARENA_BYTES == 0; }}\n'
    (folder / "main.cc").write_text(text)
    flags = ["-std=c++11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"]
    subprocess.run(["c++", *flags, "main.cc"], cwd=folder, check=True)


def test_macros_state_the_plan(mixed):
    program, layout, folder = mixed
    header = (folder / f"{program.name}.h").read_text()
    assert f"#define {program.name.upper()}_ARENA_BYTES {layout.arena_bytes}u" in header
    assert f"#define {program.name.upper()}_STEPS {len(layout.steps)}u" in header
    by_rows = {"INPUT_ROWS": program.values[program.inputs[0].value].shape[0], "PASSES": layout.passes}
    for name, value in by_rows.items():
        line = f"#define {program.name.upper()}_{name} {value}u"
        assert (line in header) == (layout.input_mode == "rows")


@pytest.mark.parametrize("cpu", sorted(CPU_CLASSES))
def test_layers_of_a_shape_share_a_kernel(cpu, tmp_path):
    """Keyword spotting has four equal depthwise and four equal pointwise layers."""
    model = load_model(shared_path("models/mlperf_tiny/kws_ref_model.tflite"))
    planned = planning_for(rewrite(lower(model)), CPU_CLASSES[cpu]).plan(LAYERS)
    emit_planned(planned, tmp_path)
    code = (tmp_path / f"{planned.program.name}.c").read_text()
    for shape in ((3, 3, 64), (64, 1, 1, 64)):
        steps = [s for s in planned.plan.steps if np.shape(getattr(s.nodes[0].op, "weights", ())) == shape]
        symbols = {kernel_source(whole_kernel(step, planned.kernels))[0] for step in steps}
        assert (len(steps), len(symbols)) == (4, 1), symbols
        (symbol,) = symbols
        assert len(re.findall(rf"^static void {symbol}\(", code, flags=re.M)) == 1
        assert len(re.findall(rf"^  {{ {symbol},", code, flags=re.M)) == 4


def test_names_of_the_model_cannot_break_out_of_a_comment(tmp_path):
    program, _ = make_mixed_program(seed=7, count=1)
    hostile = ["*/ int evil; /*", "a\\\nb", 'x"', "/* /* //", "??/", "\u2028é"] * 10
    nodes = tuple(
        replace(n, name=f"{name} {i}")
        for i, (n, name) in enumerate(zip(program.nodes, hostile, strict=False))
    )
    program = replace(program, nodes=nodes)
    emit(program, CPU_CLASSES["scalar"], tmp_path)
    assert "*/ int evil" not in (tmp_path / f"{program.name}.c").read_text()
    flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
    subprocess.run(["cc", *flags, f"{program.name}.c"], cwd=tmp_path, check=True)
