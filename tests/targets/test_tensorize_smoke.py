"""The installed pair of TVM wheels can tensorize.

With a newer apache-tvm-ffi than the pinned one, `Schedule.tensorize` is a segmentation fault, not an
exception: so it runs in a process of its own.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROBE = Path(__file__).with_name("tensorize_probe.py")


def test_tensorize_replaces_the_inner_loop():
    done = subprocess.run(
        [sys.executable, str(PROBE)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, (
        f"status {done.returncode} (negative: a signal); are both TVM wheels as pinned?\n{done.stderr}"
    )
    assert done.stdout.count('T.call_extern("int32", "dot4"') == 1
    assert "for i_0 in range(4)" in done.stdout
