"""`edgewright deploy` of a net within a limit of RAM, in a process of its own, as users run it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.memory_nets.nets import Deployment

TIMEOUT_S = 600.0
INPUTS = 3
Result = dict[str, Any]


def deploy(model: Path, where: Deployment, folder: Path) -> Result:
    """Deploy a model and return what its report says.

    Args:
        model: An int8 model file.
        where: Board and RAM.
        folder: Build folder to write.

    Returns:
        `board`, `ram_limit_bytes`, `input`, `schedule`, `passes`, `mac_overhead`, `cases` and `equal` ones
        of them, `estimated_cycles` and memory figures; or `error`.
    """
    command = [sys.executable, "-m", "edgewright", "deploy", str(model), "--board", where.board]
    command += ["--ram", f"{where.ram_kb}K", "--cases", str(INPUTS), "-o", str(folder), "--json"]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return _error("EW-BENCH-TIMEOUT", f"not done in {TIMEOUT_S:g} s")
    try:
        document = json.loads(done.stdout)
    except json.JSONDecodeError:
        return _error("EW-BENCH-DEPLOY", f"status {done.returncode}: {done.stderr.strip()[-500:]}")
    if "report" not in document:
        error = document.get("error", {})
        return _error(error.get("code", "EW-BENCH-DEPLOY"), error.get("message", "no report"))
    return _read(document["report"], where, json.loads((folder / "plan.json").read_text()))


def _read(report: Result, where: Deployment, plan: Result) -> Result:
    memory, verified = report["memory"], report["verify"]
    return {
        "board": where.board,
        "ram_limit_bytes": 1024 * where.ram_kb,
        **{key: plan[key] for key in ("input", "schedule", "passes", "mac_overhead", "arena_bytes")},
        "end_bytes": max(b["offset"] + b["size_bytes"] for b in plan["buffers"]),
        "cases": verified["cases"],
        "equal": verified["cases"] - verified["bad_cases"],
        "estimated_cycles": report["latency"]["estimated_cycles"],
        "arena_used_bytes": memory["arena_used_bytes"],
        "stack_bytes": memory["stack_bytes"],
        "stack_used_bytes": memory["run_stack_used_bytes"],
        "static_bytes": memory["static_bytes"],
        "ram_bytes": memory["ram_bytes"],
        "flash_bytes": memory["flash_bytes"],
    }


def _error(code: str, message: str) -> Result:
    return {"error": {"code": code, "message": message}}
