"""Two worker processes, each on a core of its own, and what is told while they work."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
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


class Progress:
    """A line on stderr for each job that is done."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._begin = time.monotonic()

    def __call__(self, job: str, what: str) -> None:
        self._done += 1
        elapsed = time.monotonic() - self._begin
        count = f"[{self._done:{len(str(self._total))}}/{self._total}]"
        print(f"{count} {elapsed:4.0f} s  {job:<26} {what}", file=sys.stderr, flush=True)
