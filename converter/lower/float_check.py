"""A float operator's C against onnxruntime, on random inputs, before it is taken into a program.

TVM's importer does not know every attribute of every ONNX operator; what it gets wrong is refused
rather than run.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from edgewright.converter.lower.problem import Refused
from edgewright.converter.program import Array

# Relative to the largest element; both sum in float32, in different orders.
TOLERANCE = 1e-4
SEED = 1


@lru_cache(maxsize=256)
def check_float_op(model: bytes, shapes: tuple[tuple[int, ...], ...]) -> None:
    """Compare one inference.

    Args:
        model: As `FloatOp.model` holds it.
        shapes: ONNX shapes of its inputs.

    Raises:
        Refused: Where the results differ, or onnxruntime does not run the node.
        DeviceError: EW-TOOL-MISSING without a C compiler on the host.
    """
    from edgewright.targets.codegen.host_function import run_on_host

    rng = np.random.default_rng(SEED)
    inputs = [rng.normal(size=s).astype(np.float32) for s in shapes]
    expected = _reference(model, inputs)
    made = run_on_host(model, inputs, expected.size).reshape(expected.shape)
    known = np.isfinite(expected)
    if not np.array_equal(known, np.isfinite(made)):
        raise Refused("its float result has infinities where onnxruntime has none, or the other way round")
    worst = np.abs(made[known] - expected[known]).max(initial=0)
    if worst > TOLERANCE * (1 + np.abs(expected[known]).max(initial=0)):
        raise Refused(f"its float result differs from onnxruntime's by {worst:.3g}")


def _reference(model: bytes, inputs: Sequence[Array]) -> Array:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        (result,) = session.run(None, {f"x{i}": x for i, x in enumerate(inputs)})
    except Exception as error:  # onnxruntime raises a class of its own for every status
        reason = str(error).strip().splitlines()
        raise Refused(f"onnxruntime does not run it: {reason[0][:200] if reason else error!r}") from error
    return np.asarray(result, np.float32)
