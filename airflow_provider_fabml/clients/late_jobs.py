"""Did a POST that no list showed make a job after all? Asked once an attempt of several POSTs ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_fabml.core.jobs.look_up import Adopt, Undecided, judge

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from airflow_provider_fabml.clients.batch_endpoint import BatchEndpointClient
    from airflow_provider_fabml.core.jobs.record import Record


def late_jobs(
    client: BatchEndpointClient, job_name: str, unseen: Sequence[Record], now: datetime
) -> tuple[str, ...]:
    """Jobs that came, or may have come, of POSTs that no list had shown, besides ``job_name``.

    Each would be a second job that nobody asked for.
    """
    late: set[str] = set()
    listed = {name: client.list_jobs(name) for name in {record.endpoint_name for record in unseen}}
    for record in unseen:
        match judge(record, listed[record.endpoint_name], now, now):
            case Adopt(name, others):
                late |= {name, *others}
            case Undecided(candidates):
                late |= {*candidates}
    return tuple(sorted(late - {job_name}))
