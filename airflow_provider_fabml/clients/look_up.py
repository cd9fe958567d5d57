"""Looks for the jobs of POSTs whose answers were lost, among all jobs of their endpoints."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow_provider_fabml.core.jobs.look_up import (
    Identified,
    Undecided,
    doubtful,
    judge_all,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from typing import Any

    from airflow_provider_fabml.clients.batch_endpoint import BatchEndpointClient
    from airflow_provider_fabml.core.jobs.look_up import Verdict
    from airflow_provider_fabml.core.jobs.record import Record

log = logging.getLogger(__name__)


def look_up(
    client: BatchEndpointClient, record: Record, now: datetime, visible_by: datetime | None
) -> tuple[Verdict, ...]:
    """The verdict on each open POST of the attempt, the newest first; no request where there is none.

    Each endpoint is listed once, and of jobs whose list entry tells nothing the details are read.
    """
    posts = record.open_posts()
    jobs = {name: _jobs(client, name, posts) for name in {post.endpoint_name for post in posts}}
    return judge_all(posts, jobs, now, visible_by)


def _jobs(
    client: BatchEndpointClient, endpoint_name: str, posts: Sequence[Record]
) -> list[dict[str, Any]]:
    jobs = client.list_jobs(endpoint_name)
    log.info("Looking for a job by output URI and tag among %d of %r", len(jobs), endpoint_name)
    unclear = {
        name
        for post in posts
        if post.endpoint_name == endpoint_name
        for name in doubtful(post, jobs)
    }
    details = {name: client.get_job_resource(name) for name in sorted(unclear)}
    return [details.get(str(job["name"])) or job for job in jobs]


def jobs_of(verdicts: Sequence[Verdict]) -> tuple[str, ...]:
    """Jobs that came of these POSTs."""
    return tuple(
        name
        for _, found in verdicts
        if isinstance(found, Identified)
        for name in (found.job_name, *found.others)
    )


def late_jobs(verdicts: Sequence[Verdict], own_job: str) -> tuple[str, ...]:
    """Jobs that came, or may have come, of POSTs that no list had shown, besides ``own_job``.

    Each would be a second job that nobody asked for.
    """
    unclear = {
        name for _, found in verdicts if isinstance(found, Undecided) for name in found.candidates
    }
    return tuple(sorted({*jobs_of(verdicts), *unclear} - {own_job}))
