"""Mean.golden equals LiteRT's MEAN, bit for bit."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from edgewright.converter.ops.mean import Mean
from edgewright.converter.program import Quantization, TensorType
from tests.converter.ops.cases import (
    Operand,
    activation,
    assert_exact,
    cases,
    near_tie_scale,
    random_quantization,
    random_scale,
    random_values,
    run_operator,
)

AXES = [axes for count in (1, 2, 3) for axes in combinations(range(3), count)]


def test_golden_equals_litert():
    for label, rng in cases("mean", 400):
        shape = tuple(int(n) for n in rng.integers(1, 12, 3))
        axes = AXES[int(rng.integers(len(AXES)))]
        xq = random_quantization(rng)
        x = random_values(rng, (1, *shape))
        output = random_quantization(rng)
        scale = xq.scale if rng.random() < 0.4 else float(np.float32(xq.scale * random_scale(rng, 0.05, 4)))
        if rng.random() < 0.4:
            sums = np.abs((x[0].astype(int) - xq.zero_point).sum(axes)).ravel()
            count = int(np.prod([shape[a] for a in axes]))
            scale = near_tie_scale(rng, xq.scale / count, max(1, int(rng.choice(sums))))
        output = Quantization(scale, xq.zero_point if rng.random() < 0.4 else output.zero_point)
        kind = TensorType(shape, "int8", xq)
        op = Mean.from_types(kind, axes, output)
        keep = bool(rng.random() < 0.5)
        result = op.output_type(kind).shape
        kept = result if keep else [n for i, n in enumerate(result) if i not in axes]
        order = rng.permutation([a + 1 for a in axes]).astype(np.int32)
        want = run_operator(
            "MEAN",
            [activation(x, xq), Operand(order, constant=True)],
            (1, *kept),
            output,
            "ReducerOptions",
            KeepDims=keep,
        )
        assert_exact(op.golden(x[0]), want, label, op=op, x=kind, keep=keep)


def test_shape_and_rows():
    x = TensorType((4, 5, 6), "int8", Quantization(0.1, 3))
    output = Quantization(0.2, -1)
    spatial, channels = Mean.from_types(x, (1, 0), output), Mean.from_types(x, (2,), output)
    assert spatial.output_type(x) == TensorType((1, 1, 6), "int8", output)
    assert spatial.input_rows(0, x) == (range(4),)
    assert channels.output_type(x).shape == (4, 5, 1)
    assert channels.input_rows(2, x) == (range(2, 3),)
