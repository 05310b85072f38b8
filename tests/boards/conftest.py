"""Each worker of a parallel run keeps its emulators on a core of its own."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True, scope="package")
def one_core():
    """QEMU hands every byte of the serial line from thread to thread, which is cheaper on the same core."""
    workers, cores = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 0)), sorted(os.sched_getaffinity(0))
    if not 1 < workers <= len(cores):
        yield
        return
    os.sched_setaffinity(0, {cores[int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw"))]})
    yield
    os.sched_setaffinity(0, cores)
