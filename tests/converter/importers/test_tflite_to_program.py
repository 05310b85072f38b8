"""A .tflite operator through importer and lowering equals LiteRT bit for bit, or is refused.

This is what the numbers that the importer writes are for: scales and zero points survive exactly.
"""

from __future__ import annotations

import os
import zlib

import numpy as np
import pytest

from edgewright.converter.lower import lower
from edgewright.errors import ModelError
from tests.converter.importers.op_models import QUANTIZED, inputs_for
from tests.converter.importers.oracle import import_bytes
from tests.tflite_builder import run_reference

CASES = 10 * int(os.environ.get("EDGEWRIGHT_SOAK", "1"))
# Operators that have no integer form (yet): lowering names them.
REFUSED = {"REDUCE_MAX", "REDUCE_MIN", "RESIZE_BILINEAR", "LOG_SOFTMAX"}
# Forms of an operator may be refused; moving data only is nothing to compute.
CODES = {"EW-OP-UNSUPPORTED", "EW-MODEL-TRIVIAL"}
# With a constant operand these become tables of the real function, rounded once; LiteRT has integer
# arithmetic of its own for them.
ONE_STEP = {"PRELU", "SQUARED_DIFFERENCE"}
# Only moves data, or has an integer form with a scalar constant only.
SELDOM = {"RESHAPE", "SQUEEZE", "EXPAND_DIMS", "TRANSPOSE", "MAXIMUM", "MINIMUM", *ONE_STEP}


@pytest.mark.parametrize("kind", QUANTIZED)
def test_operator_is_exact(kind):
    exact = 0
    for case in range(CASES):
        rng = np.random.default_rng([zlib.crc32(kind.encode()), case])
        model = QUANTIZED[kind](rng)
        data, inputs = model[0].build(model[1], model[2]), inputs_for(rng, model)
        try:
            program = lower(import_bytes(data))
        except ModelError as error:
            assert error.code in CODES
            continue
        got = program.run({port.name: x for port, x in zip(program.inputs, inputs, strict=True)})
        for port, want in zip(program.outputs, run_reference(data, inputs), strict=True):
            np.testing.assert_allclose(got[port.name], want, rtol=0, atol=int(kind in ONE_STEP))
        exact += 1
    assert exact or kind in REFUSED | SELDOM
