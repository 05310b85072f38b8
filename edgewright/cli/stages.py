"""How a long command shows its stages: a line for each that is done, a bar for the one that runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class Stages:
    """Lines on stderr where it is a terminal; silent elsewhere, where the result says the same."""

    def __init__(self) -> None:
        self.active = sys.stderr.isatty()

    def say(self, stage: str, sentence: str) -> None:
        """A stage is done."""
        if self.active:
            self._progress.console.print(f" [bold]{stage:<8}[/bold] ", end="", highlight=False)
            self._progress.console.print(sentence, markup=False, highlight=False)

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
