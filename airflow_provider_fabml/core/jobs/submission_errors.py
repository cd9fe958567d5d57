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

    from airflow_provider_fabml.core.jobs.job import JobHandle
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


def asked_in_vain(record: Record | None, error: TransientError) -> TransientError:
    """A question stayed without an answer; a POST before it may have made a job."""
    if record is None:
        return error
    job = f"Job {record.handle.job_name} was started" if record.job else may_have_started(record)
    return TransientError(
        f"{job}; Azure ML does not tell more: {error.what}",
        status=error.status,
        retry_after=error.retry_after,
        remedy="retry the task: it looks for the job again, and starts no second one",
    )


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


def job_gone(what: str, handle: JobHandle) -> PermanentError:
    """The service does not know the job that an earlier try had started."""
    return PermanentError(
        f"{what}; an earlier try had started it",
        status=404,
        remedy="if the job is gone for good, clear the task: that opens a new attempt",
        url=handle.studio_url or None,
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


def may_have_started(record: Record) -> str:
    """Endpoint, time and inputs of a POST whose outcome is unknown."""
    return (
        f"A job may have been started on endpoint {record.endpoint_name!r} (deployment "
        f"{record.deployment_name!r}) at {record.intended_at} with inputs {_places(record.inputs)}"
    )


def _places(values: Mapping[str, Mapping[str, object]]) -> str:
    shown = [f"{name}={value.get('uri', value.get('value'))}" for name, value in values.items()]
    return ", ".join(shown) or "none"
