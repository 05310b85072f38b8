"""The code of docs/adding_an_op.md works: golden, generated C, saving, lowering."""

from __future__ import annotations

import importlib
import subprocess
import sys

import numpy as np
import pytest

from edgewright.converter import program_json
from edgewright.converter.importers.tflite_format.ops import CONVERTERS
from edgewright.converter.lower.registry import LOWERINGS
from edgewright.converter.program import Node, Port, Program, Quantization, TensorType
from edgewright.converter.program_file import load_program, save_program
from edgewright.converter.schedule import Wish
from edgewright.targets.codegen.tir import kernel_source
from edgewright.targets.cpu import SCALAR
from edgewright.targets.forms import layer_types
from edgewright.targets.planning import planning_for
from tests.converter.lower.qdq import Qdq, check
from tests.docs.pages import ROOT, page
from tests.targets.codegen.host_library import run_on_host, run_planned

GUIDE = page("docs/adding_an_op.md")
OP, LOWERING = "edgewright.converter.ops.channel_max", "edgewright.converter.lower.reduce_max"
SHAPES = [(1, 1, 1), (4, 5, 8), (3, 1, 17), (1, 6, 1)]


def python_block(start: str) -> str:
    (found,) = [b.text for b in GUIDE.blocks("python") if b.text.startswith(start)]
    return found


@pytest.fixture(scope="module")
def channel_max(tmp_path_factory):
    """The class ChannelMax, with its lowering registered, as if the guide had been followed."""
    folder = tmp_path_factory.mktemp("guide")
    sources = {OP: '"""Maximum over the channels', LOWERING: '"""Maximum over one axis'}
    before = dict(LOWERINGS)
    assert "ReduceMax" not in before, "it is there now: the guide needs another example"
    with pytest.MonkeyPatch.context() as patch:
        for name, start in sources.items():
            file = folder / f"{name.rpartition('.')[2]}.py"
            file.write_text(python_block(start), encoding="utf-8")
            spec = importlib.util.spec_from_file_location(name, file)
            assert spec is not None and spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            patch.setitem(sys.modules, name, module)
            spec.loader.exec_module(module)
        yield sys.modules[OP].ChannelMax
        LOWERINGS.clear()
        LOWERINGS.update(before)


def program_of(op) -> Program:
    """One ChannelMax for each shape, each with its own input and output."""
    values, nodes, inputs, outputs = {}, [], [], []
    for i, shape in enumerate(SHAPES):
        x = TensorType(shape, "int8", Quantization(0.1, i))
        y = op.output_type(x)
        values |= {f"x{i}": x, f"y{i}": y}
        inputs.append(Port(f"x{i}", f"x{i}", x.shape, (0, 1, 2)))
        outputs.append(Port(f"y{i}", f"y{i}", y.shape, (0, 1, 2)))
        nodes.append(Node(f"max{i}", op, (f"x{i}",), f"y{i}"))
    return Program("guide", "0" * 64, tuple(inputs), tuple(outputs), values, tuple(nodes))


def random_inputs(program: Program) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    return {p.name: rng.integers(-128, 128, p.source_shape).astype(np.int8) for p in program.inputs}


def test_golden(channel_max):
    program = program_of(channel_max())
    program.verify()
    inputs = random_inputs(program)
    outputs = program.run(inputs)
    for i, (rows, columns, channels) in enumerate(SHAPES):
        x, y = inputs[f"x{i}"], outputs[f"y{i}"]
        assert y.shape == (rows, columns, 1) and y.dtype == np.int8
        want = [[max(x[r, c, k] for k in range(channels)) for c in range(columns)] for r in range(rows)]
        assert y[..., 0].tolist() == want


def test_generated_c_equals_golden(channel_max, tmp_path):
    program = program_of(channel_max())
    inputs = random_inputs(program)
    want, got = program.run(inputs), run_on_host(program, SCALAR, tmp_path, inputs)
    assert all(np.array_equal(got[name], want[name]) for name in want)


@pytest.mark.parametrize("wish", [Wish(schedule="stream"), Wish(schedule="patch", patches=(1, 2))])
def test_it_streams_and_runs_in_strips(channel_max, wish, tmp_path):
    x = TensorType((4, 5, 8), "int8", Quantization(0.1, 3))
    op = channel_max()
    y = op.output_type(x)
    z = op.output_type(y)
    ports = (Port("x", "x", x.shape, (0, 1, 2)),), (Port("z", "z", z.shape, (0, 1, 2)),)
    nodes = (Node("first", op, ("x",), "y"), Node("second", op, ("y",), "z"))
    program = Program("guide", "0" * 64, *ports, {"x": x, "y": y, "z": z}, nodes)
    planned = planning_for(program, SCALAR).plan(wish)
    assert planned.plan.schedule == wish.schedule
    inputs = random_inputs(program)
    got, _ = run_planned(planned, tmp_path, inputs)
    assert np.array_equal(got["z"], program.run(inputs)["z"])


def test_the_c_shown_is_the_c_generated(channel_max):
    program = program_of(channel_max())
    node = program.nodes[SHAPES.index((4, 5, 8))]
    _, text = kernel_source(node.op.row_kernel(SCALAR, *layer_types(node, program)))
    assert text in [b.text for b in GUIDE.blocks("c")]


def test_saved_and_read_back(channel_max, tmp_path, monkeypatch):
    program = program_of(channel_max())
    monkeypatch.setattr(program_json, "CLASSES", {**program_json.CLASSES, channel_max.__name__: channel_max})
    save_program(program, tmp_path / "program")
    assert load_program(tmp_path / "program").run(random_inputs(program)).keys() == {"y0", "y1", "y2", "y3"}


@pytest.mark.parametrize("axis", [1, 2, 3])
@pytest.mark.parametrize("keepdims", [0, 1])
def test_lowered_program_agrees_with_onnxruntime(channel_max, axis, keepdims):
    graph = Qdq("int8")
    x = graph.input("x", (1, 6, 5, 4))
    largest = graph.node("ReduceMax", [x, graph.constant([axis], "int64")], keepdims=keepdims)
    program = check(graph.model(graph.quantized(largest, 0.05, 3)), bound=0)
    assert [n for n in program.nodes if isinstance(n.op, channel_max)]


def test_what_the_guide_says_of_the_code():
    assert hasattr(program_json, "OP_KINDS")
    assert "REDUCE_MAX" in CONVERTERS


@pytest.mark.parametrize("block", GUIDE.blocks("python"), ids=lambda b: f"line{b.line}")
def test_its_code_is_clean(block):
    """The guide's code keeps the rules of the repository."""
    ruff = [sys.executable, "-m", "ruff"]
    # The guide's own module is not there, so ruff cannot know where its import belongs.
    for arguments in (["check", "--ignore", "I001", "-"], ["format", "--check", "-"]):
        done = subprocess.run(
            [*ruff, *arguments], input=block.text, cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
