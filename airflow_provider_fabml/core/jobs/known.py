"""What one try knows of its submission, and how each answer changes that."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_fabml.core.jobs.look_up import SETTLE_WINDOW, Found

if TYPE_CHECKING:
    from airflow_provider_fabml.core.errors import FabmlError
    from airflow_provider_fabml.core.jobs.record import Record, Situation


class Limits(NamedTuple):
    """Until when: this try's own ``deadline``, and the ``post_time`` to leave for a POST before it.

    ``settle_window`` is how long a job may stay out of lists after its answer was lost.
    ``cancel_before`` says whether opening an attempt cancels the job of the one before.
    """

    deadline: datetime | None = None
    post_time: timedelta = timedelta()
    settle_window: timedelta = SETTLE_WINDOW
    cancel_before: bool = True


class Known(NamedTuple):
    """What a try knows. The record is stored; the rest ends with the process.

    ``unknown_since`` is set while a POST of the record has no known outcome: the instant of the loss
    where this process saw it (a POST may take a minute), of the intent otherwise. ``ours`` is True once
    this process opened the record's attempt, ``settled`` once the attempt before needs nothing more.
    """

    now: Situation
    record: Record | None = None
    limits: Limits = Limits()
    ours: bool = False
    settled: bool = False
    status: str | None = None
    unknown_since: datetime | None = None
    found: Found | None = None
    not_before: datetime | None = None
    not_run: tuple[FabmlError, ...] = ()
    lost: int = 0

    @classmethod
    def at_start(cls, record: Record | None, now: Situation, limits: Limits) -> Known:
        """What is known when a try begins: the stored record, and whether its POST was answered."""
        unknown = record is not None and record.job is None
        since = datetime.fromisoformat(record.intended_at) if record and unknown else None
        return cls(now, record, limits, unknown_since=since)

    def asked(self, status: str) -> Known:
        """The record's job was read."""
        return self._replace(status=status)

    def looked(self, found: Found) -> Known:
        """All jobs of the endpoint were read; ``found`` is the verdict."""
        return self._replace(found=found)

    def waited(self) -> Known:
        """The time asked for has passed: what lists showed before is old."""
        return self._replace(found=None, not_before=None)

    def ended(self) -> Known:
        """The attempt before is settled."""
        return self._replace(settled=True)

    def opened(self, record: Record) -> Known:
        """An attempt was opened; nothing of it was posted yet."""
        return self._replace(record=record, ours=True, unknown_since=None, found=None, status=None)

    def refused_to_run(self, error: FabmlError, not_before: datetime) -> Known:
        """The service is known not to have run the POST; it may be repeated from ``not_before``."""
        return self._replace(not_run=(*self.not_run, error), not_before=not_before)

    def lost_answer(self, at: datetime) -> Known:
        """The POST went out and its answer was lost."""
        return self._replace(unknown_since=at, found=None, lost=self.lost + 1)

    def has_job(self, record: Record, status: str) -> Known:
        """The record's job is known, by its answer or from a look-up."""
        return self._replace(record=record, status=status, unknown_since=None)

    @property
    def visible_by(self) -> datetime:
        """When a job of the POST of unknown outcome is sure to be listed."""
        since = self.unknown_since or datetime.max.replace(tzinfo=UTC) - self.limits.settle_window
        return since + self.limits.settle_window
