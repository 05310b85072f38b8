"""Pareto front of a net: `edgewright plan` in a process of its own, as users run it, and timed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TIMEOUT_S = 600.0
CORES = 2
Result = dict[str, Any]


def plan_front(model: Path, board: str, options: Sequence[str] = ()) -> Result:
    """Plans of a model on a board, from the smallest to the fastest.

    Args:
        model: An int8 model file.
        board: Id of the board.
        options: Further options of `edgewright plan`.

    Returns:
        `plans` (dicts with `ram_bytes`, `estimated_cycles`, `mac_overhead`, `input`, `schedule`,
        `segments`), `optimal` and `seconds` (wall time on `CORES` cores, everything that is imported
        included); or `error` with `code` and `message`.
    """
    command = [sys.executable, "-m", "edgewright", "plan", str(model), "--board", board, "--json", *options]
    begin = time.monotonic()
    try:
        with _few_cores():
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        with process:
            out, log = _communicate(process)
    except subprocess.TimeoutExpired:
        return _error("EW-BENCH-TIMEOUT", f"not done in {TIMEOUT_S:g} s")
    seconds = time.monotonic() - begin
    return _read(process.returncode, out, log) | {"seconds": round(seconds, 1)}


def _communicate(process: subprocess.Popen[str]) -> tuple[str, str]:
    try:
        return process.communicate(timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        raise


def _read(status: int, out: str, log: str) -> Result:
    """What the command said: its plans, or its coded error."""
    try:
        document = json.loads(out)
    except json.JSONDecodeError:
        return _error("EW-BENCH-PLAN", f"status {status}: {log.strip()[-500:]}")
    if status != 0 or not document.get("plans"):
        error = document.get("error", {})
        return _error(error.get("code", "EW-BENCH-PLAN"), error.get("message", f"status {status}, no plans"))
    return {"plans": document["plans"], "optimal": document.get("optimal")}


def _error(code: str, message: str) -> Result:
    return {"error": {"code": code, "message": message}}


@contextmanager
def _few_cores() -> Iterator[None]:
    """A process started within may use `CORES` cores, however many the machine has."""
    available = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(available)[:CORES])
    try:
        yield
    finally:
        os.sched_setaffinity(0, available)
