"""A .tflite operator through importer and lowering equals LiteRT bit for bit.

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
# Forms of an operator may be refused; moving data only is nothing to compute.
CODES = {"EW-OP-UNSUPPORTED", "EW-MODEL-TRIVIAL"}
MOVES = {"RESHAPE", "SQUEEZE", "EXPAND_DIMS", "TRANSPOSE"}
# These have no integer form of LiteRT's here: they are computed in float and rounded once, where
# LiteRT has integer arithmetic. Steps they may differ by (see test_tflite_ops.py).
IN_FLOAT = {"PRELU": 1, "SQUARED_DIFFERENCE": 1, "RESIZE_BILINEAR": 4}


@pytest.mark.parametrize("kind", QUANTIZED)
def test_operator_is_exact(kind):
    compared = 0
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
            difference = np.abs(got[port.name].astype(np.float64) - want)
            assert difference.max(initial=0) <= IN_FLOAT.get(kind, 0)
        compared += 1
    assert compared or kind in MOVES
