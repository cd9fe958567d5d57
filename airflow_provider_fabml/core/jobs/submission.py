"""Submit once: what to do next for one task instance, as a pure function of what is known (D1, D2).

``next_step`` says what to do; whoever does it tells ``Known`` what came of it, and asks again, until the
step is ``Resume`` or ``Fail``. The record is written to the task state store *before* every job-creating
POST (the intent) and again right after it (the handle); it survives retries and Clears and never expires.

=============================================  ==================================================
known                                          next step
=============================================  ==================================================
no record                                      ``Open`` the attempt named by this try
a record whose attempt is over: cleared,       settle it: ``LookUp`` a job of unknown outcome,
other inputs, or (in a later try) its job      ``End`` the job if it may still run; then ``Open``
Failed or Canceled, or nothing came of it
an intent of this process, nothing posted      ``Post``; ``Wait`` first where the service asked to
the POST is known not to have run              ``Wait``, ``Post``; ``Fail`` after five of them
a POST of unknown outcome (its answer was      ``LookUp`` by our tag and the output URIs, with
lost, or a process died around it)             ``Wait`` between looks until the settle window passed
… its job was found                            ``Adopt`` it
… no list shows it                             ``Open`` the attempt again; ``Fail`` after four
… others cannot be told from it                ``Fail``, naming them
a job, status unknown                          ``Ask``
a job, status known                            ``Resume``: a completed one gives its result
deadline less the time a POST takes is past    ``Fail`` instead of ``Open``, ``Post`` or ``Wait``
=============================================  ==================================================
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from airflow_provider_fabml.core.jobs import look_up
from airflow_provider_fabml.core.jobs.job import is_terminal
from airflow_provider_fabml.core.jobs.record import Record, is_over
from airflow_provider_fabml.core.jobs.steps import (
    Adopt,
    Ask,
    End,
    Fail,
    LeaveBehind,
    LookUp,
    Open,
    Post,
    Resume,
    Step,
    Wait,
)
from airflow_provider_fabml.core.jobs.submission_errors import (
    answers_lost,
    no_time_to_look,
    no_time_to_post,
    undecided,
)

if TYPE_CHECKING:
    from airflow_provider_fabml.core.jobs.known import Known
    from airflow_provider_fabml.core.jobs.look_up import Found

# A POST that is known not to have run (429, no connection) is repeated this often in one try.
POSTS_NOT_RUN = 5
# After a lost answer and a look-up that found nothing, the POST is repeated this often in one try.
LOST_ANSWERS = 3


def next_step(known: Known, now: datetime) -> Step:
    """What to do next, at the instant ``now``.

    A new attempt never takes the number of the one before, whose output folder is in use: where
    templates rendered differently when the same try ran again, it takes the next.
    """
    record = known.record
    if record is None:
        return _open(known, now, known.now.try_number)
    if not known.ours and is_over(record, known.now, known.status):
        following = max(known.now.try_number, record.attempt + 1)
        settling = _settle(known, record, now)
        return settling or _open(known, now, following, _unseen(record, known.found))
    if record.job is not None:
        return Ask(record) if known.status is None else Resume(record, known.status)
    if known.unknown_since is not None:
        return _look_up(known, record, now)
    return _post(known, record, now)


def _settle(known: Known, before: Record, now: datetime) -> Step | None:
    """The next step towards settling the attempt before; None once there is nothing more to do."""
    if known.settled or (known.status is not None and is_terminal(known.status)):
        return None
    if before.job is not None:
        return _leave_or_end(known, before, before.handle.job_name)
    if known.found is None:
        return LookUp(before)
    return _settle_found(known, before, known.found, now)


def _settle_found(known: Known, before: Record, found: Found, now: datetime) -> Step | None:
    match found:
        case look_up.Adopt(job_name):
            return _leave_or_end(known, before, job_name)
        case look_up.Undecided(candidates):
            return LeaveBehind(before, f"may have started one of these: {', '.join(candidates)}")
        case look_up.WaitAndLookAgain(seconds) if known.limits.cancel_before:
            return _wait(known, now, seconds) or Fail(no_time_to_look(before))
        case _:
            return None


def _leave_or_end(known: Known, before: Record, job_name: str) -> Step:
    if known.limits.cancel_before:
        return End(before, job_name)
    return LeaveBehind(before, f"started job {job_name}")


def _look_up(known: Known, record: Record, now: datetime) -> Step:
    match known.found:
        case None:
            return LookUp(record)
        case look_up.Adopt(job_name):
            return Adopt(record, job_name)
        case look_up.WaitAndLookAgain(seconds):
            return _wait(known, now, seconds, record.ends) or Fail(no_time_to_look(record))
        case look_up.Undecided(candidates):
            return Fail(undecided(record, candidates))
        case look_up.NotThere():
            if known.lost > LOST_ANSWERS:
                return Fail(answers_lost(record, known.lost))
            return _open(known, now, record.attempt, _unseen(record, known.found))


def _unseen(record: Record, found: Found | None) -> tuple[dict[str, object], ...]:
    """All POSTs so far whose jobs nobody has seen: they are asked for once more when the task ends."""
    if isinstance(found, look_up.NotThere | look_up.WaitAndLookAgain):
        return (*record.unseen, record.posted())
    return tuple(record.unseen)


def _open(
    known: Known, now: datetime, attempt: int, unseen: tuple[dict[str, object], ...] = ()
) -> Step:
    last = _last_post(known)
    if last is not None and now > last:
        return Fail(no_time_to_post(known.limits.deadline))
    return Open(attempt, unseen)


def _post(known: Known, record: Record, now: datetime) -> Step:
    last = _last_post(known)
    due = max(known.not_before or now, now)
    if known.not_run and (len(known.not_run) >= POSTS_NOT_RUN or (last and due > last)):
        return Fail(known.not_run[-1])
    if last is not None and now > last:
        return Fail(no_time_to_post(known.limits.deadline))
    if due > now:
        return Wait((due - now).total_seconds(), f"{known.not_run[-1]}; it has not run")
    return Post(record, last)


def _last_post(known: Known) -> datetime | None:
    """The last instant at which a POST may start, so that its answer comes before the deadline."""
    deadline = known.limits.deadline
    return None if deadline is None else deadline - known.limits.post_time


def _wait(
    known: Known, now: datetime, seconds: float, inherited: datetime | None = None
) -> Wait | None:
    """Wait for a job to be listed; None where the deadline comes first."""
    deadline = inherited or known.limits.deadline
    if deadline is not None and now + timedelta(seconds=seconds) > deadline:
        return None
    return Wait(seconds, "")
