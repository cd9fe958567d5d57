"""Whether a failure is the task's end: Airflow decides it after us, and a manifest must not say it before."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow.sdk import RetryAction

from airflow_provider_fabml.core.retry_advice import is_last_try
from airflow_provider_fabml.hooks.airflow_errors import airflow_error

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context

    from airflow_provider_fabml.core.errors import FabmlError

log = logging.getLogger(__name__)


def no_try_follows(error: FabmlError, task: BaseOperator, context: Context) -> bool:
    """Whether the task will not be tried again after this error, by its tries and its retry policy."""
    ti = context["ti"]
    return is_last_try(ti.try_number, ti.max_tries, refused=_refuses(error, task, context))


def _refuses(error: FabmlError, task: BaseOperator, context: Context) -> bool:
    """Ask the policy as Airflow will; one that breaks is none."""
    if task.retry_policy is None:
        return False
    ti, raised = context["ti"], airflow_error(error)
    try:
        decision = task.retry_policy.evaluate(raised, ti.try_number, ti.max_tries, context)
    except Exception as broken:  # noqa: BLE001 - Airflow goes on without it, too
        log.warning("The retry policy cannot be asked: %s", broken)
        return False
    return decision.action is RetryAction.FAIL
