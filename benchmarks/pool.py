"""Two worker processes, each on a core of its own."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.context import SpawnContext
from multiprocessing.queues import SimpleQueue

from benchmarks.measure import stay_on_one_core

PROCESSES = 2


@contextmanager
def worker_pool() -> Iterator[ProcessPoolExecutor]:
    """A pool whose workers and their emulators stay on one core each, where there are enough."""
    # spawn: a forked child would inherit the threads of other libraries half way.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, context, stay_on_one_core, (_cores(context),)) as pool:
        yield pool


def _cores(context: SpawnContext) -> SimpleQueue[int]:
    """A core for each worker; none where there are too few."""
    cores: SimpleQueue[int] = context.SimpleQueue()
    available = sorted(os.sched_getaffinity(0))
    for core in available[:PROCESSES] if len(available) >= PROCESSES else ():
        cores.put(core)
    return cores
