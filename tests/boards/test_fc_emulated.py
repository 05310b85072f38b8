"""Kernels of one pixel, sums, pools and means on emulated cores equal golden bit for bit."""

from __future__ import annotations

import os

import numpy as np
import pytest

from edgewright.converter.ops.average_pool import AveragePool
from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.binary import Add, Mul
from edgewright.converter.ops.max_pool import MaxPool
from edgewright.converter.ops.mean import Mean
from edgewright.converter.program import Node, Port, Program, Quantization, TensorType
from edgewright.converter.schedule import Wish
from edgewright.runtime.build_folder import open_build
from edgewright.runtime.devices.opening import open_device
from edgewright.runtime.verify import verify
from edgewright.targets.board import load_board
from edgewright.targets.build import build
from edgewright.targets.codegen.kernels.fully_connected_dsp import fc_kernels
from edgewright.targets.cpu import cpu_class
from edgewright.targets.forms import NodeKernels, node_kernels
from edgewright.targets.planning import Planning
from tests.targets.codegen.fc_cases import Rng, layer, layers

SOAK = int(os.environ.get("EDGEWRIGHT_SOAK", "1"))
EXTREMES = ((-128, 128), (-128, 128), (-128, -127), (127, 128))


def program_of(rng: Rng, cases) -> tuple[Program, list, dict[str, np.ndarray]]:
    """(a node for each case (op, types, kernel or None), the kernels, inputs)."""
    values, data, nodes = {}, {}, []
    for n, (op, types, _) in enumerate(cases):
        names = tuple(f"x{n}_{i}" for i in range(len(types)))
        for name, kind in zip(names, types, strict=True):
            values[name] = kind
            data[name] = rng.integers(*EXTREMES[rng.integers(4)], kind.shape).astype(np.int8)
        values[f"y{n}"] = op.output_type(*types)
        nodes.append(Node(f"node{n}", op, names, f"y{n}"))

    def ports(names) -> tuple[Port, ...]:
        return tuple(Port(name, name, values[name].shape, (0, 1, 2)) for name in names)

    outputs = [node.output for node in nodes]
    return Program("ones", "0" * 64, ports(data), ports(outputs), values, tuple(nodes)), nodes, data


def check(board: str, cases, seed: int, tmp_path) -> None:
    target = load_board(board)
    cpu = cpu_class(target.features, target.cpu)
    program, nodes, data = program_of(np.random.default_rng(seed), cases)
    kernels = node_kernels(program, cpu)
    for node, (_, _, kernel) in zip(nodes, cases, strict=True):
        if kernel is not None:
            kernels[node.name] = NodeKernels((kernel,), None)
    planned = Planning(program, cpu, None, kernels).plan(Wish(schedule="layer", input="resident"))
    build(planned, target, tmp_path / "build", source="ops")
    folder = open_build(tmp_path / "build")
    with open_device(folder) as device:
        result = verify(folder, [data], device)
        memory = device.memory()
    assert result.ok, result.first_bad
    assert memory.run_stack_used_bytes <= folder.manifest["memory"]["stack_bytes"]


@pytest.mark.parametrize("seed", range(SOAK))
@pytest.mark.parametrize("board", ["mps2-an386", "mps2-an500", "mps2-an505"])
def test_layers_of_one_pixel(board, seed, tmp_path):
    target = load_board(board)
    cpu = cpu_class(target.features, target.cpu)
    rng = np.random.default_rng([seed, 3])
    found = [*layers(seed, 8), layer(rng, rows=3), layer(rng, depth=640), layer(rng, depth=1000)]
    cases = [(op, (x,), kernel) for op, x in found for kernel in fc_kernels(op, cpu, x)]
    assert len(cases) > 24
    check(board, cases, seed, tmp_path)


def element_cases(seed: int) -> list:
    """Sums of all kinds of scales and odd sizes; windows that reach over the border, and very large ones."""
    rng = np.random.default_rng([seed, 4])

    def tensor(*shape: int) -> TensorType:
        return TensorType(
            shape, "int8", Quantization(float(rng.uniform(0.01, 0.1)), int(rng.integers(-128, 128)))
        )

    cases = []
    for n in range(8):
        shape = tuple(int(v) for v in rng.integers(1, [6, 9, 30]))
        a, b = tensor(*shape), tensor(*shape)
        if n % 4 == 3:  # the second for every pixel
            a, b = tensor(3, 5, 16), tensor(1 if n == 3 else 3, 1, 16)
        output = Quantization(float(rng.uniform(0.02, 0.2)), int(rng.choice([-128, 0, 3])))
        scales = (a.quantization, b.quantization, output)
        cases.append((Add.from_types(*scales, sign=1 if n % 2 else -1), (a, b)))
        cases.append((Mul.from_types(*scales), (a, b)))
    for channels in (4, 8, 12, 5):
        x, border = tensor(7, 9, channels), Padding(1, 1, 1, 1)
        cases += [(kind((3, 3), (2, 2), border, (-90, 80)), (x,)) for kind in (AveragePool, MaxPool)]
        large = tensor(18, 17, channels)
        cases += [
            (AveragePool((18, 17), (1, 1)), (large,)),
            (Mean.from_types(large, (0, 1), x.quantization), (large,)),
        ]
    return [(op, types, None) for op, types in cases]


@pytest.mark.parametrize("seed", range(SOAK))
@pytest.mark.parametrize("board", ["mps2-an386", "mps2-an500", "mps2-an385", "mps3-an547"])
def test_sums_pools_and_means(board, seed, tmp_path):
    check(board, element_cases(seed), seed, tmp_path)


def test_pools_on_a_core_without_unaligned_access(tmp_path):
    check("microbit", element_cases(1)[16:22], 1, tmp_path)
