"""Cycles and flash of a binary network on the emulated Cortex-M4."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.figures import M4_BOARD
from edgewright.errors import EdgewrightError
from edgewright.runtime.deploy import Job, deploy
from edgewright.targets.board import load_board

CASES = 3


def measure_on_board(model: Path, key: dict[str, str]) -> dict[str, Any]:
    """Build a network, compare it with the reference and count its cycles.

    Args:
        model: The int8 and binary .onnx.
        key: What the network is: task, architecture, operator.

    Returns:
        `key` with `cycles`, `weights_bytes`, `code_bytes`, `arena_bytes`, `equal`, or with `error`.
    """
    with tempfile.TemporaryDirectory(prefix="edgewright-bibench-") as folder:
        job = Job(model, load_board(M4_BOARD), Path(folder) / "build", cases=CASES)
        try:
            report = deploy(job, lambda stage, sentence: None, lambda stage, done, total: None)
        except EdgewrightError as error:
            return key | {"error": f"{error.code}: {error.message}"}
    memory = report["memory"]
    return key | {
        "cycles": report["latency"]["estimated_cycles"],
        "weights_bytes": memory["weights_bytes"],
        "code_bytes": memory["code_bytes"],
        "arena_bytes": memory["arena_bytes"],
        "equal": report["verify"]["ok"],
    }
