"""The one place where our errors become Airflow's (D13).

A call that is wrong and a refusal that stays fail the task at once (no retry can help); what may
pass is left to the task's own retries.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowException, AirflowFailException

from airflow_provider_fabml.core.errors import (
    FabmlError,
    JobNotCompletedError,
    OutputNotUsableError,
    PermanentError,
    UsageError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


class AzureMLJobError(AirflowException):
    """A batch job ended Failed or Canceled, or its result is not usable; a retry starts anew."""


_FINAL = (UsageError, PermanentError)
_OF_THE_JOB = (JobNotCompletedError, OutputNotUsableError)


def airflow_error(error: FabmlError, *, job_is_final: bool = False) -> AirflowException:
    """Airflow's exception for one of ours, with the same words.

    ``job_is_final`` for those who only watch a job: looking again at a job that failed cannot help.
    """
    if isinstance(error, _FINAL) or (job_is_final and isinstance(error, _OF_THE_JOB)):
        return AirflowFailException(str(error))
    if isinstance(error, _OF_THE_JOB):
        return AzureMLJobError(str(error))
    return AirflowException(str(error))


@contextmanager
def airflow_errors(*, job_is_final: bool = False) -> Iterator[None]:
    """Inside this block our errors leave as Airflow's."""
    try:
        yield
    except FabmlError as error:
        # Not "from error": the log would say the same words twice, under two tracebacks.
        raise airflow_error(error, job_is_final=job_is_final) from None
