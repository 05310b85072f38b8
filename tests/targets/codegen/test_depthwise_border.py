"""Depthwise convolutions with windows none of whose columns lie inside the tensor."""

from __future__ import annotations

import numpy as np
import pytest

from edgewright.converter.ops.base import Padding
from edgewright.converter.ops.depthwise import DepthwiseConv2D
from edgewright.converter.ops.requantize import Requantize
from edgewright.converter.program import Node, Port, Program, Quantization, TensorType
from edgewright.targets.cpu import SCALAR
from tests.targets.codegen.host_library import run_on_host


@pytest.mark.parametrize("columns", [1, 2])
def test_a_window_that_skips_the_tensor(columns, tmp_path):
    rng = np.random.default_rng(columns)
    op = DepthwiseConv2D(
        weights=rng.integers(-127, 128, (1, 2, 4), dtype=np.int8),
        requantize=Requantize.for_conv(
            1.0, np.full(4, 0.01), Quantization(1.0, 3), rng.integers(-500, 500, 4).astype(np.int32)
        ),
        dilation=(1, 2),
        padding=Padding(0, 0, 1, 1),
        input_zero_point=7,
    )
    x = TensorType((3, columns, 4), "int8", Quantization(1.0, 7))
    y = op.output_type(x)
    program = Program(
        "narrow",
        "0" * 64,
        (Port("x", "x", (1, *x.shape), (0, 1, 2, 3)),),
        (Port("y", "y", (1, *y.shape), (0, 1, 2, 3)),),
        {"x": x, "y": y},
        (Node("dw", op, ("x",), "y"),),
    )
    case = {"x": rng.integers(-128, 128, (1, *x.shape), dtype=np.int8)}
    got = run_on_host(program, SCALAR, tmp_path, case)
    np.testing.assert_array_equal(got["y"], program.run(case)["y"])
