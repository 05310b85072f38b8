"""How a long command shows its stages: a line for each that is done, a bar for the one that runs.

The lines are results and go to stdout; the bar goes to stderr, where that is a terminal.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class Stages:
    """Shows stages; with `--json`, which keeps stdout for its object, only the bar."""

    def __init__(self) -> None:
        self.active = sys.stderr.isatty()
        # `--json` sends everything but the object to stderr; see `edgewright.cli.common`.
        self.speaks = sys.stdout is not sys.stderr

    def say(self, stage: str, sentence: str) -> None:
        """A stage is done."""
        if not self.speaks:
            return
        if self.active and sys.stdout.isatty():  # both are this terminal: the bar has to step aside
            from rich.text import Text

            line = Text.assemble((f"{stage:<8} ", "bold"), sentence)
            self._progress.console.print(line, highlight=False, soft_wrap=True)
        else:
            print(f"{stage:<8} {sentence}", flush=True)

    def advance(self, stage: str, done: int, total: int) -> None:
        """A stage is running."""
        if self.active:
            self._progress.update(self._task_id, description=stage, completed=done, total=total)

    @contextmanager
    def shown(self) -> Iterator[Stages]:
        """While the work goes on."""
        if not self.active:
            yield self
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn(" {task.description:<26}"), BarColumn(), TimeElapsedColumn())
        self._progress = Progress(
            *columns, console=Console(stderr=True), transient=True, redirect_stdout=False
        )
        with self._progress:
            self._task_id = self._progress.add_task("")
            yield self
