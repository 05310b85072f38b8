"""Damaged model files: nothing but a coded error comes out, in bounded time and memory.

Thousands of cases a run; EDGEWRIGHT_SOAK multiplies them. Batches run in processes of their own, so
that a crash in a native library is a finding and not the end of the tests.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
BATCH = 2000
BATCHES = 4 * int(os.environ.get("EDGEWRIGHT_SOAK", "1"))
# Codes that show how deep the cases got; all of them have to appear in a run.
DEPTH = {
    "onnx": {
        "loaded",
        "EW-ONNX-DAMAGED",
        "EW-ONNX-SHAPE",
        "EW-ONNX-CYCLE",
        "EW-MODEL-SIZE",
        "EW-ONNX-EXTERNAL",
    },
    "tflite": {"loaded", "EW-TFLITE-DAMAGED", "EW-TFLITE-OP", "EW-MODEL-SIZE"},
}


@pytest.mark.parametrize("kind", ["onnx", "tflite"])
def test_damaged_files_give_coded_errors(tmp_path, kind):
    codes: dict[str, int] = {}
    for batch in range(BATCHES):
        folder = tmp_path / str(batch)
        folder.mkdir()
        command = [sys.executable, "-m", "tests.converter.importers.fuzz_worker"]
        done = subprocess.run(
            [*command, kind, str(batch * BATCH), str(BATCH), str(folder)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=300,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        note = folder / "case.txt"
        at = note.read_text() if note.exists() else "no case"
        assert done.returncode == 0, f"{at}, in {folder}: exit {done.returncode}\n{done.stderr[-3000:]}"
        found = json.loads(done.stdout)
        assert found["failures"] == []
        for code, count in found["codes"].items():
            codes[code] = codes.get(code, 0) + count
    assert set(codes) >= DEPTH[kind], codes
