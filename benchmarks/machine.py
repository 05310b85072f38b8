"""What a benchmark ran on: machine, tools, commit."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

from edgewright import __version__
from edgewright.runtime.doctor import examine

ROOT = Path(__file__).resolve().parents[1]


def git_commit() -> dict[str, object]:
    """Commit of the checkout, and whether files differ from it; None where there is no repository."""
    commit = _git("rev-parse", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no")
    return {"commit": commit or None, "modified": bool(changed)}


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def machine() -> dict[str, object]:
    """CPU, cores this process may use, and system."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def tool_versions() -> dict[str, str]:
    """Version by tool: packages and programs that `edgewright doctor` finds."""
    found = {f.name: f.version for f in examine() if f.version}
    return {"edgewright": __version__, **found}
