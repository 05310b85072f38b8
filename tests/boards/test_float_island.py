"""Float operators in a quantized model give the same bits with and without a floating-point unit."""

from __future__ import annotations

import numpy as np
import pytest

from edgewright.converter.lower import lower
from edgewright.converter.rewrites import rewrite
from edgewright.runtime.build_folder import open_build
from edgewright.runtime.devices.opening import open_device
from edgewright.runtime.verify import verify
from edgewright.targets.board import load_board
from edgewright.targets.build import build
from edgewright.targets.planning import plan_program
from tests.converter.lower.qdq import Qdq, imported
from tests.targets.codegen.float_cases import CASES
from tests.targets.codegen.test_relax_op import program_of, random_feeds

# M3: float in software; M4: single precision unit; M55: with vectors that flush subnormal numbers.
BOARDS = ("mps2-an385", "mps2-an386", "mps3-an547")


def _network():
    """Convolutions around an instance normalization, a linear resize, and a float softmax at the end."""
    g = Qdq(io="float", seed=5)

    def parameters(*shape):
        return g.constant(g.rng.normal(size=shape), np.float32)

    x = g.input("x", (1, 3, 8, 8))
    y = g.quantized(g.node("Conv", [x, g.weights(g.rng.normal(size=(4, 3, 3, 3)), 0)], pads=[1] * 4))
    y = g.quantized(g.node("InstanceNormalization", [y, parameters(4), parameters(4)]))
    y = g.quantized(g.node("Conv", [y, g.weights(g.rng.normal(size=(5, 4, 1, 1)), 0)]))
    y = g.quantized(g.node("Resize", [y, "", g.constant([1, 1, 2, 2], np.float32)], mode="linear"))
    y = g.node("Softmax", [g.node("Reshape", [y, g.constant([1, 5, 256], np.int64)])], axis=1)
    return rewrite(lower(imported(g.model(y, output_type="float32"))))


def _verified(program, board, cases, folder):
    target = load_board(board)
    build(plan_program(program, target), target, folder / "build", source="test")
    opened = open_build(folder / "build")
    with open_device(opened) as device:
        result = verify(opened, cases, device)
        memory = device.memory()
    assert result.ok, result.first_bad
    assert result.outputs == len(cases) * sum(program.values[p.value].elements for p in program.outputs)
    assert memory.run_stack_used_bytes <= opened.manifest["memory"]["stack_bytes"]


@pytest.mark.parametrize("board", BOARDS)
def test_network(board, tmp_path):
    rng = np.random.default_rng(1)
    cases = [{"x": rng.normal(size=(1, 3, 8, 8)).astype(np.float32)} for _ in range(3)]
    _verified(_network(), board, cases, tmp_path)


@pytest.mark.parametrize("board", BOARDS)
def test_every_operator(board, tmp_path):
    """All of them in one image, with ordinary and with subnormal inputs."""
    program, rng = program_of(CASES), np.random.default_rng(2)
    feeds = random_feeds(program, CASES, rng)
    tiny = {name: (x * np.float32(1e-39)).astype(np.float32) for name, x in feeds.items()}
    shaped = [
        {p.name: data[p.name].reshape(p.source_shape) for p in program.inputs} for data in (feeds, tiny)
    ]
    _verified(program, board, shaped, tmp_path)
