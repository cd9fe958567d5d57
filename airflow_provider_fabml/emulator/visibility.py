"""Which jobs a caller sees, and in which order: new ones may take a while to appear."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_fabml.emulator.service import Service
    from airflow_provider_fabml.emulator.state import Job, Run


def job_by_name(service: Service, name: str) -> Job | None:
    """Return the job, or None where there is none or it cannot be read yet."""
    found = service.store.job(name)
    return found if found is not None and _readable(service, found) else None


def run_by_id(service: Service, run_id: str) -> tuple[Job, Run | None] | None:
    """Return the job and perhaps the child that the run is; None as for ``job_by_name``."""
    found = service.store.run(run_id)
    return found if found is not None and _readable(service, found[0]) else None


def listed_jobs(service: Service, stale: float) -> list[Job]:
    """Return the jobs that lists showed ``stale`` seconds ago, in the lists' order."""
    newest = service.runner.timers.now() - stale - service.switches.listed_after_seconds
    jobs = [job for job in service.store.jobs() if job.born <= newest]
    match service.switches.list_order:
        case "newest_first":
            jobs.reverse()
        case "random":
            jobs.sort(key=_shuffled)
        case _:
            pass
    return jobs


def _readable(service: Service, job: Job) -> bool:
    age = service.runner.timers.now() - job.born
    return age >= service.switches.readable_after_seconds


def _shuffled(job: Job) -> bytes:
    """Any order will do that stays the same from page to page."""
    return hashlib.sha256(job.name.encode()).digest()
