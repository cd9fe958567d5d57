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
… its job was found, or meanwhile that of      ``Adopt`` it
an earlier POST of the attempt
… no list shows it                             ``Open`` the attempt again; ``Fail`` after four
… others cannot be told from it                ``Fail``, naming them
a job, status unknown                          ``Ask``
a job, status known                            ``Resume``: a completed one gives its result
a question about a job that failed             ``Wait`` and ask again; ``Fail`` at the deadline,
                                               or when patience is over (a job to be settled, whose
                                               question stays refused, is left: ``LeaveBehind``)
deadline less the time a POST takes is past    ``Fail`` instead of ``Open``, ``Post`` or ``Wait``
=============================================  ==================================================
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from airflow_provider_fabml.core.errors import PermanentError
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
    asked_in_vain,
    may_have_started,
    no_time_to_look,
    no_time_to_post,
    undecided,
)

if TYPE_CHECKING:
    from airflow_provider_fabml.core.jobs.known import Known, Limits
    from airflow_provider_fabml.core.jobs.look_up import Verdict

# A POST that is known not to have run (429, no connection) is repeated this often in one try.
POSTS_NOT_RUN = 5
# After a lost answer and a look-up that found nothing, the POST is repeated this often in one try.
LOST_ANSWERS = 3


def next_step(known: Known, now: datetime) -> Step:
    """What to do next, at the instant ``now``.

    A new attempt never takes the number of the one before, whose output folder is in use: where
    templates rendered differently when the same try ran again, it takes the next.
    """
    step = _next_question(known, now)
    return _after_trouble(known, step, now) if known.trouble else step


def _next_question(known: Known, now: datetime) -> Step:
    record = known.record
    if record is None:
        return _open(now, known.now.try_number, known.limits)
    if _is_before(known, record):
        following = max(known.now.try_number, record.attempt + 1)
        return _settle(known, record, now) or _open(
            now, following, known.limits, _unseen(record, known.found)
        )
    if record.job is not None:
        return Ask(record) if known.status is None else Resume(record, known.status)
    if known.unknown_since is not None:
        return _look_up(known, record, now)
    return _post(known, record, now)


def _after_trouble(known: Known, step: Step, now: datetime) -> Step:
    """Between two tries to get a question answered: wait, ask, or give up.

    What is refused for good must not bar the way of the next attempt for ever: then the attempt before
    is left as it is.
    """
    due, trouble = known.not_before or now, known.trouble[-1]
    ends = (known.trouble_since or now) + known.limits.patience
    if due > min(ends, _deadline(known, now) or ends):
        if isinstance(trouble, PermanentError) and isinstance(step, End):
            why = f"job {step.job_name} could not be cancelled ({trouble.what})"
            return LeaveBehind(step.record, (step.job_name,), f"may still run: {why}")
        if (
            isinstance(trouble, PermanentError)
            and isinstance(step, LookUp)
            and _is_before(known, step.record)
        ):
            why = f"{may_have_started(step.record)}: the lists could not be read ({trouble.what})"
            return LeaveBehind(step.record, (), f"is not known to the end. {why}")
        return Fail(asked_in_vain(known.record, trouble))
    if due > now:
        return Wait((due - now).total_seconds(), f"{trouble}; it will be asked again")
    return step


def _is_before(known: Known, record: Record) -> bool:
    """Whether the record is of the attempt before, which is to be settled."""
    return not known.ours and is_over(record, known.now, known.status)


def _settle(known: Known, before: Record, now: datetime) -> Step | None:
    """The next step towards settling the attempt before; None once there is nothing more to do."""
    ended = known.status is not None and is_terminal(known.status)
    if before.job is not None and not ended and before.handle.job_name not in known.settled:
        return _leave_or_end(known, before, before.handle.job_name)
    if not _worth_a_look(known, before):
        return None
    if known.found is None:
        return LookUp(before)
    for verdict in known.found:
        step = _settle_one(known, verdict, now)
        if step is not None:
            return step
    return None


def _worth_a_look(known: Known, before: Record) -> bool:
    """What is to be left is named where it is the newest; all else is named when the task ends."""
    return bool(before.open_posts()) and (known.limits.cancel_before or before.job is None)


def _settle_one(known: Known, verdict: Verdict, now: datetime) -> Step | None:
    post, found = verdict
    match found:
        case look_up.Identified(job_name, others):
            todo = [name for name in (job_name, *others) if name not in known.settled]
            return _leave_or_end(known, post, todo[0]) if todo else None
        case look_up.Undecided(candidates) if not {*candidates} <= {*known.settled}:
            why = f"may have started one of these: {', '.join(candidates)}"
            return LeaveBehind(post, candidates, why)
        case look_up.WaitAndLookAgain(seconds) if known.limits.cancel_before:
            return _wait(now, seconds, known.limits.deadline) or Fail(no_time_to_look(post))
        case _:
            return None


def _leave_or_end(known: Known, before: Record, job_name: str) -> Step:
    if known.limits.cancel_before:
        return End(before, job_name)
    return LeaveBehind(before, (job_name,), f"started job {job_name}")


def _look_up(known: Known, record: Record, now: datetime) -> Step:
    if known.found is None:
        return LookUp(record)
    verdicts = [verdict for verdict in known.found if verdict.post.attempt == record.attempt]
    if isinstance(verdicts[0].found, look_up.WaitAndLookAgain):
        return _wait(now, verdicts[0].found.seconds, _deadline(known, now)) or Fail(
            no_time_to_look(record)
        )
    for post, found in verdicts:
        if isinstance(found, look_up.Identified):
            return Adopt(post, found.job_name, found.others)
    undecidable = [v.found.candidates for v in verdicts if isinstance(v.found, look_up.Undecided)]
    if undecidable:
        return Fail(undecided(record, sorted({name for names in undecidable for name in names})))
    if known.lost > LOST_ANSWERS:
        return Fail(answers_lost(record, known.lost))
    limits = known.limits._replace(deadline=_deadline(known, now))
    return _open(now, record.attempt, limits, (*record.unseen, record.posted()))


def _unseen(record: Record, found: tuple[Verdict, ...] | None) -> tuple[dict[str, object], ...]:
    """The POSTs of the attempt before whose jobs nobody has seen: they are asked for once more at the end."""
    if found is None:
        return tuple(record.unseen)
    told = [
        post.invocation_id
        for post, came in found
        if isinstance(came, look_up.Identified | look_up.Undecided)
    ]
    posts = [post.posted() for post in reversed(record.open_posts())]
    return tuple(post for post in posts if post["invocation_id"] not in told)


def _open(
    now: datetime, attempt: int, limits: Limits, unseen: tuple[dict[str, object], ...] = ()
) -> Step:
    last = _last_post(limits.deadline, limits)
    if last is not None and now > last:
        return Fail(no_time_to_post(limits.deadline))
    return Open(attempt, unseen, limits.deadline)


def _post(known: Known, record: Record, now: datetime) -> Step:
    last = _last_post(record.ends, known.limits)
    due = max(known.not_before or now, now)
    if known.not_run and (len(known.not_run) >= POSTS_NOT_RUN or (last and due > last)):
        return Fail(known.not_run[-1])
    if last is not None and now > last:
        return Fail(no_time_to_post(record.ends))
    if due > now:
        return Wait((due - now).total_seconds(), f"{known.not_run[-1]}; it has not run")
    in_time = now + known.limits.send_window
    return Post(record, min(in_time, last or in_time))


def _deadline(known: Known, now: datetime) -> datetime | None:
    """When waiting ends: a resumed attempt has the deadline of the try that opened it.

    Where that has passed and no job is known there is nothing to wait for yet: this try's counts.
    """
    record = known.record
    if record is None or _is_before(known, record):
        return known.limits.deadline
    if record.job is None and record.ends is not None and record.ends < now:
        return known.limits.deadline
    return record.ends or known.limits.deadline


def _last_post(deadline: datetime | None, limits: Limits) -> datetime | None:
    """The last instant at which a POST may start, so that its answer comes before the deadline."""
    return None if deadline is None else deadline - limits.post_time


def _wait(now: datetime, seconds: float, deadline: datetime | None) -> Wait | None:
    """Wait for a job to be listed; None where the deadline comes first."""
    if deadline is not None and now + timedelta(seconds=seconds) > deadline:
        return None
    return Wait(seconds, "")
