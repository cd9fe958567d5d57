"""The one place where our errors become Airflow's (D13).

A call that is wrong and a refusal that stays fail the task at once (no retry can help); what may
pass is left to the task's own retries, and carries what ``AzureMLRetryPolicy`` needs to know.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowNotFoundException,
    AirflowSkipException,
)

from airflow_provider_fabml.core.errors import (
    FabmlError,
    JobNotCompletedError,
    OutputNotUsableError,
    PermanentError,
    SupersededError,
    TransientError,
    UsageError,
)
from airflow_provider_fabml.core.retry_advice import UNKNOWN, RetryAdvice

if TYPE_CHECKING:
    from collections.abc import Iterator


class AdvisedError(AirflowException):
    """An error that knows whether another try can help.

    :param advice: what is known about it.
    """

    def __init__(self, message: str, advice: RetryAdvice = UNKNOWN) -> None:
        self.advice = advice
        super().__init__(message)


class AzureMLJobError(AdvisedError):
    """A batch job ended Failed or Canceled, or its result is not usable; a retry starts anew."""


class AzureTransientError(AdvisedError):
    """Azure did not answer, or asked to wait (429, 5xx, no connection); a later try may work."""


_FINAL = (UsageError, PermanentError)
_OF_THE_JOB = (JobNotCompletedError, OutputNotUsableError)


def airflow_error(error: FabmlError, *, job_is_final: bool = False) -> AirflowException:
    """Airflow's exception for one of ours, with the same words.

    ``job_is_final`` for those who only watch a job: looking again at a job that failed cannot help.
    """
    if isinstance(error, _FINAL) or (job_is_final and isinstance(error, _OF_THE_JOB)):
        return AirflowFailException(str(error))
    if isinstance(error, _OF_THE_JOB):
        return AzureMLJobError(str(error), error.advice)
    if isinstance(error, SupersededError):
        return AirflowSkipException(str(error))
    if isinstance(error, TransientError):
        return AzureTransientError(str(error), error.advice)
    return AirflowException(str(error))


@contextmanager
def connection_found(conn_id: str) -> Iterator[None]:
    """Inside this block a connection that is not defined is a wrong call: no retry defines it."""
    try:
        yield
    except AirflowNotFoundException:
        raise PermanentError(
            f"the connection {conn_id!r} is not defined",
            remedy="create it, or correct the task's connection id; if it lies in a secrets backend, see "
            "that the backend answers this worker",
        ) from None


@contextmanager
def airflow_errors(*, job_is_final: bool = False) -> Iterator[None]:
    """Inside this block our errors leave as Airflow's."""
    try:
        yield
    except FabmlError as error:
        # Not "from error": the log would say the same words twice, under two tracebacks.
        raise airflow_error(error, job_is_final=job_is_final) from None
