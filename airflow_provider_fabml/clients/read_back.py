"""Looks at a new job once: is it what was asked for, and has it perhaps ended already."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow_provider_fabml.core.errors import FabmlError, PermanentError
from airflow_provider_fabml.core.jobs.readback import Finding, settings_not_taken

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_fabml.clients.batch_endpoint import BatchEndpointClient
    from airflow_provider_fabml.clients.plan import Submitted
    from airflow_provider_fabml.core.jobs.job import JobHandle, JobView

log = logging.getLogger(__name__)


def confirm(
    client: BatchEndpointClient, submitted: Submitted, settings: Mapping[str, Any], *, strict: bool
) -> JobHandle:
    """Compare the settings that were sent with the job's own; give the handle with today's status.

    A setting that the job contradicts is an error in the log; with ``strict`` the job is cancelled
    and ``PermanentError`` raised. One that the job is silent about is a warning. A look that fails
    decides nothing about a job that was started (a new one may not be readable at once).
    """
    handle = submitted.handle
    seen = None if submitted.resumed else _look(client, handle)  # a resumed one was just read
    told = (*submitted.observed, seen.properties) if seen else submitted.observed
    lost, unknown = settings_not_taken(settings, *told)
    for finding in unknown:
        log.warning("Setting %s", finding)
    for finding in lost:
        log.error("Setting not taken: %s", finding)
    if lost and strict:
        client.cancel_job(handle.job_name)
        raise _not_taken(handle, lost)
    return handle._replace(status=seen.status) if seen else handle


def _look(client: BatchEndpointClient, handle: JobHandle) -> JobView | None:
    try:
        return client.get_job(handle.job_name)
    except FabmlError as error:
        log.warning("Job %s was started and cannot be read yet: %s", handle.job_name, error)
        return None


def _not_taken(handle: JobHandle, lost: list[Finding]) -> PermanentError:
    return PermanentError(
        f"job {handle.job_name} was cancelled: the service did not take "
        f"{'; '.join(str(finding) for finding in lost)}",
        remedy="set it on the deployment, or leave strict_settings out to be warned only",
        url=handle.studio_url or None,
    )
