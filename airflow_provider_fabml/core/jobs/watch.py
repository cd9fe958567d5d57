"""Waiting for a job, as a generator that neither sleeps nor asks: worker and triggerer drive it alike.

The watch yields ``Look`` and is sent a ``Seen`` or ``NotSeen``; it yields
``Pause`` and is sent anything; it returns an ``Ended`` or ``OutOfTime``. A look that
fails decides nothing about the job (D6).
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from airflow_provider_fabml.core.jobs.job import is_terminal
from airflow_provider_fabml.core.jobs.polling import Pace, next_wait

if TYPE_CHECKING:
    from datetime import datetime


class Look(NamedTuple):
    """Ask for the job's status now."""


class Pause(NamedTuple):
    """Wait ``seconds``; ``note`` is worth a line in the log, or ''."""

    seconds: float
    note: str = ""


class Seen(NamedTuple):
    """The job's status at ``now`` (UTC)."""

    status: str
    now: datetime


class NotSeen(NamedTuple):
    """The look failed for a passing reason; ``retry_after`` in seconds if the service gave it."""

    why: str
    now: datetime
    retry_after: float | None = None


class Ended(NamedTuple):
    """The job is Completed, Failed or Canceled."""

    status: str


class OutOfTime(NamedTuple):
    """The deadline passed; ``last`` is the last known status."""

    last: str


Watch: TypeAlias = Generator[Look | Pause, Any, Ended | OutOfTime]


def watch(
    pace: Pace,
    *,
    deadline: datetime | None,
    jitter: Callable[[], float],
    status: str = "",
    first_wait: float = 0.0,
) -> Watch:
    """Watch a job until it ends or ``deadline`` (an absolute instant) passes.

    The last look comes at the deadline itself, so that a job that just ended still counts. Only
    changes are noted. ``jitter`` gives numbers in [0, 1); ``first_wait`` delays the first look.
    """
    last, trouble, looks = status, "", 0
    if first_wait:
        yield Pause(first_wait)
    while True:
        seen: Seen | NotSeen = yield Look()
        note, retry_after = "", None
        if isinstance(seen, Seen):
            if is_terminal(seen.status):
                return Ended(seen.status)
            note = f"the job is {seen.status}" if seen.status != last or trouble else ""
            last, trouble = seen.status, ""
        else:
            note = f"{seen.why}; still waiting" if seen.why != trouble else ""
            trouble, retry_after = seen.why, seen.retry_after
        left = (deadline - seen.now).total_seconds() if deadline else None
        if left is not None and left <= 0:
            return OutOfTime(last)
        looks += 1
        wait = next_wait(pace, looks, jitter(), retry_after)
        yield Pause(wait if left is None else min(wait, left), note)
