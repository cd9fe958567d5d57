"""What a submission says when it gives up: endpoint, time, inputs, and the jobs to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_fabml.core.errors import (
    AnswerLostError,
    OutOfTimeError,
    PermanentError,
    TakenOverError,
    TransientError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from airflow_provider_fabml.core.errors import FabmlError
    from airflow_provider_fabml.core.jobs.record import Record


def undecided(record: Record, candidates: Sequence[str]) -> PermanentError:
    """Jobs that cannot be told from the one that may have been started."""
    return PermanentError(
        f"{may_have_started(record)}, and these cannot be told from it: {', '.join(candidates)}. "
        "No second job was started.",
        remedy="look at them in the studio; then clear the task to start a new attempt, "
        f"or cancel the one whose outputs are {_places(record.outputs)}",
    )


def answers_lost(record: Record, lost: int) -> AnswerLostError:
    """One answer after the other was lost, and no list ever showed a job."""
    return AnswerLostError(
        f"{lost} POSTs to endpoint {record.endpoint_name!r} were sent one after the other, each answer "
        f"was lost, and no list shows a job of theirs (inputs {_places(record.inputs)})"
    )


def asked_in_vain(record: Record | None, error: FabmlError) -> FabmlError:
    """A question stayed without an answer; a POST before it may have made a job."""
    if record is None:
        return error
    job = f"Job {record.handle.job_name} was started" if record.job else may_have_started(record)
    what = f"{job}; Azure ML does not tell more: {error.what}"
    if isinstance(error, PermanentError):
        remedy = f"{error.remedy or 'see why'}; should the job be gone for good, clear the task"
        return PermanentError(what, status=error.status, remedy=remedy, url=_studio(record))
    if not isinstance(error, TransientError):
        return error
    return TransientError(
        what,
        status=error.status,
        retry_after=error.retry_after,
        remedy="retry the task: it looks for the job again, and starts no second one",
    )


def _studio(record: Record) -> str | None:
    return record.handle.studio_url or None if record.job else None


def taken_over(record: Record) -> TakenOverError:
    """Another try has stored an intent of its own while this process was held up."""
    started = f"; it has started job {record.handle.job_name}" if record.job else ""
    return TakenOverError(
        f"This process was held up while it submitted to endpoint {record.endpoint_name!r}, and another "
        f"try of the task goes on in its place{started}",
        remedy="none is needed: the other try has looked for the job before it started one",
    )


def no_time_to_look(record: Record) -> OutOfTimeError:
    """The deadline came before the lists could tell."""
    return OutOfTimeError(
        f"{may_have_started(record)}; it is not listed yet, and execution_timeout is about to pass. "
        "No second job was started",
        remedy="retry the task: it looks for the job again; or raise execution_timeout",
    )


def no_time_to_post(deadline: datetime | None) -> OutOfTimeError:
    """A job started now could not be heard of before the deadline."""
    at = f" ({deadline.isoformat(timespec='seconds')})" if deadline else ""
    return OutOfTimeError(
        f"execution_timeout is about to pass{at}: too late to start a job; nothing was sent",
        remedy="raise execution_timeout",
    )


def listed_too_late(
    unseen: Sequence[Record], own_job: str, late: Sequence[str], settle_window: timedelta
) -> str:
    """POSTs whose jobs no list had shown in time, and the jobs that are there after all."""
    posts = "; ".join(may_have_started(post) for post in unseen)
    return (
        f"{posts}. The answer was lost, and no list showed that job within {settle_window}, so job "
        f"{own_job} was started. Now there is one more job, or one of these: {', '.join(late)}. Look "
        "at them in the studio, and cancel what nobody needs"
    )


def not_waited_for(unseen: Sequence[Record], own_job: str) -> str:
    """POSTs whose jobs no list has shown, at the time another job was started."""
    posts = "; ".join(may_have_started(post) for post in unseen)
    return f"{posts}. No list shows that job, so job {own_job} was started; should it turn up, look at both"


def may_have_started(record: Record) -> str:
    """Endpoint, time and inputs of a POST whose outcome is unknown."""
    return (
        f"A job may have been started on endpoint {record.endpoint_name!r} (deployment "
        f"{record.deployment_name!r}) at {record.intended_at} with inputs {_places(record.inputs)}"
    )


def _places(values: Mapping[str, Mapping[str, object]]) -> str:
    shown = [f"{name}={value.get('uri', value.get('value'))}" for name, value in values.items()]
    return ", ".join(shown) or "none"
