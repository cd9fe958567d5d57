"""What one try knows of its submission, and how each answer changes that."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_fabml.core.errors import TransientError
from airflow_provider_fabml.core.jobs.look_up import SETTLE_WINDOW

if TYPE_CHECKING:
    from airflow_provider_fabml.core.errors import FabmlError, PermanentError
    from airflow_provider_fabml.core.jobs.look_up import Verdict
    from airflow_provider_fabml.core.jobs.record import Record, Situation

# A POST is not sent later than this after its intent was stored: a process that was held up in between
# must not send it after another try has looked for its job.
SEND_WINDOW = timedelta(seconds=60)
# Questions that fail for a passing reason are asked again for this long in one try.
PATIENCE = timedelta(minutes=10)
_LONGEST_PAUSE = 30.0


class Limits(NamedTuple):
    """Until when: this try's own ``deadline``, and the ``post_time`` to leave for a POST before it.

    A POST starts at most ``send_window`` after its intent. ``settle_window`` is how long a job may stay
    out of lists after its answer was lost. ``patience`` is for questions that fail for a passing reason.
    ``cancel_before`` says whether opening an attempt cancels the job of the one before.
    """

    deadline: datetime | None = None
    post_time: timedelta = timedelta()
    settle_window: timedelta = SETTLE_WINDOW
    cancel_before: bool = True
    send_window: timedelta = SEND_WINDOW
    patience: timedelta = PATIENCE


class Known(NamedTuple):
    """What a try knows. The record is stored; the rest ends with the process.

    ``unknown_since`` is set while a POST of the record has no known outcome: the instant of the loss
    where this process saw it, and where it did not, the last instant at which the POST can have been
    under way. ``ours`` is True once this process opened the record's attempt; ``settled`` are jobs of the
    attempt before that need nothing more. ``trouble`` are the failures of the question that comes next,
    the first of them at ``trouble_since``.
    """

    now: Situation
    record: Record | None = None
    limits: Limits = Limits()
    ours: bool = False
    settled: tuple[str, ...] = ()
    status: str | None = None
    unknown_since: datetime | None = None
    found: tuple[Verdict, ...] | None = None
    not_before: datetime | None = None
    not_run: tuple[FabmlError, ...] = ()
    lost: int = 0
    trouble: tuple[TransientError | PermanentError, ...] = ()
    trouble_since: datetime | None = None

    @classmethod
    def at_start(cls, record: Record | None, now: Situation, limits: Limits) -> Known:
        """What is known when a try begins: the stored record, and whether its POST was answered."""
        if record is None or record.job is not None:
            return cls(now, record, limits)
        intended = datetime.fromisoformat(record.intended_at)
        over_by = intended + limits.send_window + limits.post_time
        return cls(now, record, limits, unknown_since=over_by)

    def asked(self, status: str) -> Known:
        """The record's job was read."""
        return self._answered(status=status)

    def looked(self, found: tuple[Verdict, ...]) -> Known:
        """All jobs of the endpoint were read; ``found`` are the verdicts on the open POSTs."""
        return self._answered(found=found)

    def waited(self) -> Known:
        """The time asked for has passed; what lists showed is old, unless it was trouble that passed."""
        found = self.found if self.trouble else None
        return self._replace(found=found, not_before=None)

    def settle(self, *jobs: str) -> Known:
        """These jobs of the attempt before need nothing more."""
        return self._answered(settled=(*self.settled, *jobs))

    def opened(self, record: Record) -> Known:
        """An attempt was opened; nothing of it was posted yet."""
        return self._answered(
            record=record, ours=True, unknown_since=None, found=None, status=None, settled=()
        )

    def refused_to_run(self, error: FabmlError, not_before: datetime) -> Known:
        """The service is known not to have run the POST; it may be repeated from ``not_before``."""
        return self._replace(not_run=(*self.not_run, error), not_before=not_before)

    def lost_answer(self, at: datetime) -> Known:
        """The POST went out and its answer was lost."""
        return self._replace(unknown_since=at, found=None, lost=self.lost + 1)

    def has_job(self, record: Record, status: str) -> Known:
        """The record's job is known, by its answer or from a look-up."""
        return self._answered(record=record, status=status, unknown_since=None)

    def troubled(self, error: TransientError | PermanentError, now: datetime) -> Known:
        """A question about a job failed, for a reason that may pass; it is asked again."""
        pause = min(2.0 ** len(self.trouble), _LONGEST_PAUSE)
        if isinstance(error, TransientError) and error.retry_after is not None:
            pause = error.retry_after
        return self._replace(
            trouble=(*self.trouble, error),
            trouble_since=self.trouble_since or now,
            not_before=now + timedelta(seconds=pause),
        )

    @property
    def visible_by(self) -> datetime | None:
        """When a job of the POST of unknown outcome is sure to be listed; None where there is none."""
        return self.unknown_since and self.unknown_since + self.limits.settle_window

    def _answered(self, **known: object) -> Known:
        """A question was answered, so trouble is over."""
        return self._replace(trouble=(), trouble_since=None, not_before=None, **known)  # type: ignore[arg-type]
