"""What a task still has to say of POSTs whose jobs nobody has seen, when it ends."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow_provider_fabml.core.errors import FabmlError
from airflow_provider_fabml.core.jobs.submission_errors import listed_too_late, may_have_started

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from airflow_provider_fabml.clients.batch_endpoint import BatchEndpointClient
    from airflow_provider_fabml.core.jobs.job import JobHandle
    from airflow_provider_fabml.core.jobs.record import Record

log = logging.getLogger(__name__)


def jobs_of_open_posts(
    client: BatchEndpointClient, record: Record, now: datetime
) -> tuple[str, ...]:
    """The jobs of an attempt that ends before their names were known; what is not listed is named."""
    from airflow_provider_fabml.clients.look_up import jobs_of, look_up

    found: tuple[str, ...] = ()
    try:
        found = jobs_of(look_up(client, record, now, None))
    except FabmlError as error:
        log.warning("Which jobs there are could not be asked: %s", error)
    if not found:
        log.error("%s; it is not listed, and not cancelled", may_have_started(record))
    return found


def tell_of_late_jobs(
    client: BatchEndpointClient,
    record: Record,
    handle: JobHandle,
    now: datetime,
    settle_window: timedelta,
) -> None:
    """A POST whose job no list had shown in time may have made one after all."""
    from airflow_provider_fabml.clients.look_up import late_jobs, look_up

    try:
        found = look_up(client, record, now, None)
    except FabmlError as error:  # the result is there, and must not be lost for this
        log.warning("Whether an earlier POST made a job too could not be asked: %s", error)
        return
    late = late_jobs(found, handle.job_name)
    if late:
        posts = [verdict.post for verdict in found]
        log.error(listed_too_late(posts, handle.job_name, late, settle_window))
