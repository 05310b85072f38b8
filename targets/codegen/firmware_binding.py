"""How the MLPerf Tiny commands of the firmware map to a model: benchmark id and input encoding.

The official runner sends keyword spotting as int8, images as uint8 and anomaly detection as
float32 (mlcommons/tiny, benchmark/runner); other models take their own bytes.
"""

from __future__ import annotations

from typing import Any

from edgewright.converter.program import Program

# (input elements, output elements) -> (id, encoding the runner sends)
_BENCHMARKS = {
    (490, 12): ("kws01", "int8"),
    (96 * 96 * 3, 2): ("vww01", "uint8"),
    (32 * 32 * 3, 10): ("ic01", "uint8"),
    (640, 640): ("ad01", "float32"),
    (1200, 3): ("sww01", "int8"),
}


def eembc_binding(program: Program) -> dict[str, Any]:
    """Id, input encoding ("int8", "uint8", "float32" or "raw"), its bytes, scale and zero point."""
    first = program.values[program.inputs[0].value]
    last = program.values[program.outputs[0].value]
    name, encoding = _BENCHMARKS.get((first.elements, last.elements), (program.name, "raw"))
    if first.dtype != "int8" or len(program.inputs) > 1:
        encoding = "raw"
    total = sum(program.values[p.value].size_bytes for p in program.inputs)
    return {
        "id": name,
        "input": encoding,
        "bytes": 4 * first.elements if encoding == "float32" else total,
        "scale": f"{first.scale!r}f",
        "zero_point": first.zero_point,
    }
