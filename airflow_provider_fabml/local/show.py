"""What the terminal shows: numbered steps with their time; plain lines where there is no TTY."""

from __future__ import annotations

import time
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

COLOURS = {"success": "green", "failed": "red", "upstream_failed": "red", "running": "cyan"}


class Show:
    """Prints steps as they end, with a spinner while they last.

    :param console: rich's console for stdout if absent. Without a terminal it prints plain lines.
    """

    def __init__(self, console: Console | None = None) -> None:
        from rich.console import Console

        self.console = console or Console(highlight=False, soft_wrap=True)
        self.began = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the first line."""
        return time.monotonic() - self.began

    @contextmanager
    def step(self, what: str, *, spinner: bool = True) -> Iterator[None]:
        """Show *what* with the seconds it took; a cross instead of a tick when it raises.

        :param spinner: False where the block shows a progress bar of its own.
        """
        began = time.monotonic()
        try:
            with self.console.status(what) if spinner else nullcontext():
                yield
        except BaseException:
            self._line("[red]✗[/red]", what, time.monotonic() - began)
            raise
        self._line("[green]✓[/green]", what, time.monotonic() - began)

    def say(self, text: str = "") -> None:
        """Print a line as it is (no markup: paths and URLs may hold brackets)."""
        self.console.print(text, markup=False)

    @contextmanager
    def tasks(self, names: Sequence[str]) -> Iterator[TaskBoard]:
        """Show a progress bar over a run's tasks while the block lasts."""
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("  {task.description}"), BarColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self.console, transient=True) as progress:
            yield TaskBoard(self, progress.add_task("tasks", total=len(names)), progress)

    def _line(self, mark: str, what: str, seconds: float) -> None:
        self.console.print(f"{mark} {what:<58} {seconds:6.1f} s")


class TaskBoard:
    """The states of a run's tasks, each change on a line of its own."""

    def __init__(self, show: Show, bar: object, progress: object) -> None:
        self._show, self._bar, self._progress = show, bar, progress
        self._seen: dict[str, str] = {}

    def update(self, states: dict[str, str]) -> None:
        """Print what changed since the last call and move the bar.

        :param states: task id to state.
        """
        for task, state in states.items():
            if state not in (self._seen.get(task), "none"):
                colour = COLOURS.get(state, "yellow")
                self._show.console.print(
                    f"    {self._show.elapsed:6.1f} s  {task:<10} [{colour}]{state}[/{colour}]"
                )
        self._seen = dict(states)
        done = sum(state in {"success", "failed", "upstream_failed"} for state in states.values())
        self._progress.update(self._bar, completed=done)  # type: ignore[attr-defined]
