"""Float operators: the generated C against onnxruntime, and the same bits from every compiler."""

from __future__ import annotations

import re

import numpy as np
import pytest

from edgewright.converter.lower.float_island import FLOAT_OPS
from edgewright.converter.ops.float_op import FloatOp
from edgewright.converter.program import Node, Port, Program, TensorType
from edgewright.errors import ModelError
from edgewright.targets.board import load_board
from edgewright.targets.codegen.kernels.relax_op import float_code
from edgewright.targets.codegen.relax_import import NotLegal
from edgewright.targets.compiler import compile_library
from edgewright.targets.cpu import SCALAR
from edgewright.targets.elf import Elf
from tests.targets.codegen.float_cases import CASES, IMAGE, FloatCase, reference
from tests.targets.codegen.host_library import emit, run_on_host


def flat(shape):
    return (1, 1, int(np.prod(shape)))


def program_of(cases):
    """Every case as an operator of one program, with inputs and output of its own."""
    values, inputs, outputs, nodes = {}, [], [], []
    for index, case in enumerate(cases):
        model = np.frombuffer(case.model(), np.uint8)
        op = FloatOp(model, case.op, flat(case.output_shape()))
        names = tuple(f"x{index}_{i}" for i in range(len(case.inputs)))
        for name, shape in zip(names, case.inputs, strict=True):
            values[name] = TensorType(flat(shape), "float32")
            inputs.append(Port(name, name, flat(shape), (0, 1, 2)))
        values[f"y{index}"] = op.output_type(*(values[n] for n in names))
        nodes.append(Node(f"{case.op}_{index}", op, names, f"y{index}"))
        outputs.append(Port(f"y{index}", f"y{index}", op.shape, (0, 1, 2)))
    program = Program("floats", "0" * 64, tuple(inputs), tuple(outputs), values, tuple(nodes))
    program.verify()
    return program


def random_feeds(program, cases, rng):
    feeds = {}
    for index, case in enumerate(cases):
        for i, x in enumerate(case.feeds(rng)):
            feeds[f"x{index}_{i}"] = x
    return feeds


def test_every_operator_is_tested():
    assert {c.op for c in CASES} == FLOAT_OPS


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.label)
def test_equals_onnxruntime(case):
    rng = np.random.default_rng(5)
    model = case.model()
    op = FloatOp(np.frombuffer(model, np.uint8), case.op, flat(case.output_shape()))
    for _ in range(2):
        inputs = case.feeds(rng)
        want = reference(model, inputs)
        made = op.golden(*inputs).reshape(want.shape)
        np.testing.assert_allclose(made, want, rtol=1e-4, atol=1e-5 * (1 + np.abs(want).max()))


def test_library_equals_golden_bit_for_bit(tmp_path):
    """Another optimization level, one arena, scratch at any offset."""
    program, rng = program_of(CASES), np.random.default_rng(11)
    feeds = random_feeds(program, CASES, rng)
    made = run_on_host(program, SCALAR, tmp_path / "library", feeds)
    golden = program.run(feeds)
    for name, want in golden.items():
        assert made[name].tobytes() == want.tobytes(), name


@pytest.mark.parametrize("board", ["microbit", "mps2-an385", "mps2-an386", "mps3-an547"])
def test_compiles_for_the_device(board, tmp_path):
    """Without a warning, and without anything from libm."""
    target = load_board(board)
    program = program_of(CASES)
    emit(program, SCALAR, tmp_path / "library")
    objects = compile_library(tmp_path / "library", target, tmp_path / "objects")
    wanted = set()
    for file in objects:
        wanted |= {s.name for s in Elf(file).symbols if s.section == 0 and s.name}
    assert all(n.startswith(("__aeabi_", "floats", "mem")) for n in wanted), wanted


def test_large_temporaries_are_in_the_scratch():
    for case in CASES:
        code = float_code(case.model())
        arrays = re.findall(r"^ +(\w+) \w+\[(\d+)\] __attribute__", code.source, flags=re.M)
        assert all(int(n) * (8 if "64" in kind else 4) <= 64 for kind, n in arrays), case.label
    big = FloatCase("Softmax", ((1, 64, 50),), (), {"axis": 1})
    assert float_code(big.model()).scratch_bytes >= 64 * 50 * 4


def test_equal_nodes_give_equal_text():
    model = FloatCase("Softmax", ((1, 4, 6),), (), {"axis": 1}).model()
    first = float_code(model).source
    float_code.cache_clear()
    assert float_code(model).source == first


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        (FloatCase("Sin", (IMAGE,)), "sinf"),
        (FloatCase("Hardmax", (IMAGE,)), "int64"),
        (FloatCase("LpNormalization", (IMAGE,)), "not supported"),
    ],
    ids=lambda v: getattr(v, "op", ""),
)
def test_what_has_no_loops_says_why(case, reason):
    with pytest.raises(NotLegal, match=reason):
        float_code(case.model())


def test_damaged_model():
    model = FloatCase("Relu", (IMAGE,)).model()
    with pytest.raises(NotLegal):
        float_code(model[: len(model) // 2])


def test_tensors_that_are_not_the_models():
    model = np.frombuffer(FloatCase("Relu", (IMAGE,)).model(), np.uint8)
    with pytest.raises(ModelError) as caught:
        FloatOp(model, "Relu", flat(IMAGE)).golden(np.zeros((1, 1, 7), np.float32))
    assert caught.value.code == "EW-OP-SHAPE"
    with pytest.raises(ModelError):
        FloatOp(model, "Relu", (1, 1, 7)).row_kernel(SCALAR, TensorType(flat(IMAGE), "float32"))
    with pytest.raises(ModelError):
        FloatOp(model, "Relu", flat(IMAGE)).output_type(TensorType(flat(IMAGE), "int8"))
