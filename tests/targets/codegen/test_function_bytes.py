"""Declared sizes of the functions that kernels share are about what the compiler makes of them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from edgewright.converter.ops.average_pool import AveragePool
from edgewright.converter.ops.base import OpKind, Padding
from edgewright.converter.ops.binary import Add, Mul
from edgewright.converter.ops.conv2d import Conv2D
from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.ops.fully_connected import FullyConnected
from edgewright.converter.ops.max_pool import MaxPool
from edgewright.converter.ops.requantize import Requantize
from edgewright.converter.program import Quantization, TensorType
from edgewright.targets.board import load_board
from edgewright.targets.codegen.kernels.compact import compact_kernels
from edgewright.targets.codegen.kernels.compact_others import compact_add_kernels, compact_pool_kernels
from edgewright.targets.codegen.kernels.convolution import tiled_convolution, tiled_pixelwise
from edgewright.targets.codegen.kernels.depthwise import depthwise_kernel
from edgewright.targets.codegen.kernels.elementwise import binary_kernel
from edgewright.targets.codegen.kernels.fully_connected_dsp import fc_kernels
from edgewright.targets.codegen.kernels.lean import lean_convolution
from edgewright.targets.codegen.kernels.pool import pool_kernel
from edgewright.targets.codegen.library import emit_library
from edgewright.targets.codegen.row_kernel import RowKernel
from edgewright.targets.compiler import PREFIX, compile_library
from edgewright.targets.cpu import CpuClass, cpu_class
from tests.runtime.bare_metal import COMPILER, needs
from tests.targets.codegen.side_by_side import Case, Forced, forced, plan_in_order

TOLERANCE = 0.25
# A kernel's own text, of a few loops or none.
OWN_TOLERANCE_BYTES = 70
INPUT, OTHER, OUTPUT = Quantization(0.05, 3), Quantization(0.02, -7), Quantization(0.0613, 5)
DRIVER = {"ew_run_op", "sizes_run", "sizes_step", "sizes_step_output"}


def _requantize(outputs: int, zero_point: int, clamp: tuple[int, int] = (-128, 127)) -> Requantize:
    bias, shift = np.zeros(outputs, np.int32), np.full(outputs, -8, np.int32)
    multiplier = np.linspace(1 << 30, 2**31 - 1, outputs).astype(np.int32)
    return Requantize(bias, multiplier, shift, Quantization(0.02, zero_point), clamp)


def _conv(shape: tuple[int, int, int], outputs: int, zero_point: int = 5, window: int = 3) -> Case:
    weights = np.full((outputs, window, window, shape[2]), 3, np.int8)
    pad = Padding(*(4 * (window // 2,)))
    op = Conv2D(weights, _requantize(outputs, zero_point), (1, 1), padding=pad, input_zero_point=3)
    return op, (TensorType(shape, "int8", INPUT),)


def _depthwise(shape: tuple[int, int, int], window: int, zero_point: int) -> Case:
    weights = np.full((window, window, shape[2]), 3, np.int8)
    pad = Padding(*(4 * (window // 2,)))
    op = DepthwiseConv2D(weights, _requantize(shape[2], zero_point), (1, 1), padding=pad, input_zero_point=3)
    return op, (TensorType(shape, "int8", INPUT),)


def _full(pixels: int, depth: int, outputs: int) -> Case:
    op = FullyConnected(np.full((outputs, depth), 3, np.int8), _requantize(outputs, 5), 3)
    return op, (TensorType((1, pixels, depth), "int8", INPUT),)


def _convolutions() -> list[Case]:
    shapes = ((4, 8, 16), (4, 7, 6), (4, 1, 16))
    found = [_conv(shape, 16, zero_point) for shape in shapes for zero_point in (-128, 5)]
    # An odd number of channels ends in other forms.
    return [*found, _conv((4, 8, 16), 15), _full(11, 16, 16)]


def _others() -> list[Case]:
    found = [_depthwise((8, 8, 16), window, zero) for window in (3, 5) for zero in (-128, 5)]
    found += [_depthwise((6, 9, 15), 3, 5), _full(1, 128, 64), _full(1, 64, 10), _full(1, 126, 5)]
    for channels in (8, 7):
        x = TensorType((6, 6, channels), "int8", INPUT)
        y = TensorType((6, 6, channels), "int8", OTHER)
        found += [(kind((2, 2), (2, 2)), (x,)) for kind in (AveragePool, MaxPool)]
        found += [
            (Add.from_types(INPUT, OTHER, OUTPUT), (x, y)),
            (Mul.from_types(INPUT, OTHER, OUTPUT), (x, y)),
        ]
    return found


def _tiled(op: OpKind, cpu: CpuClass, *types: TensorType) -> Iterable[RowKernel]:
    tiled = tiled_pixelwise if isinstance(op, FullyConnected) else tiled_convolution
    return (tiled(op, cpu, *types),)


def _lean(op: OpKind, cpu: CpuClass, *types: TensorType) -> Iterable[RowKernel]:
    return lean_convolution(op, cpu, *types) if isinstance(op, Conv2D) else ()


def _usual(op: OpKind, cpu: CpuClass, *types: TensorType) -> Iterable[RowKernel]:
    if isinstance(op, FullyConnected):
        return fc_kernels(op, cpu, *types)
    if isinstance(op, DepthwiseConv2D):
        return (depthwise_kernel(op, cpu, *types),)
    if isinstance(op, Add | Mul):
        return (binary_kernel(op, cpu, *types),)
    return (pool_kernel(op, cpu, *types),)


def _compact(op: OpKind, cpu: CpuClass, *types: TensorType) -> Iterable[RowKernel]:
    if isinstance(op, Add):
        return compact_add_kernels(op, cpu, *types)
    if isinstance(op, AveragePool | MaxPool):
        return compact_pool_kernels(op, cpu, *types)
    return () if isinstance(op, Mul) else compact_kernels(op, cpu, *types)


def _sizes(folder: Path, board: str, layers: Forced) -> dict[str, int]:
    """Bytes of the functions of a library, by name as in the headers."""
    target = load_board(board)
    program, forms, _ = layers
    cpu = cpu_class(target.features, target.cpu)
    planned = plan_in_order(program, cpu, forms)
    emit_library(program, planned.plan, forms, cpu, folder / "library")
    found = {}
    for item in compile_library(folder / "library", target, folder / "objects"):
        listed = subprocess.run([f"{PREFIX}nm", "-S", item], capture_output=True, text=True, check=True)
        for line in listed.stdout.splitlines():
            if match := re.fullmatch(r"\S+ (\S+) [tT] ([^.]+)\S*", line):
                found[match[2]] = int(match[1], 16)
    return {name: size for name, size in found.items() if name not in DRIVER}


@pytest.mark.parametrize(
    ("board", "cases", "kernels_of"),
    [
        ("mps2-an386", _convolutions, _tiled),
        ("mps2-an385", _convolutions, _tiled),
        ("mps2-an386", _convolutions, _lean),
        ("mps2-an386", _others, _usual),
        ("mps2-an386", lambda: _convolutions() + _others(), _compact),
    ],
    ids=["tiled", "tiled_scalar", "lean", "others", "compact"],
)
def test_declared_sizes(board, cases, kernels_of, tmp_path):
    needs(COMPILER)
    target = load_board(board)
    cpu = cpu_class(target.features, target.cpu)
    found = forced("sizes", cases(), lambda op, *types: kernels_of(op, cpu, *types), np.random.default_rng(0))
    measured = _sizes(tmp_path, board, found)
    kernels = [kernel for own in found.kernels.values() for kernel in own.layer]
    declared: dict[str, int] = {}
    for kernel in kernels:
        declared |= kernel.shared_code
    shared = {name: size for name, size in measured.items() if not name.startswith("ew_k_")}
    assert declared.keys() == shared.keys()
    wrong = {n: (declared[n], b) for n, b in shared.items() if abs(declared[n] - b) > TOLERANCE * b}
    assert not wrong

    for kernel in kernels:
        own = [b for n, b in measured.items() if n.startswith(f"ew_k_{kernel.family}_")]
        assert min(abs(kernel.code_bytes - b) for b in own) <= OWN_TOLERANCE_BYTES, kernel.family
