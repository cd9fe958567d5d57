"""Waiting for a job, as a generator that neither sleeps nor asks: worker and triggerer drive it alike.

The watch yields ``Look`` and is sent a ``Seen`` or ``NotSeen``; it yields
``Pause`` and is sent anything; it returns an ``Ended`` or ``OutOfTime``. A look that
fails decides nothing about the job (D6).
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from airflow_provider_fabml.core.errors import TransientError
from airflow_provider_fabml.core.jobs.job import is_terminal
from airflow_provider_fabml.core.jobs.polling import Pace, next_wait

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_fabml.core.errors import FabmlError

# A 401, 403 or 404 amid the looks at a job that was started may pass: a role that is being assigned, a
# token service or front end in trouble. Refusals end a wait only after this many in this long a time.
REFUSALS, REFUSED_FOR = 3, timedelta(minutes=10)


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
    """The look failed; ``retry_after`` in seconds if the service gave it.

    ``refused`` for an answer that the service will repeat until something outside changes.
    """

    why: str
    now: datetime
    retry_after: float | None = None
    refused: bool = False

    @classmethod
    def because(cls, error: FabmlError, now: datetime) -> NotSeen:
        """The look that failed with an error."""
        if isinstance(error, TransientError):
            return cls(str(error), now, error.retry_after)
        return cls(str(error), now, refused=True)


class Ended(NamedTuple):
    """The job is Completed, Failed or Canceled."""

    status: str


class OutOfTime(NamedTuple):
    """The deadline passed; ``last`` is the last known status."""

    last: str


class Refused(NamedTuple):
    """Every look was refused for too long; ``last`` is the last known status, ``why`` the last answer."""

    last: str
    why: str

    @property
    def what(self) -> str:
        """What to tell: the job goes on, whatever becomes of it."""
        minutes = REFUSED_FOR.total_seconds() / 60
        return (
            f"{self.why}\nLooks were refused for {minutes:.0f} minutes; the job was left as it is."
        )


class Refusals(NamedTuple):
    """The refusals since the job was last seen: how many, and when the first came."""

    number: int = 0
    since: datetime | None = None

    def and_one(self, now: datetime) -> Refusals:
        """One more."""
        return Refusals(self.number + 1, self.since or now)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON, for a wait that is spread over processes."""
        return {"number": self.number, "since": self.since.isoformat() if self.since else None}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Refusals:
        """The refusals in a dictionary of ``to_json``."""
        since = value["since"]
        return cls(value["number"], datetime.fromisoformat(since) if since else None)

    def too_many(self, now: datetime) -> bool:
        """Whether they are no passing trouble."""
        return (
            self.since is not None and self.number >= REFUSALS and now - self.since >= REFUSED_FOR
        )


Watch: TypeAlias = Generator[Look | Pause, Any, Ended | OutOfTime | Refused]


def watch(
    pace: Pace,
    *,
    deadline: datetime | None,
    jitter: Callable[[], float],
    status: str = "",
    first_wait: float = 0.0,
) -> Watch:
    """Watch a job until it ends, ``deadline`` (an absolute instant) passes, or looks stay refused.

    The last look comes at the deadline itself, so that a job that just ended still counts. Only
    changes are noted. ``jitter`` gives numbers in [0, 1); ``first_wait`` delays the first look.
    """
    last, trouble, looks, refusals = status, "", 0, Refusals()
    if first_wait:
        yield Pause(first_wait)
    while True:
        seen: Seen | NotSeen = yield Look()
        note, retry_after = "", None
        if isinstance(seen, Seen):
            if is_terminal(seen.status):
                return Ended(seen.status)
            note = f"the job is {seen.status}" if seen.status != last or trouble else ""
            last, trouble, refusals = seen.status, "", Refusals()
        else:
            note = f"{seen.why}; still waiting" if seen.why != trouble else ""
            trouble, retry_after = seen.why, seen.retry_after
            refusals = refusals.and_one(seen.now) if seen.refused else refusals
        left = (deadline - seen.now).total_seconds() if deadline else None
        if left is not None and left <= 0:
            return OutOfTime(last)
        if isinstance(seen, NotSeen) and seen.refused and refusals.too_many(seen.now):
            return Refused(last, trouble)
        looks += 1
        wait = next_wait(pace, looks, jitter(), retry_after)
        yield Pause(wait if left is None else min(wait, left), note)
